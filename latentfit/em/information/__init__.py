"""Standard errors of EM's estimates, by the methods of the literature.

EM itself gives no standard errors. The methods differ in what they need:

| method | needs |
|---|---|
| `observed` | log p(x | θ) |
| `louis` | log p(x, z | θ) of single units at single values of z |
| `oakes` | Q(θ | θ'): the E step, and the expected complete-data log-likelihood |
| `supplemented` | the E step and the M step, and Q(θ | θ̂) |
| `bootstrap` | a function that simulates data, and a run of EM for each simulated data set |

Related results:

| function | result | needs |
|---|---|---|
| `profile` | confidence intervals | log p(x | θ) |
| `convergence` | rate of convergence, fractions of missing information | E step and M step |
| `unidentified_directions` | number of directions along which θ is not identified | log p(x | θ) |

All functions take parameters on the natural scale, and differentiate on a free scale (`FreeScale`).
At a maximum `observed`, `louis`, `oakes` and `supplemented` compute the same matrix, the observed
information, in four ways. For EM that maximises a posterior density, log p(θ) is added to the
log-likelihood and to Q; the results are then a Laplace approximation of the posterior.

Further names are for callers that compute derivatives themselves: an information matrix is turned
into standard errors by `errors_from_information`, and analysed by `curvature_of`. Finite
differences are in `latentfit.em.information.differences`.
"""

from latentfit.em.information._bootstrap import bootstrap
from latentfit.em.information._bootstrap_result import Bootstrap, Replicate
from latentfit.em.information._convergence import Convergence, convergence
from latentfit.em.information._curvature import Curvature, curvature_of
from latentfit.em.information._delta_method import errors_from_information
from latentfit.em.information._em_functions import em_map, q_function
from latentfit.em.information._free_scale import FreeScale, ParameterScale
from latentfit.em.information._louis import louis, missing_information
from latentfit.em.information._oakes import oakes, oakes_information
from latentfit.em.information._observed import observed
from latentfit.em.information._profile import profile
from latentfit.em.information._profile_interval import Endpoint, ProfileInterval
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._standard_errors import METHODS, StandardErrors
from latentfit.em.information._supplemented import supplemented, supplemented_information
from latentfit.em.information._transforms import Kind
from latentfit.em.information._unidentified import unidentified_directions

__all__ = [
    "METHODS",
    "Bootstrap",
    "Convergence",
    "Curvature",
    "Endpoint",
    "FreeScale",
    "Kind",
    "OnStep",
    "ParameterScale",
    "ProfileInterval",
    "Replicate",
    "StandardErrors",
    "bootstrap",
    "convergence",
    "curvature_of",
    "em_map",
    "errors_from_information",
    "louis",
    "missing_information",
    "oakes",
    "oakes_information",
    "observed",
    "profile",
    "q_function",
    "step_counter",
    "supplemented",
    "supplemented_information",
    "unidentified_directions",
]
