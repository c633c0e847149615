"""Latents with finitely many values that the dependents use entry by entry, and Markov chains.

pymc-extras has the operations that sum over such latents. The rewrites by which it applies them
are replaced by this strategy, because they also apply where the dependents share an entry of the
latent along an axis of length one (`axes_of_dependents`), where their result is wrong.
"""

from typing import Any

from pymc.distributions import Bernoulli, Categorical, DiscreteUniform
from pymc_extras.distributions import DiscreteMarkovChain
from pymc_extras.model.marginal.distributions.core import MarginalRV
from pymc_extras.model.marginal.distributions.discrete_markov_chain import (
    MarginalDiscreteMarkovChainRV,
)
from pymc_extras.model.marginal.distributions.enumerable import MarginalFiniteDiscreteRV

from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize.structure import axes_of_dependents

# Names of these rewrites in the registry of pymc-extras.
REPLACED_REWRITES = ("finite_discrete_marginal", "discrete_markov_chain_marginal")


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a latent with finitely many values, one entry or one chain at a time."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    kind: type[MarginalRV]
    if isinstance(latent.owner.op, Bernoulli | Categorical | DiscreteUniform):
        kind = MarginalFiniteDiscreteRV
    elif isinstance(latent.owner.op, DiscreteMarkovChain):
        kind = MarginalDiscreteMarkovChainRV
    else:
        return None
    axes = axes_of_dependents(latent, dependents)
    if axes is None:
        return None
    return kind(inputs=inputs, outputs=outputs, dims_connections=axes, **marginalized)


STRATEGY = Strategy(Precedence.SPECIAL_CASE, build)
