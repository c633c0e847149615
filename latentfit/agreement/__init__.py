"""Whether EM, MLE, MAP and posterior agree.

| module | job |
|---|---|
| `problem` | what is compared |
| `_labels`, `_signs`, `alignment` | components renumbered and signs chosen as in EM's estimate |
| `maxima`, `optima` | MLE and MAP beside EM; the maxima that all starts lead to |
| `uncertainty`, `standard_error_differences` | standard errors by several methods |
| `identified`, `figures` | which parameters are judged; a row for each |
| `evidence` | all of it together |
| `verdicts` | one module for each verdict |
| `results`, `comparison`, `tree` | the result |
"""

from latentfit.agreement._labels import Exchange, assign, exchanges, renumber, renumber_one
from latentfit.agreement.alignment import Alignment, align
from latentfit.agreement.comparison import Comparison
from latentfit.agreement.evidence import Evidence, Sampling, gather_evidence, select_names
from latentfit.agreement.figures import adjusted_rand, compare_latent
from latentfit.agreement.maxima import Maxima, find_maxima
from latentfit.agreement.problem import Problem
from latentfit.agreement.results import JointModeResult, Latent, Optimum, Parameter, Verdict
from latentfit.agreement.uncertainty import Uncertainty, estimate_uncertainty, profile_labels
from latentfit.agreement.verdicts import agreement, all_verdicts

__all__ = [
    "Alignment",
    "Comparison",
    "Evidence",
    "Exchange",
    "JointModeResult",
    "Latent",
    "Maxima",
    "Optimum",
    "Parameter",
    "Problem",
    "Sampling",
    "Uncertainty",
    "Verdict",
    "adjusted_rand",
    "agreement",
    "align",
    "all_verdicts",
    "assign",
    "compare_latent",
    "estimate_uncertainty",
    "exchanges",
    "find_maxima",
    "gather_evidence",
    "profile_labels",
    "renumber",
    "renumber_one",
    "select_names",
]
