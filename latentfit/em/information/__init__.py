"""Standard errors of what EM estimated, by the routes of the literature.

EM gives no standard errors by itself. What it takes to find them differs:

| route | needs |
|---|---|
| `observed` | log p(x | θ) |
| `louis` | log p(x, z | θ) of single units at single values of z |
| `oakes` | Q(θ | θ'): the E step, and the complete-data log-likelihood of what it returns |
| `supplemented` | E step and M step, and Q(θ | θ̂) |
| `bootstrap` | a function that draws data, and EM once more for each of them |
| `profile` | log p(x | θ); intervals, not standard errors |
| `convergence` | E step and M step: how fast, and how much information is missing, no errors |
| `ridges` | log p(x | θ): in how many directions it is flat, no errors |

All take natural parameters, and what they differentiate they differentiate on a free scale
(`FreeScale`). At a maximum `observed`, `louis`, `oakes` and `supplemented` are four ways to one
matrix, the observed information. EM for a posterior mode has them too, with log p(θ) added to the
log-likelihood and to Q: what they tell is then a Laplace approximation.
"""

from latentfit.em.information._bootstrap import Bootstrap, Replicate, bootstrap
from latentfit.em.information._convergence import Convergence, convergence
from latentfit.em.information._functions import em_map, expected
from latentfit.em.information._louis import louis
from latentfit.em.information._oakes import oakes
from latentfit.em.information._observed import observed
from latentfit.em.information._profile import End, ProfileInterval, profile
from latentfit.em.information._result import ROUTES, StandardErrors
from latentfit.em.information._ridge import ridges
from latentfit.em.information._scale import FreeScale, Kind
from latentfit.em.information._supplemented import supplemented

__all__ = [
    "ROUTES",
    "Bootstrap",
    "Convergence",
    "End",
    "FreeScale",
    "Kind",
    "ProfileInterval",
    "Replicate",
    "StandardErrors",
    "bootstrap",
    "convergence",
    "em_map",
    "expected",
    "louis",
    "oakes",
    "observed",
    "profile",
    "ridges",
    "supplemented",
]
