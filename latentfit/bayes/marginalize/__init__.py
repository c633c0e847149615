"""Ways to integrate a latent out, one a module.

When this package is imported, `pymc_extras.marginal.marginalize` and `conditional` learn them, for
any PyMC model. A strategy is a function of the graph between a latent and the variables that
depend on it: it returns the variables' joint distribution without the latent, or None. The first
that does is taken.
"""

from typing import Any

from pymc_extras.model.marginal.rewrites import (
    MarginalSubgraph,
    extract_marginal_subgraph,
    marginal_ir_rewrites_db,
)
from pytensor.graph import node_rewriter

from latentfit.bayes.marginalize import (
    _markov_chain,  # noqa: F401, another way to a density that pymc-extras has already
    _quadrature,
    _state_space,
    _thresholds,
)
from latentfit.bayes.marginalize._beta import BETA
from latentfit.bayes.marginalize._conjugate import ConjugateMarginalRV, Strategy, strategy
from latentfit.bayes.marginalize._dirichlet import DIRICHLET
from latentfit.bayes.marginalize._gamma import GAMMA
from latentfit.bayes.marginalize._inverse_gamma import INVERSE_GAMMA
from latentfit.bayes.marginalize._normal import NORMAL
from latentfit.bayes.marginalize._quadrature import QuadratureMarginalRV, nodes
from latentfit.bayes.marginalize._state_space import StateSpaceMarginalRV
from latentfit.bayes.marginalize._thresholds import ThresholdMarginalRV

__all__ = [
    "STRATEGIES",
    "ConjugateMarginalRV",
    "QuadratureMarginalRV",
    "StateSpaceMarginalRV",
    "ThresholdMarginalRV",
    "nodes",
]

# Exact ones first.
STRATEGIES: tuple[Strategy, ...] = (
    _state_space.build,
    *map(strategy, (NORMAL, GAMMA, INVERSE_GAMMA, BETA, DIRICHLET)),
    _thresholds.build,
    _quadrature.build,
)


@node_rewriter(tracks=[MarginalSubgraph])
def _integrate(fgraph: Any, node: Any) -> list[Any] | None:
    inputs, outputs = extract_marginal_subgraph(node)
    for build in STRATEGIES:
        op = build(
            inputs,
            outputs,
            marginalized_name=node.op.marginalized_name,
            marginalized_dims=node.op.marginalized_dims,
            n_dependent_rvs=node.op.n_dependent_rvs,
        )
        if op is not None:
            return list(op(*inputs, return_list=True))[: len(node.outputs)]
    return None


marginal_ir_rewrites_db.register("latentfit_integrate", _integrate, "basic")
