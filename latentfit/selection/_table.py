"""The table of a selection: the same columns in a terminal and in a report."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import wrap
from typing import NamedTuple

from latentfit.selection._criteria import NAMES
from latentfit.selection.candidate import LABELS, Candidate

MISSING = "—"
_WIDTH = 100
_MEANING = {
    "aic": "Akaike's information criterion, deviance scale",
    "bic": "Bayesian information criterion (Schwarz), deviance scale",
    "icl": "integrated completed likelihood, deviance scale: BIC and twice the entropy of the "
    "classification",
}


class Column(NamedTuple):
    """Heading, what it means, and a cell for each candidate."""

    heading: str
    meaning: str
    cells: tuple[str, ...]


def table_columns(
    option: str,
    candidates: Sequence[Candidate],
    criteria: Sequence[str],
    preferred: Mapping[str, int],
    *,
    posterior: bool,
) -> tuple[Column, ...]:
    """The figures as text; ``*`` marks the value that a criterion prefers.

    Parameters
    ----------
    option : str
    candidates : sequence of Candidate
    criteria : sequence of str
        Names of the criteria that at least one candidate has.
    preferred : mapping
        ``{criterion: value}``.
    posterior : bool
        Whether there are columns of cross-validation.
    """
    found = [c.criteria for c in candidates]
    columns = {
        name: tuple(_criterion(preferred, name, c) for c in candidates)
        for name in NAMES
        if name in criteria
    }
    values = tuple(MISSING if one is None else f"{one.log_likelihood:.2f}" for one in found)
    free = tuple(MISSING if one is None else str(one.free_parameters) for one in found)
    return (
        Column(option, "", tuple(str(c.value) for c in candidates)),
        Column("log p(x | θ)", "at EM's estimate, in nats", values),
        Column("free", "number of free parameters", free),
        *(Column(LABELS[name], _MEANING[name], cells) for name, cells in columns.items()),
        *(_cross_validation(preferred, candidates) if posterior else ()),
    )


def text(
    heading: str,
    option: str,
    candidates: Sequence[Candidate],
    columns: Sequence[Column],
    explanation: Sequence[str],
) -> str:
    """A heading, the table, the remarks of the candidates, and explanations."""
    grid = [(column.heading, *column.cells) for column in columns]
    widths = [max(map(len, column)) for column in grid]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*grid, strict=True)
    ]
    remarks = [
        line
        for candidate in candidates
        for remark in candidate.remarks
        for line in wrap(f"{option}={candidate.value}: {remark}", _WIDTH)
    ]
    notes = [line for note in explanation for line in wrap(note, _WIDTH)]
    blocks = ([heading], lines, remarks, notes)
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _cross_validation(
    preferred: Mapping[str, int], candidates: Sequence[Candidate]
) -> Iterator[Column]:
    loo = [c.loo for c in candidates]
    differences = [one and f"{one.difference:.1f} ({one.difference_se:.1f})" for one in loo]
    effective = [one and f"{one.p_loo:.1f}" for one in loo]
    high = [one and f"{one.unreliable} of {one.terms}" for one in loo]
    yield Column(
        "elpd_loo",
        "expected log pointwise predictive density, in nats",
        tuple(
            _marked(preferred, "loo", c, f"{c.loo.elpd:.1f}") if c.loo else MISSING
            for c in candidates
        ),
    )
    for heading, meaning, cells in (
        ("difference (se)", "of elpd_loo from the best, and its standard error", differences),
        ("p_loo", "effective number of parameters", effective),
        ("high k", "Pareto k too high for elpd_loo to be reliable", high),
    ):
        yield Column(heading, meaning, tuple(cell or MISSING for cell in cells))


def _criterion(preferred: Mapping[str, int], name: str, candidate: Candidate) -> str:
    value: float | None = getattr(candidate.criteria, name, None)
    return MISSING if value is None else _marked(preferred, name, candidate, f"{value:.2f}")


def _marked(preferred: Mapping[str, int], name: str, candidate: Candidate, figure: str) -> str:
    return f"{figure}{'*' if preferred.get(name) == candidate.value else ' '}"
