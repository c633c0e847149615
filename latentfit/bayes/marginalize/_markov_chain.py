r"""The sum over the paths of a Markov chain with few states, by pairwise products.

pymc-extras marginalises discrete Markov chains. This module defines no strategy of its own, but
replaces the computation of log p(x | θ). With M_t the matrix of log p(z_{t+1} = l | z_t = k) + log
p(x_{t+1} | z_{t+1} = l), the sum over all paths is a matrix product in which log-sum-exp takes the
place of sums, and sums the place of products,

    log p(x | θ) = log Σ_kl exp(log p(z_1 = k) + log p(x_1 | z_1 = k) + (M_1 M_2 ⋯ M_{T-1})_{kl}).

Its factors may be combined in any order. Here all pairs of neighbouring matrices are multiplied at
once, then all pairs of the products, and so on. The number of steps is the logarithm of the length,
and each step is a few operations on whole arrays (Hassan, Särkkä & García-Fernández 2021, IEEE
Transactions on Signal Processing 69).

The forward algorithm of pymc-extras goes from one time to the next. It needs fewer sums, but its
loop cannot be evaluated for many θ or in many directions at once. It is used where there are many
states, where the number of states or times is not known before evaluation, and where a state
depends on several earlier ones or the transition probabilities vary in time.

Both computations replace log 0 by a finite number. A log density of minus infinity would have the
derivative NaN within the loop, to which the rules of `latentfit.bayes.derivatives` do not extend.
"""

from typing import Any

import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import inline_ofg_outputs
from pymc_extras.model.marginal.distributions.discrete_markov_chain import (
    DUMMY_ZERO,
    MarginalDiscreteMarkovChainRV,
    _hmm_emission_logp,
    _hmm_forward_log_alphas,
    _hmm_log_init_and_transition,
    align_logp_dims,
    warn_non_separable_logp,
)

# Number of states beyond which K³ sums at each time take longer than the loop of pymc-extras.
_MAX_STATES = 6
# Used instead of log 0, whose derivatives are not defined. It is finite, and no sum of terms that
# contains it can be mistaken for the logarithm of a positive probability.
_LOG_ZERO = -1e30


@_logprob.register(MarginalDiscreteMarkovChainRV)
def _markov_chain_logp(op: Any, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    chain, *dependents = inline_ofg_outputs(op, inputs)[: 1 + op.n_dependent_rvs]
    along, time = list(op.dims_connections[0]), chain.type.ndim - 1
    states = chain.owner.inputs[0].type.shape[-1]
    times = values[0].type.shape[along.index(time)]
    emission, domain, shape = _hmm_emission_logp(op, chain, dependents, values)
    initial, transition = _hmm_log_init_and_transition(chain, shape, domain)
    initial, transition, emission = (
        pt.maximum(term, _LOG_ZERO) for term in (initial, transition, emission)
    )
    known = states is not None and times is not None
    chain_op = chain.owner.op
    if not known or states > _MAX_STATES or chain_op.n_lags > 1 or chain_op.time_varying_P:
        density = _forward_algorithm(
            initial, transition, emission, chain_op.n_lags, chain_op.time_varying_P
        )
    else:
        density = _sum_over_paths(initial, transition, emission, times)
    density = pt.switch(pt.lt(density, _LOG_ZERO / 2), -pt.inf, density)
    along.remove(time)
    warn_non_separable_logp(values)
    return align_logp_dims(along, density), *(len(values) - 1) * (DUMMY_ZERO,)


def _forward_algorithm(
    initial: Any, transition: Any, emission: Any, lags: int, time_varying: bool
) -> Any:
    """Build log p(x | θ) as a graph, shape batch, with a loop over the times.

    Parameters
    ----------
    initial : TensorVariable, shape (K, ..., K, *batch)
        One axis for each of the `lags` first states.
    transition : TensorVariable, shape ([times,] K, ..., K, *batch)
        One axis for each of the `lags` earlier states, and one for the state that follows.
    emission : TensorVariable, shape (K, *batch, times)
    lags : int
        Number of earlier states on which a state depends.
    time_varying : bool
        Whether the transition probabilities have an axis of times.
    """
    messages = _hmm_forward_log_alphas(emission, initial, transition, lags, time_varying)
    return pt.logsumexp(messages[-1], axis=tuple(range(lags)))


def _sum_over_paths(initial: Any, transition: Any, emission: Any, times: int) -> Any:
    """Build log p(x | θ) as a graph, shape batch, by pairwise products.

    Parameters
    ----------
    initial : TensorVariable, shape (K, *batch)
    transition : TensorVariable, shape (K, K, *batch)
    emission : TensorVariable, shape (K, *batch, times)
    times : int
    """
    first = initial + emission[..., 0]
    matrices = transition[..., None] + emission[None, ..., 1:]
    count = times - 1
    while count > 1:
        even = count - count % 2
        products = _log_matrix_product(matrices[..., 0:even:2], matrices[..., 1:even:2])
        if count % 2:
            products = pt.concatenate([products, matrices[..., -1:]], axis=-1)
        matrices, count = products, (count + 1) // 2
    paths = first[:, None] + matrices[..., 0] if count else first[:, None]
    return pt.logsumexp(paths, axis=(0, 1))


def _log_matrix_product(one: Any, other: Any) -> Any:
    """Multiply matrices that are given by logarithms of their entries, axes 0 and 1."""
    return pt.logsumexp(one[:, :, None] + other[None], axis=1)
