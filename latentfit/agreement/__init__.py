"""Whether EM, MLE, MAP and posterior agree.

| module | job |
|---|---|
| `problem` | what is compared |
| `_exchanges`, `_find_exchanges` | symmetries of the likelihood: renumberings |
| `_reflections` | symmetries of the likelihood: changes of sign |
| `alignment` | one numbering and one choice of signs for all estimates and draws |
| `maxima`, `solution_groups` | MLE and MAP; the results of all starts |
| `uncertainty`, `standard_error_differences` | standard errors by several methods |
| `identified` | which parameters verdicts rest on |
| `parameters`, `latents` | estimates and posterior of each parameter and of each latent |
| `evidence` | everything that verdicts are computed from |
| `verdicts` | one module for each verdict |
| `results`, `comparison`, `tree` | the result of a comparison |
"""

from latentfit.agreement._exchanges import (
    Exchange,
    match_components,
    renumber,
    renumber_one,
)
from latentfit.agreement._find_exchanges import find_exchanges
from latentfit.agreement._reflections import Reflection, find_reflections
from latentfit.agreement.alignment import Alignment, align
from latentfit.agreement.comparison import Comparison
from latentfit.agreement.evidence import Evidence, Sampling, gather_evidence, select_names
from latentfit.agreement.latents import adjusted_rand, compare_latent
from latentfit.agreement.maxima import Maxima, find_maxima
from latentfit.agreement.problem import Problem
from latentfit.agreement.results import JointModeResult, Latent, Parameter, SolutionGroup, Verdict
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
    "Parameter",
    "Problem",
    "Reflection",
    "Sampling",
    "SolutionGroup",
    "Uncertainty",
    "Verdict",
    "adjusted_rand",
    "agreement",
    "align",
    "all_verdicts",
    "compare_latent",
    "estimate_uncertainty",
    "find_exchanges",
    "find_maxima",
    "find_reflections",
    "gather_evidence",
    "match_components",
    "profile_labels",
    "renumber",
    "renumber_one",
    "select_names",
]
