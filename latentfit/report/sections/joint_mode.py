"""Section: the mode over parameters and latents jointly, which is not the MLE."""

from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.declaration import labels
from latentfit.report.numbers import five_digits, typeset
from latentfit.report.section import ReportSection
from latentfit.report.tables import ReportTable
from latentfit.report.templating import render

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, JointModeResult

POSITION = 70

_MAX_LISTED_ENTRIES = 12

_TEMPLATE = """
<p>{{ sentence }}</p>
{{ draw.table(table) }}
"""


def section(comparison: "Comparison") -> ReportSection | None:
    """Show the joint mode beside the MLE; nothing if it could not be computed."""
    mode = comparison.joint_mode
    if mode is None:
        return None
    content = render(_TEMPLATE, sentence=mode.sentence, table=_table(comparison, mode))
    return ReportSection("joint-mode", "Joint mode", "The joint mode is not the MLE", content)


def _table(comparison: "Comparison", mode: "JointModeResult") -> ReportTable:
    mle = comparison.tree["mle"].to_dataset()
    known = {name: mle[name].values for name in mode.params if name in mle}
    values = {**mode.params, **mode.latents}
    entries = [
        entry for name, value in values.items() for entry in _entries(name, value, known.get(name))
    ]
    rows = [
        (label, typeset(five_digits(joint)), typeset(five_digits(marginal)))
        for label, joint, marginal in entries[:_MAX_LISTED_ENTRIES]
    ]
    if len(entries) > len(rows):
        rows.append((f"and {len(entries) - len(rows)} more", "", ""))
    return ReportTable(
        (
            ("", ""),
            ("joint mode", "maximiser of p(x, z, θ) over z and θ jointly"),
            ("MLE", "maximiser of p(x | θ)"),
        ),
        tuple(rows),
    )


def _entries(name: str, joint: Any, mle: Any) -> list[tuple[str, float, float]]:
    """Return label, joint mode and MLE of each entry; NaN for an MLE that does not exist."""
    joint = np.asarray(joint)
    mle = np.full(joint.shape, np.nan) if mle is None else np.asarray(mle)
    return [
        (label, float(first), float(second))
        for label, first, second in zip(
            labels(name, joint.shape), joint.ravel(), mle.ravel(), strict=True
        )
    ]
