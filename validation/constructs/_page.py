"""The page of the documentation that lists the constructs, ``docs/constructs.md``."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np

from constructs._evaluate import DERIVATIVE_TOLERANCE, LOG_LIKELIHOOD_TOLERANCE, Row

_INTRODUCTION = """# PyMC constructs

Each row is a small PyMC model of `validation/constructs/`. `make constructs` evaluates all of them
and writes this page.

- **How each latent is marginalised** is latentfit's own description.
- **log p(x | θ)** is latentfit's value, and **independent** is the value of a separate computation
  with NumPy and SciPy: a closed form, a sum over all values of the latents, or an integral by
  another rule in other coordinates. Where there are several θ, the one with the largest difference
  is shown.
- **Difference** is relative to the larger of 1 and the size of log p(x | θ). It may not exceed
  {tolerance:.0e}. The derivative of log p(x | θ) in a random direction is compared too, with
  differences of the independent values, and may not differ by more than {derivative:.0e}.
- A construct that is **refused** has latentfit's message in its row. Where it says that NUTS draws
  are used, `latentfit check` examines the steps with draws of the latents given θ.
"""

_COLUMNS = (
    "construct", "how each latent is marginalised", "log p(x given θ)", "independent", "difference",
)  # fmt: skip
_HEADER = f"| {' | '.join(_COLUMNS)} |\n|---|---|---:|---:|---:|\n"


def page(rows: Sequence[Row]) -> str:
    """Write the page.

    Parameters
    ----------
    rows : sequence of Row
        In the order in which they are to be shown.

    Returns
    -------
    str
        Markdown.
    """
    introduction = _INTRODUCTION.format(
        tolerance=LOG_LIKELIHOOD_TOLERANCE, derivative=DERIVATIVE_TOLERANCE
    )
    tables = [
        f"## {theme}\n\n{_HEADER}{''.join(map(_line, group))}"
        for theme, group in groupby(rows, key=lambda row: row.construct.theme)
    ]
    return "\n".join([introduction, _summary(rows), *tables])


def _summary(rows: Iterable[Row]) -> str:
    rows = list(rows)
    failed = sum(bool(row.problem) for row in rows)
    computed = sum(not row.problem and bool(row.comparisons) for row in rows)
    sampled = sum(not row.problem and row.sampled for row in rows)
    refused = len(rows) - failed - computed - sampled
    text = (
        f"{len(rows)} constructs: log p(x | θ) is computed for {computed}, draws by NUTS take its "
        f"place for {sampled}, and {refused} are refused."
    )
    if failed:
        text += f" **{failed} do not do what they should.**"
    return text + "\n"


def _line(row: Row) -> str:
    cells = [_escape(row.construct.title), _outcome(row), *_numbers(row)]
    return f"| {' | '.join(cells)} |\n"


def _outcome(row: Row) -> str:
    parts = [_escape(strategy) for strategy in row.strategies]
    if row.refusal:
        verb = "NUTS draws instead" if row.sampled else "refused"
        parts.append(f"*{verb}:* {_escape(row.refusal)}")
    if row.problem:
        parts.append(f"**{_escape(row.problem)}**")
    return "<br>".join(parts)


def _numbers(row: Row) -> list[str]:
    if not row.comparisons:
        return ["", "", ""]
    worst = max(row.comparisons, key=lambda one: np.nan_to_num(one.difference, nan=np.inf))
    return [f"{worst.value:.12g}", f"{worst.independent:.12g}", f"{worst.difference:.0e}"]


def _escape(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
