"""Views of one declaration on one data set: what its log densities are and how they are evaluated.

The observed view is the model of x and θ, with the latents marginalised. `Density` holds its
log-likelihood and log prior with gradients and Hessians at an unconstrained point, and
`vectorise` evaluates functions of θ at many posterior draws at once. `marginalisations` says how
each latent was marginalised and how precisely.
"""

from latentfit.bayes.views._categories import category_counts, category_values
from latentfit.bayes.views._conditional import conditional_view
from latentfit.bayes.views._density import Density, ValueAndGradient, at_unconstrained_point
from latentfit.bayes.views._hessian import hessian_function
from latentfit.bayes.views._marginalisation import (
    Marginalisation,
    marginalisations,
    quadrature_ops,
)
from latentfit.bayes.views._markov_chain import (
    MarkovChainTerms,
    draw_paths,
    markov_chain_graphs,
    smoothed_probabilities,
)
from latentfit.bayes.views._observed import childless_latents, observed_view
from latentfit.bayes.views._pointwise import pointwise_log_likelihood
from latentfit.bayes.views._vectorised import BATCH_BYTES, VectorisedFunction, vectorise

__all__ = [
    "BATCH_BYTES",
    "Density",
    "Marginalisation",
    "MarkovChainTerms",
    "ValueAndGradient",
    "VectorisedFunction",
    "at_unconstrained_point",
    "category_counts",
    "category_values",
    "childless_latents",
    "conditional_view",
    "draw_paths",
    "hessian_function",
    "marginalisations",
    "markov_chain_graphs",
    "observed_view",
    "pointwise_log_likelihood",
    "quadrature_ops",
    "smoothed_probabilities",
    "vectorise",
]
