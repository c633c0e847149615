r"""Markov chains of few states, summed over their paths by halves.

With M_t the matrix of log p(z_{t+1} = l | z_t = k) + log p(x_{t+1} | z_{t+1} = l), the sum over all
paths is a product of matrices, with sums for products and log-sum-exp for sums,

    log p(x | θ) = log Σ_kl exp(log p(z_1 = k) + log p(x_1 | z_1 = k) + (M_1 M_2 ⋯ M_{T-1})_{kl}).

It may be taken in any order: here all pairs of neighbours at once, then all pairs of those, and so
on, as many sweeps as the logarithm of the length, each a few operations on whole arrays (Hassan,
Särkkä & García-Fernández 2021, IEEE Transactions on Signal Processing 69). The forward algorithm of
pymc-extras goes from one time to the next, with fewer sums, but in a loop that cannot be taken for
many θ or in many directions at once, and without a gradient where a transition has probability
zero. Where the states are many, or their number or that of the times is not known beforehand, it
is taken all the same.
"""

from typing import Any

import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import inline_ofg_outputs
from pymc_extras.model.marginal.distributions.discrete_markov_chain import (
    DUMMY_ZERO,
    MarginalDiscreteMarkovChainRV,
    _hmm_emission_logp,
    _hmm_log_init_and_transition,
    align_logp_dims,
    warn_non_separable_logp,
)

# States beyond which K³ sums for each time are more than a loop costs.
_FEW = 6
# In place of log 0, whose derivatives are not defined: any sum of them is less than a logarithm of
# something can be, and finite.
_NEVER = -1e30

_by_times = _logprob.dispatch(MarginalDiscreteMarkovChainRV)


@_logprob.register(MarginalDiscreteMarkovChainRV)
def _marginal_logp(op: Any, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    chain, *dependents = inline_ofg_outputs(op, inputs)[: 1 + op.n_dependent_rvs]
    along, time = list(op.dims_connections[0]), chain.type.ndim - 1
    states = chain.owner.inputs[0].type.shape[-1]
    times = values[0].type.shape[along.index(time)]
    known = states is not None and times is not None
    if not known or states > _FEW or chain.owner.op.n_lags > 1 or chain.owner.op.time_varying_P:
        return _by_times(op, values, *inputs, **kwargs)
    emission, domain, shape = _hmm_emission_logp(op, chain, dependents, values)
    initial, transition = _hmm_log_init_and_transition(chain, shape, domain)
    found = _over_paths(initial, transition, emission, times)
    along.remove(time)
    warn_non_separable_logp(values)
    return align_logp_dims(along, found), *(len(values) - 1) * (DUMMY_ZERO,)


def _over_paths(initial: Any, transition: Any, emission: Any, times: int) -> Any:
    """Log p(x | θ), shape batch.

    Parameters
    ----------
    initial : TensorVariable, shape (K, *batch)
    transition : TensorVariable, shape (K, K, *batch)
    emission : TensorVariable, shape (K, *batch, times)
    times : int
    """
    first = pt.maximum(initial + emission[..., 0], _NEVER)
    matrices = pt.maximum(transition[..., None] + emission[None, ..., 1:], _NEVER)
    left = times - 1
    while left > 1:
        even = left - left % 2
        products = _product(matrices[..., 0:even:2], matrices[..., 1:even:2])
        if left % 2:
            products = pt.concatenate([products, matrices[..., -1:]], axis=-1)
        matrices, left = products, (left + 1) // 2
    paths = first[:, None] + matrices[..., 0] if left else first[:, None]
    found: Any = pt.logsumexp(paths, axis=(0, 1))
    return pt.switch(pt.lt(found, _NEVER / 2), -pt.inf, found)


def _product(one: Any, other: Any) -> Any:
    return pt.logsumexp(one[:, :, None] + other[None], axis=1)
