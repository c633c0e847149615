"""A Markov chain of finitely many states behind the data: its terms, smoothing, and draws."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.distributions import DiscreteMarkovChain
from pymc_extras.model.marginal.distributions.discrete_markov_chain import (
    MarginalDiscreteMarkovChainRV,
    _hmm_emission_logp,
    _hmm_log_init_and_transition,
)
from pytensor.graph.replace import graph_replace

from latentfit.declaration import Declaration, double_precision


@dataclass(frozen=True)
class Chain:
    """The three terms of the complete-data log-likelihood at one θ.

    Attributes
    ----------
    initial : ndarray, shape (*batch, K)
        log p(z_1 = k).
    transition : ndarray, shape (*batch, K, K)
        log p(z_{t+1} = l | z_t = k), rows k.
    emission : ndarray, shape (*batch, T, K)
        log p(x_t | z_t = k).
    """

    initial: np.ndarray
    transition: np.ndarray
    emission: np.ndarray


def chain_terms(declaration: Declaration, view: pm.Model) -> list[Any] | None:
    """The terms of a `Chain` as graphs of the model's variables.

    None where the latent is no such chain, or one with a longer memory, or one of several.
    """
    if len(declaration.latents) != 1:
        return None
    (name,) = declaration.latents
    op = declaration.model[name].owner.op
    if not isinstance(op, DiscreteMarkovChain) or op.n_lags != 1 or op.time_varying_P:
        return None
    nodes = {rv.owner for rv in view.observed_RVs}
    marginal = [n for n in nodes if n and isinstance(n.op, MarginalDiscreteMarkovChainRV)]
    return _terms(marginal[0], view) if len(marginal) == 1 else None


def _terms(node: Any, view: pm.Model) -> list[Any]:

    op = node.op
    # As pymc-extras builds its conditional: on the inner graph, where nothing has a name that
    # would make PyMC clone it, and then in terms of the model.
    inner = op.fgraph.unfreeze()
    chain, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    observed = [variable.type() for variable in dependents]
    with double_precision():
        emission, states, shape = _hmm_emission_logp(op, chain, dependents, observed)
        initial, transition = _hmm_log_init_and_transition(chain, shape, states)
    values = [view.rvs_to_values[rv] for rv in node.outputs[1 : 1 + op.n_dependent_rvs]]
    outside = dict(zip(inner.inputs, node.inputs, strict=True))
    outside |= dict(zip(observed, values, strict=True))
    terms: list[Any] = [
        pt.moveaxis(initial, 0, -1),
        pt.moveaxis(transition, (0, 1), (-2, -1)),
        pt.moveaxis(emission, 0, -1),
    ]
    found: list[Any] = graph_replace(terms, outside, strict=False)
    return found


def smoothed(chain: Chain, *, ahead: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of states and of pairs of neighbours given all of x.

    Parameters
    ----------
    chain : Chain
    ahead : bool
        If False, those given x up to the same time only: filtered, not smoothed.

    Returns
    -------
    gamma : ndarray, shape (*batch, T, K)
    xi : ndarray, shape (*batch, T - 1, K, K)
    """
    times = chain.emission.shape[-2]
    alpha, beta = np.empty_like(chain.emission), np.zeros_like(chain.emission)
    alpha[..., 0, :] = chain.initial + chain.emission[..., 0, :]
    for t in range(1, times):
        before = alpha[..., t - 1, :, None] + chain.transition
        alpha[..., t, :] = chain.emission[..., t, :] + np.logaddexp.reduce(before, axis=-2)
    if ahead:
        for t in range(times - 2, -1, -1):
            after = chain.emission[..., t + 1, :] + beta[..., t + 1, :]
            beta[..., t, :] = np.logaddexp.reduce(chain.transition + after[..., None, :], axis=-1)
    gamma = alpha + beta
    following = (chain.emission + beta)[..., 1:, None, :]
    xi = alpha[..., :-1, :, None] + chain.transition[..., None, :, :] + following
    return _normalised(gamma, 1), _normalised(xi, 2)


def _normalised(log_weights: np.ndarray, axes: int) -> np.ndarray:
    last = tuple(range(-axes, 0))
    # An impossible observation leaves nothing to normalise: NaN says so.
    with np.errstate(invalid="ignore"):
        weights = np.exp(log_weights - log_weights.max(axis=last, keepdims=True))
        found: np.ndarray = weights / weights.sum(axis=last, keepdims=True)
    return found


def drawn(gamma: np.ndarray, xi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paths from p(z | x, θ): the smoothed chain, run forwards.

    Parameters
    ----------
    gamma, xi : ndarray
        From `smoothed`.

    Returns
    -------
    ndarray of int, shape (*batch, T)
    """
    states = np.empty(gamma.shape[:-1], dtype=int)
    weights = gamma[..., 0, :]
    for t in range(gamma.shape[-2]):
        if t:
            before = states[..., t - 1, None, None]
            weights = np.take_along_axis(xi[..., t - 1, :, :], before, axis=-2)[..., 0, :]
        cumulative = np.cumsum(weights, axis=-1)
        level = rng.random((*cumulative.shape[:-1], 1)) * cumulative[..., -1:]
        states[..., t] = np.count_nonzero(level >= cumulative, axis=-1)
    return states
