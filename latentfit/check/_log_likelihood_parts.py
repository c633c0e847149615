"""Mistakes in a log-likelihood that are recognised from the terms of a discrete latent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.special import softmax

from latentfit.bayes.views import MarkovChainTerms
from latentfit.check._log_likelihood_values import Values


def parts_of_mixture(given: Values) -> str | None:
    """Explain a mistake with the terms p(z) and p(x | z) of categorical latents."""
    joint = given.examination.complete.joint
    if joint is None:
        return None
    terms = [list(joint(trial.point).values()) for trial in given.trials]
    if any(len(one) != 1 for one in terms):
        return None
    pairs = [one for (one,) in terms]

    def total(log_weights: np.ndarray) -> float:
        return float(np.logaddexp.reduce(log_weights, axis=-1).sum())

    # What the log-likelihood has besides the terms of the mixture.
    rest = given.exact - [total(both) for both, _ in pairs]
    mistakes: tuple[tuple[str, Callable[[np.ndarray, np.ndarray], float]], ...] = (
        ("the mixing weights p(z) are left out", lambda both, prior: total(both - prior)),
        (
            "only the largest of the terms p(x, z) of each observation is counted, not their sum",
            lambda both, prior: float(both.max(axis=-1).sum()),
        ),
        (
            "the logarithms log p(x, z) are summed over z, in place of the densities",
            lambda both, prior: float(both.sum()),
        ),
        (
            "this is Q, the expected complete-data log-likelihood, not log p(x | θ)",
            lambda both, prior: float(np.sum(softmax(both, axis=-1) * both)),
        ),
        (
            "the densities are summed over all observations before the logarithm is taken",
            lambda both, prior: float(np.logaddexp.reduce(both, axis=None)),
        ),
    )
    for hint, value in mistakes:
        predicted = np.array([value(both, prior) for both, prior in pairs]) + rest
        if np.ptp(given.values - predicted) <= given.tolerance:
            return hint
    return None


def parts_of_chain(given: Values) -> str | None:
    """Explain a mistake with the terms of a Markov chain."""
    of_trial = given.examination.complete.chain
    if of_trial is None:
        return None
    chains = [of_trial(trial.point) for trial in given.trials]

    def total(chain: MarkovChainTerms, over: Callable[..., Any] = np.logaddexp.reduce) -> float:
        return float(np.sum(over(_forward(chain)[..., -1, :], axis=-1)))

    # What the log-likelihood has besides the terms of the chain.
    rest = given.exact - [total(chain) for chain in chains]
    mistakes: tuple[tuple[str, Callable[[MarkovChainTerms], float]], ...] = (
        (
            "the initial distribution is left out",
            lambda chain: total(replace(chain, initial=np.zeros_like(chain.initial))),
        ),
        (
            "the transition matrix is transposed",
            lambda chain: total(replace(chain, transition=np.swapaxes(chain.transition, -1, -2))),
        ),
        (
            "only the largest of the last forward probabilities is counted, not their sum",
            lambda chain: total(chain, np.max),
        ),
        (
            "the forward probabilities of all times are summed, not those of the last time alone",
            lambda chain: float(np.sum(np.logaddexp.reduce(_forward(chain), axis=-1))),
        ),
        (
            "the probabilities of all sequences are summed before the logarithm is taken",
            lambda chain: float(np.logaddexp.reduce(_forward(chain)[..., -1, :], axis=None)),
        ),
    )
    for hint, value in mistakes:
        predicted = np.array([value(chain) for chain in chains]) + rest
        if np.ptp(given.values - predicted) <= given.tolerance:
            return hint
    return None


def _forward(chain: MarkovChainTerms) -> np.ndarray:
    """Return the logarithms of the forward probabilities p(x_1, ..., x_t, z_t)."""
    alpha = np.empty_like(chain.emission)
    alpha[..., 0, :] = chain.initial + chain.emission[..., 0, :]
    for t in range(1, alpha.shape[-2]):
        before = alpha[..., t - 1, :, None] + chain.transition
        alpha[..., t, :] = chain.emission[..., t, :] + np.logaddexp.reduce(before, axis=-2)
    return alpha
