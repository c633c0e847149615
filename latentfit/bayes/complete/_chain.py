r"""A Markov chain of finitely many states, time along its last axis.

Of θ', Q needs the probabilities γ of each state at each time and ξ of each pair of neighbours:
it is the sum of γ_1 · log p(z_1), ξ_t · log p(z_{t+1} | z_t) and γ_t · log p(x_t | z_t)
(Baum, Petrie, Soules & Weiss 1970, Annals of Mathematical Statistics 41(1)). Both follow from
one pass forwards and one backwards through the chain, in logarithms, from the declaration's own
three terms.
"""

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

from latentfit.bayes._density import Density
from latentfit.bayes.complete._terms import expected, in_terms_of, rest
from latentfit.bayes.complete._view import CompleteData, pairs_of
from latentfit.declaration import Declaration, double_precision, function, stable


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


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """The view, or None where the latent is no such chain, or one with a longer memory."""
    if len(declaration.latents) != 1:
        return None
    (name,) = declaration.latents
    op = declaration.model[name].owner.op
    if not isinstance(op, DiscreteMarkovChain) or op.n_lags != 1 or op.time_varying_P:
        return None
    view, point = density.view, density.point
    nodes = {rv.owner for rv in view.observed_RVs}
    marginal = [n for n in nodes if n and isinstance(n.op, MarginalDiscreteMarkovChainRV)]
    if len(marginal) != 1:
        return None
    (node,) = marginal
    graphs = in_terms_of(point, density, view, _terms(node, view))
    *terms, others = stable([*graphs, rest(declaration, density)])
    gamma = terms[2].type(name)
    xi = pt.tensor(pairs_of(name), dtype=gamma.dtype, shape=(None,) * (gamma.ndim + 1))
    q = (
        expected(gamma[..., 0, :], terms[0])
        + expected(xi, terms[1][..., None, :, :])
        + expected(gamma, terms[2])
        + others
    )
    evaluate = function([point], terms, rewritten=True)

    def chain_at(where: np.ndarray) -> Chain:
        return Chain(*evaluate(where))

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        gamma, xi = smoothed(chain_at(where))
        return {name: gamma, pairs_of(name): xi}

    return CompleteData(
        declaration,
        density,
        exact=True,
        discrete=True,
        chain=chain_at,
        _statistics=statistics,
        _names=(name, pairs_of(name)),
        _inputs=(gamma, xi),
        _q=q,
    )


def _terms(node: Any, view: pm.Model) -> list[Any]:
    """The three terms as graphs of the model's variables; states along the last axes."""
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
