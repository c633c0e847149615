"""Draws: of θ from the posterior by NUTS, and of latents and replicated data given θ.

`prepare_nuts` compiles a model and `sample_posterior` draws from it. Where a latent is marginalised
by quadrature, `reduced_quadrature` finds an observed view with fewer nodes for NUTS to draw from.
Chains start at draws from the prior, or at points composed of several draws where the data exclude
most of them. `posterior_predictive` draws replicated data, and `recover_latents` draws the latents
that were marginalised. `intractable_density` represents a declaration whose latents no strategy
marginalises by draws from p(z | x, θ). They are made by NUTS, or by slice sampling where the data
exclude a part of the latents' range.
"""

from latentfit.bayes.sampling._backends import BACKENDS, Backend, check_backend
from latentfit.bayes.sampling._intractable import IntractableDensity, intractable_density
from latentfit.bayes.sampling._nuts import PreparedModel, prepare_nuts, sample_posterior
from latentfit.bayes.sampling._predictive import posterior_predictive
from latentfit.bayes.sampling._reduced_quadrature import ReducedQuadrature, reduced_quadrature
from latentfit.bayes.sampling.recover import (
    RecoveredLatent,
    Recovery,
    prepare_recovery,
    recover_latents,
)

__all__ = [
    "BACKENDS",
    "Backend",
    "IntractableDensity",
    "PreparedModel",
    "RecoveredLatent",
    "Recovery",
    "ReducedQuadrature",
    "check_backend",
    "intractable_density",
    "posterior_predictive",
    "prepare_nuts",
    "prepare_recovery",
    "recover_latents",
    "reduced_quadrature",
    "sample_posterior",
]
