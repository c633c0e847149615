"""The models and their referees: a module for each kind of model.

If no package for a model exists or is installed, the model is written as a special case of another
model, for which there is a package (`markov`), or a general optimiser maximises a likelihood that
is computed by other packages (`items`, `series`, `normal`).
"""

from . import (
    classes,
    effects,
    genetics,
    items,
    lifetimes,
    markov,
    mixtures,
    normal,
    rates,
    series,
    thresholds,
)
from ._case import ROOT, Case, installed
from ._compare import Row, compare
from ._report import report

__all__ = ["ROOT", "Case", "Row", "cases", "compare", "installed", "report"]


def cases() -> list[Case]:
    return [
        case
        for kind in (
            mixtures,
            classes,
            markov,
            genetics,
            lifetimes,
            thresholds,
            rates,
            effects,
            series,
            normal,
            items,
        )
        for case in kind.cases()
    ]
