"""The table of a selection: the same columns in a terminal and in a report."""

from collections.abc import Iterator
from textwrap import wrap
from typing import NamedTuple

from latentfit.selection._criteria import NAMES
from latentfit.selection._result import LABELS, Candidate, Selection

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


def columns(selection: Selection) -> tuple[Column, ...]:
    """The figures as text; ``*`` marks what a criterion prefers.

    Parameters
    ----------
    selection : Selection
    """
    every = selection.candidates
    found = [c.criteria for c in every]
    named = {
        name: tuple(_criterion(selection, name, c) for c in every)
        for name in NAMES
        if name in selection.criteria
    }
    heights = tuple(MISSING if one is None else f"{one.log_likelihood:.2f}" for one in found)
    free = tuple(MISSING if one is None else str(one.free_parameters) for one in found)
    return (
        Column(selection.option, "", tuple(str(c.value) for c in every)),
        Column("log p(x | θ)", "at EM's estimate, in nats", heights),
        Column("free", "number of free parameters", free),
        *(Column(LABELS[name], _MEANING[name], cells) for name, cells in named.items()),
        *(_posterior(selection) if selection.posterior else ()),
    )


def text(selection: Selection) -> str:
    """What is preferred, the table, remarks and explanations."""
    grid = [(column.heading, *column.cells) for column in columns(selection)]
    widths = [max(map(len, column)) for column in grid]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*grid, strict=True)
    ]
    remarks = [
        line
        for candidate in selection.candidates
        for remark in candidate.remarks
        for line in wrap(f"{selection.option}={candidate.value}: {remark}", _WIDTH)
    ]
    notes = [line for note in selection.explanation for line in wrap(note, _WIDTH)]
    head = f"{selection.title or selection.name}. {selection.sentence}"
    blocks = ([head], lines, remarks, notes)
    return "\n\n".join("\n".join(block) for block in blocks if block)


def _posterior(selection: Selection) -> Iterator[Column]:
    every = selection.candidates
    loo = [c.loo for c in every]
    differences = [one and f"{one.difference:.1f} ({one.difference_se:.1f})" for one in loo]
    effective = [one and f"{one.p_loo:.1f}" for one in loo]
    high = [one and f"{one.unreliable} of {one.terms}" for one in loo]
    yield Column(
        "elpd_loo",
        "expected log pointwise predictive density, in nats",
        tuple(
            _marked(selection, "loo", c, f"{c.loo.elpd:.1f}") if c.loo else MISSING for c in every
        ),
    )
    for heading, meaning, cells in (
        ("difference (se)", "of elpd_loo to the best, and its standard error", differences),
        ("p_loo", "effective number of parameters", effective),
        ("high k", "Pareto k too high for elpd_loo to be relied upon", high),
    ):
        yield Column(heading, meaning, tuple(cell or MISSING for cell in cells))


def _criterion(selection: Selection, name: str, candidate: Candidate) -> str:
    value: float | None = getattr(candidate.criteria, name, None)
    return MISSING if value is None else _marked(selection, name, candidate, f"{value:.2f}")


def _marked(selection: Selection, name: str, candidate: Candidate, figure: str) -> str:
    return f"{figure}{'*' if selection.preferred.get(name) == candidate.value else ' '}"
