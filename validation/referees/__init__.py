"""What is refereed, and by whom: a module for each kind of model.

Where no package is made for a model, or none is here, one that is made for another fits it in
disguise (`markov`), or one that maximises whatever it is given is given a likelihood that others
compute (`items`, `series`, `normal`).
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
