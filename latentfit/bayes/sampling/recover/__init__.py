"""Recovery of the latents from the posterior of θ: draws of z from p(z | x, θ).

There is one module for each strategy: a Markov chain, a categorical latent, a latent with a
tabulated conditional density, and any graph of random variables. `_recovery` chooses the strategy;
a new one is a module with a function ``build``, entered in the tuple there.
"""

from latentfit.bayes.sampling.recover._recovered import RecoveredLatent, Recovery
from latentfit.bayes.sampling.recover._recovery import prepare_recovery, recover_latents

__all__ = ["RecoveredLatent", "Recovery", "prepare_recovery", "recover_latents"]
