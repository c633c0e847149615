"""Strategies that marginalise a latent, one in each module of this folder.

When this package is imported, `pymc_extras.marginal.marginalize` and `conditional` learn the
strategies, for any PyMC model. The operations for latents with finitely many values that are used
entry by entry, and for discrete Markov chains, are those of pymc-extras (`_entry_by_entry`).

How to add a strategy
---------------------
Write one module in this folder, and its test in ``tests/bayes/marginalize``. Nothing else has to
be changed: all modules of the folder are imported, and a module that defines ``STRATEGY`` takes
part. The module consists of

1. a subclass of pymc-extras' ``MarginalRV``, the operation that represents the dependents without
   the latent. Its attribute ``strategy`` is a phrase for reports, such as "summed over its paths";
2. a function ``build(inputs, outputs, **marginalized)``. It is given the graph between the latent
   and the variables that depend on it (the dependents): ``outputs`` are the latent, the
   ``marginalized["n_dependent_rvs"]`` dependents, and updates of random generators. It returns the
   operation, ``MarginalRVSubclass(inputs=inputs, outputs=outputs, ..., **marginalized)``, or None
   where the strategy does not apply. `latentfit.bayes.marginalize.structure` has what is needed to
   find that out;
3. a function registered with ``pymc.logprob.abstract._logprob``, which returns log p(x | θ);
4. a function registered with ``marginalized_conditional`` of pymc-extras, which returns a random
   variable with the distribution p(z | x, θ), or raises `NotImplementedError`;
5. ``STRATEGY = Strategy(precedence, build)``.

A family of conditional distributions with a closed form needs less: a `ConjugateFamily`, and
``STRATEGY = conjugate_strategy(family)`` (see ``_gamma``).

Order
-----
Strategies are tried by their `Precedence`, and the first one that applies is used: special cases
before closed forms before numerical integration. Strategies of the same precedence apply to
different latents and are tried in alphabetical order of their modules.
"""

from typing import Any

import numpy as np
from pymc.model.fgraph import ModelObservedRV
from pymc_extras.model.marginal.rewrites import (
    MarginalSubgraph,
    extract_marginal_subgraph,
    marginal_ir_rewrites_db,
)
from pytensor.graph import node_rewriter
from pytensor.graph.basic import Constant

from latentfit.bayes.marginalize._conjugate import (
    ConjugateFamily,
    ConjugateMarginalRV,
    conjugate_strategy,
)
from latentfit.bayes.marginalize._count_range import wider_count_ranges
from latentfit.bayes.marginalize._entry_by_entry import REPLACED_REWRITES
from latentfit.bayes.marginalize._enumeration import EnumerationMarginalRV
from latentfit.bayes.marginalize._orders import marginalise_latents
from latentfit.bayes.marginalize._quadrature import QuadratureMarginalRV
from latentfit.bayes.marginalize._quadrature_rules import (
    INDEPENDENT_RULE,
    HermiteRule,
    PanelRule,
    QuadratureRule,
    coarse_rule,
    quadrature_rule,
)
from latentfit.bayes.marginalize._rewrite_errors import unprinted_rewrite_errors
from latentfit.bayes.marginalize._state_space import StateSpaceMarginalRV
from latentfit.bayes.marginalize._strategy import (
    Precedence,
    Strategy,
    discover_strategies,
    is_considered,
)
from latentfit.bayes.marginalize._thresholds import ThresholdMarginalRV
from latentfit.bayes.marginalize.structure import observed_dependents

__all__ = [
    "INDEPENDENT_RULE",
    "STRATEGIES",
    "ConjugateFamily",
    "ConjugateMarginalRV",
    "EnumerationMarginalRV",
    "HermiteRule",
    "PanelRule",
    "Precedence",
    "QuadratureMarginalRV",
    "QuadratureRule",
    "StateSpaceMarginalRV",
    "Strategy",
    "ThresholdMarginalRV",
    "coarse_rule",
    "conjugate_strategy",
    "marginalise_latents",
    "quadrature_rule",
    "unprinted_rewrite_errors",
    "wider_count_ranges",
]

# All strategies of this folder, in the order in which they are tried.
STRATEGIES: tuple[Strategy, ...] = discover_strategies(__name__, __path__)


@node_rewriter(tracks=[MarginalSubgraph])
def _marginalise(fgraph: Any, node: Any) -> list[Any] | None:
    inputs, outputs = extract_marginal_subgraph(node)
    dependents = node.outputs[1 : 1 + node.op.n_dependent_rvs]
    with observed_dependents(tuple(_observed_value(fgraph, one) for one in dependents)):
        for strategy in filter(is_considered, STRATEGIES):
            op = strategy.build(
                inputs,
                outputs,
                marginalized_name=node.op.marginalized_name,
                marginalized_dims=node.op.marginalized_dims,
                n_dependent_rvs=node.op.n_dependent_rvs,
            )
            if op is not None:
                return list(op(*inputs, return_list=True))[: len(node.outputs)]
    return None


def _observed_value(fgraph: Any, variable: Any) -> np.ndarray | None:
    """Find the value that is observed of a random variable of a model's graph."""
    for client, _ in fgraph.clients[variable]:
        if isinstance(client.op, ModelObservedRV) and isinstance(client.inputs[1], Constant):
            return np.asarray(client.inputs[1].data)
    return None


for _name in REPLACED_REWRITES:
    marginal_ir_rewrites_db.remove_tags(_name, "basic")
marginal_ir_rewrites_db.register("latentfit_marginalise", _marginalise, "basic")
