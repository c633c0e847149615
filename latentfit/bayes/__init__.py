"""What PyMC says of the same declaration: the observed and conditional views, direct MLE and
MAP, the posterior by NUTS, and the latents recovered from it."""

from latentfit.bayes._backends import Backend, available
from latentfit.bayes._boundary import at_boundary, boundary
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
from latentfit.bayes._information import natural_errors, standard_errors
from latentfit.bayes._integration import Integration, integrations
from latentfit.bayes._maximise import Maximum, maximise, outwards, polish
from latentfit.bayes._monte_carlo import Intractable, intractable
from latentfit.bayes._newton import Curvature, curvature_of
from latentfit.bayes._observed import observed_view
from latentfit.bayes._posterior import prepare, sample
from latentfit.bayes._predictive import posterior_predictive
from latentfit.bayes._profile import profile_intervals
from latentfit.bayes._recover import Recovered, recover
from latentfit.bayes._routes import by_louis, by_oakes, by_observed, by_supplement
from latentfit.bayes.complete_data import (
    DRAWS,
    CompleteData,
    Statistics,
    by_draws,
    complete_data_view,
    pairs_of,
)

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
    "at_boundary",
    "available",
    "boundary",
    "by_draws",
    "by_louis",
    "by_oakes",
    "by_observed",
    "by_supplement",
    "categories",
    "coarser",
    "complete_data_view",
    "curvature_of",
    "identification",
    "integrations",
    "intractable",
    "joint_mode",
    "maximise",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "natural_errors",
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
]
