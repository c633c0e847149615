"""A latent Markov chain with finitely many states: its log densities, smoothing, and draws."""

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
class MarkovChainTerms:
    """The three terms of the complete-data log-likelihood of a Markov chain at one θ.

    Attributes
    ----------
    initial : ndarray, shape (*batch, K)
        log p(z_1 = k | θ).
    transition : ndarray, shape (*batch, K, K)
        log p(z_{t+1} = l | z_t = k, θ), with row k and column l.
    emission : ndarray, shape (*batch, T, K)
        log p(x_t | z_t = k, θ).
    """

    initial: np.ndarray
    transition: np.ndarray
    emission: np.ndarray


def markov_chain_graphs(declaration: Declaration, view: pm.Model) -> list[Any] | None:
    """Build the fields of `MarkovChainTerms` as graphs of the variables of the observed view.

    Returns
    -------
    list of TensorVariable or None
        Initial, transition and emission log probabilities. None unless the declaration has
        exactly one latent, which is a Markov chain of order one with a constant transition
        matrix.
    """
    if len(declaration.latents) != 1:
        return None
    (name,) = declaration.latents
    op = declaration.model[name].owner.op
    if not isinstance(op, DiscreteMarkovChain) or op.n_lags != 1 or op.time_varying_P:
        return None
    nodes = {rv.owner for rv in view.observed_RVs}
    marginal = [n for n in nodes if n and isinstance(n.op, MarginalDiscreteMarkovChainRV)]
    return _graphs_of_node(marginal[0], view) if len(marginal) == 1 else None


def _graphs_of_node(node: Any, view: pm.Model) -> list[Any]:
    op = node.op
    # The terms are built on the inner graph, as pymc-extras builds its conditional: variables of
    # the outer graph have names, which would make PyMC clone them. They are then expressed in
    # terms of the outer graph.
    inner = op.fgraph.unfreeze()
    chain, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    observed = [variable.type() for variable in dependents]
    with double_precision():
        emission, states, shape = _hmm_emission_logp(op, chain, dependents, observed)
        initial, transition = _hmm_log_init_and_transition(chain, shape, states)
    values = [view.rvs_to_values[rv] for rv in node.outputs[1 : 1 + op.n_dependent_rvs]]
    replacements = dict(zip(inner.inputs, node.inputs, strict=True))
    replacements |= dict(zip(observed, values, strict=True))
    terms: list[Any] = [
        pt.moveaxis(initial, 0, -1),
        pt.moveaxis(transition, (0, 1), (-2, -1)),
        pt.moveaxis(emission, 0, -1),
    ]
    return list(graph_replace(terms, replacements, strict=False))


def smoothed_probabilities(
    chain: MarkovChainTerms, *, ahead: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the probabilities of states and of pairs of neighbouring states, given the data.

    Parameters
    ----------
    chain : MarkovChainTerms
    ahead : bool
        Whether to condition on all data (smoothing). If False, the probabilities at time t are
        conditional on the data up to time t alone (filtering).

    Returns
    -------
    gamma : ndarray, shape (*batch, T, K)
        p(z_t = k | x, θ). NaN where the data are impossible.
    xi : ndarray, shape (*batch, T - 1, K, K)
        p(z_t = k, z_{t+1} = l | x, θ).
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
    """Normalise exp(log_weights) over the last `axes` axes."""
    last = tuple(range(-axes, 0))
    # All weights are zero where the data are impossible; the result is then NaN.
    with np.errstate(invalid="ignore"):
        weights = np.exp(log_weights - log_weights.max(axis=last, keepdims=True))
        probabilities: np.ndarray = weights / weights.sum(axis=last, keepdims=True)
    return probabilities


def draw_paths(gamma: np.ndarray, xi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw paths from p(z | x, θ): the first state, then each state given the one before it.

    Parameters
    ----------
    gamma, xi : ndarray, shapes (*batch, T, K) and (*batch, T - 1, K, K)
        As `smoothed_probabilities` returns them.
    rng : Generator

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
        threshold = rng.random((*cumulative.shape[:-1], 1)) * cumulative[..., -1:]
        states[..., t] = np.count_nonzero(threshold >= cumulative, axis=-1)
    return states
