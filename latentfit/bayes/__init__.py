"""What PyMC computes from the declaration: views, maxima, standard errors, and draws.

One subfolder for each idea, of which each uses only those before it:

- `marginalize`: strategies that marginalise latents;
- `views`: the observed view, its log densities, and functions evaluated at many draws;
- `maxima`: the MLE, the MAP estimate, the joint mode, and identification;
- `sampling`: draws of θ by NUTS, of replicated data, and of the latents;
- `complete_data`: conditional expectations of the latents, and Q;
- `information`: standard errors and profile likelihood intervals.
"""

from latentfit.bayes.complete_data import CONDITIONAL_DRAWS as DRAWS
from latentfit.bayes.complete_data import CompleteData, Statistics, complete_data_view
from latentfit.bayes.complete_data import complete_data_by_draws as by_draws
from latentfit.bayes.complete_data import pairs_key as pairs_of
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
from latentfit.bayes.maxima import (
    Identification,
    JointMode,
    Maximum,
    identification,
    joint_mode,
    maximise,
    maximum_a_posteriori,
    maximum_likelihood,
    polish,
)
from latentfit.bayes.maxima import move_towards_boundary as outwards
from latentfit.bayes.sampling import Backend, posterior_predictive
from latentfit.bayes.sampling import IntractableDensity as Intractable
from latentfit.bayes.sampling import RecoveredLatent as Recovered
from latentfit.bayes.sampling import ReducedQuadrature as Coarser
from latentfit.bayes.sampling import check_backend as available
from latentfit.bayes.sampling import intractable_density as intractable
from latentfit.bayes.sampling import prepare_nuts as prepare
from latentfit.bayes.sampling import recover_latents as recover
from latentfit.bayes.sampling import reduced_quadrature as coarser
from latentfit.bayes.sampling import sample_posterior as sample
from latentfit.bayes.views import Density, observed_view, pointwise_log_likelihood
from latentfit.bayes.views import Marginalisation as Integration
from latentfit.bayes.views import MarkovChainTerms as Chain
from latentfit.bayes.views import category_counts as categories
from latentfit.bayes.views import marginalisations as integrations
from latentfit.bayes.views import smoothed_probabilities as smoothed
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
