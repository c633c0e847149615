"""How many components, states or factors: one model at several values of an option.

From EM alone come AIC, BIC and ICL; from the posterior comes leave-one-out cross-validation. A
selection is not a verdict on the derivation: it lists the figures of each value and states which
value each criterion prefers.

| module | job |
|---|---|
| `_criteria` | AIC, BIC, ICL of one fit |
| `_count` | free parameters, units, entropy of a classification |
| `_loo` | leave-one-out cross-validation, and its differences |
| `evaluation` | all of these for one value of the option |
| `ranking` | what follows from comparing the values |
| `candidate`, `selection`, `_table` | the result |
"""

from latentfit.selection._criteria import Criteria
from latentfit.selection._loo import Loo
from latentfit.selection._table import Column
from latentfit.selection.candidate import LABELS, Candidate
from latentfit.selection.evaluation import (
    Evaluation,
    SelectionProblem,
    failed,
    of_comparison,
    of_fit,
)
from latentfit.selection.ranking import check_values, complete_candidates
from latentfit.selection.selection import Selection

__all__ = [
    "LABELS",
    "Candidate",
    "Column",
    "Criteria",
    "Evaluation",
    "Loo",
    "Selection",
    "SelectionProblem",
    "check_values",
    "complete_candidates",
    "failed",
    "of_comparison",
    "of_fit",
]
