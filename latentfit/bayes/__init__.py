"""What PyMC computes from the declaration: views, maxima, standard errors, and draws.

One subfolder for each idea, of which each uses only those before it:

- `derivatives`: gradients that are right where a category or a transition is impossible;
- `marginalize`: strategies that marginalise latents;
- `views`: the observed view, its log densities, and functions evaluated at many draws;
- `maxima`: the MLE, the MAP estimate, the joint mode, and identification;
- `sampling`: draws of θ by NUTS, of replicated data, and of the latents;
- `complete_data`: conditional expectations of the latents, and Q;
- `information`: standard errors and profile likelihood intervals.

The names below are the entry points; the subfolders export the rest.
"""

from latentfit.bayes import (
    complete_data,
    derivatives,
    information,
    marginalize,
    maxima,
    sampling,
    views,
)
from latentfit.bayes.complete_data import CompleteData, complete_data_view
from latentfit.bayes.information import asymptotic_errors
from latentfit.bayes.maxima import maximum_a_posteriori, maximum_likelihood
from latentfit.bayes.sampling import prepare_nuts, recover_latents, sample_posterior
from latentfit.bayes.views import Density, observed_view

__all__ = [
    "CompleteData",
    "Density",
    "asymptotic_errors",
    "complete_data",
    "complete_data_view",
    "derivatives",
    "information",
    "marginalize",
    "maxima",
    "maximum_a_posteriori",
    "maximum_likelihood",
    "observed_view",
    "prepare_nuts",
    "recover_latents",
    "sample_posterior",
    "sampling",
    "views",
]
