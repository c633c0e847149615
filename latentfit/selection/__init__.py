"""How many components, states or factors: one model at several values of an option.

AIC, BIC and ICL are computed from EM alone, leave-one-out cross-validation from the posterior. A
selection is not a verdict on the derivation: it lists the criteria of each value and states which
value each criterion prefers.

| module | job |
|---|---|
| `criteria` | AIC, BIC, ICL of one fit |
| `counts` | free parameters, units, entropy of the soft assignment |
| `cross_validation` | leave-one-out cross-validation |
| `evaluation` | all of these for one value of the option |
| `ranking` | comparisons between the values |
| `candidate`, `selection`, `_table` | the result of a selection |
"""

from latentfit.selection._table import Column
from latentfit.selection.candidate import LABELS, Candidate
from latentfit.selection.criteria import Criteria
from latentfit.selection.cross_validation import Loo
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
