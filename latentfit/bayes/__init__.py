"""What PyMC says of the same declaration: the observed and conditional views, direct MLE and
MAP, the posterior by NUTS, and the latents recovered from it.
"""

from latentfit.bayes._backends import Backend, available
from latentfit.bayes._categories import categories
from latentfit.bayes._chain import Chain, smoothed
from latentfit.bayes._coarser import Coarser, coarser
from latentfit.bayes._density import Density
from latentfit.bayes._draws import pointwise_log_likelihood
from latentfit.bayes._estimates import (
    JointMode,
    joint_mode,
    maximum_a_posteriori,
    maximum_likelihood,
)
from latentfit.bayes._identification import Identification, identification
from latentfit.bayes._integration import Integration, integrations
from latentfit.bayes._maximise import Maximum, maximise, outwards, polish
from latentfit.bayes._monte_carlo import Intractable, intractable
from latentfit.bayes._observed import observed_view
from latentfit.bayes._posterior import prepare, sample
from latentfit.bayes._predictive import posterior_predictive
from latentfit.bayes._recover import Recovered, recover
from latentfit.bayes.complete_data import (
    DRAWS,
    CompleteData,
    Statistics,
    by_draws,
    complete_data_view,
    pairs_of,
)
from latentfit.bayes.information import (
    asymptotic_errors,
    at_boundary,
    boundary_labels,
    delta_method_errors,
    louis_errors,
    oakes_errors,
    observed_errors,
    profile_intervals,
    supplemented_errors,
)
from latentfit.em.information import Curvature, curvature_of

# Former names, until all callers use the present ones.
boundary = boundary_labels
by_louis = louis_errors
by_oakes = oakes_errors
by_observed = observed_errors
by_supplement = supplemented_errors
natural_errors = delta_method_errors
standard_errors = asymptotic_errors

__all__ = [
    "DRAWS",
    "Backend",
    "Chain",
    "Coarser",
    "CompleteData",
    "Curvature",
    "Density",
    "Identification",
    "Integration",
    "Intractable",
    "JointMode",
    "Maximum",
    "Recovered",
    "Statistics",
    "asymptotic_errors",
    "at_boundary",
    "available",
    "boundary",
    "boundary_labels",
    "by_draws",
    "by_louis",
    "by_oakes",
    "by_observed",
    "by_supplement",
    "categories",
    "coarser",
    "complete_data_view",
    "curvature_of",
    "delta_method_errors",
    "identification",
    "integrations",
    "intractable",
    "joint_mode",
    "louis_errors",
    "maximise",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "natural_errors",
    "oakes_errors",
    "observed_errors",
    "observed_view",
    "outwards",
    "pairs_of",
    "pointwise_log_likelihood",
    "polish",
    "posterior_predictive",
    "prepare",
    "profile_intervals",
    "recover",
    "sample",
    "smoothed",
    "standard_errors",
    "supplemented_errors",
]
