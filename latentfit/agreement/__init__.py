"""Whether EM, MLE, MAP and posterior agree: labels aligned, figures compared, verdicts given."""

from latentfit.agreement._compare import compare
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
from latentfit.agreement._stages import Stages
from latentfit.agreement._subject import Subject
from latentfit.agreement._uncertainty import Uncertainty, profiled

__all__ = [
    "Comparison",
    "Exchange",
    "JointMode",
    "Latent",
    "Optimum",
    "Parameter",
    "Stages",
    "Subject",
    "Uncertainty",
    "Verdict",
    "adjusted_rand",
    "assign",
    "compare",
    "exchanges",
    "profiled",
    "renumber",
    "renumber_one",
]
