"""Whether EM, MLE, MAP and posterior agree: labels aligned, figures compared, verdicts given."""

from latentfit.agreement._compare import Subject, compare
from latentfit.agreement._comparison import (
    Comparison,
    JointMode,
    Latent,
    Optimum,
    Parameter,
    Verdict,
)
from latentfit.agreement._figures import adjusted_rand
from latentfit.agreement._labels import Exchange, assign, exchanges, renumber, renumber_one

__all__ = [
    "Comparison",
    "Exchange",
    "JointMode",
    "Latent",
    "Optimum",
    "Parameter",
    "Subject",
    "Verdict",
    "adjusted_rand",
    "assign",
    "compare",
    "exchanges",
    "renumber",
    "renumber_one",
]
