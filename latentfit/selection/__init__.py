"""How many components, states, factors: a model at several values of an option, side by side.

From EM alone come AIC, BIC and ICL; from the posterior leave-one-out cross-validation. A selection
is no verdict on the derivation: it sets figures side by side and says what each prefers.

| module | job |
|---|---|
| `_criteria` | AIC, BIC, ICL of one fit |
| `_count` | free parameters, units, entropy of a classification |
| `_loo` | leave-one-out cross-validation, and its differences |
| `_try` | all this for one value |
| `_select` | all values |
| `_result`, `_table` | what comes of it |
"""

from latentfit.selection._criteria import Criteria
from latentfit.selection._loo import Loo
from latentfit.selection._result import LABELS, Candidate, Selection
from latentfit.selection._select import select
from latentfit.selection._table import Column, columns
from latentfit.selection._try import Subject

__all__ = [
    "LABELS",
    "Candidate",
    "Column",
    "Criteria",
    "Loo",
    "Selection",
    "Subject",
    "columns",
    "select",
]
