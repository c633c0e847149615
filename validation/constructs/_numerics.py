"""Sums and integrals with which the independent log-likelihoods are computed."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
from scipy import stats
from scipy.special import log_expit, logsumexp


def log_integral(
    log_density: Callable[[np.ndarray], np.ndarray], low: float, high: float, points: int = 4001
) -> np.ndarray:
    """Integrate a smooth density that vanishes at both ends, by the trapezoid rule.

    The rule converges faster than any power of the step for such densities (Trefethen & Weideman
    2014, SIAM Review 56(3)).

    Parameters
    ----------
    log_density : callable
        From the grid, shape (points,), to the log density, shape (..., points).
    low, high : float
    points : int

    Returns
    -------
    ndarray, shape (...)
        The logarithm of the integral.
    """
    grid = np.linspace(low, high, points)
    return logsumexp(log_density(grid), axis=-1) + np.log(grid[1] - grid[0])


def log_sum_over_values(
    log_joint: Callable[[tuple[int, ...]], float], values: Sequence[Sequence[int]]
) -> float:
    """Sum exp(log p(x, z | θ)) over all combinations of the values of discrete latents.

    Parameters
    ----------
    log_joint : callable
        From one combination to log p(x, z | θ).
    values : sequence of sequence of int
        The values of each latent.
    """
    return float(logsumexp([log_joint(z) for z in product(*values)]))


def forward(start: np.ndarray, transition: np.ndarray, log_emission: np.ndarray) -> float:
    """Compute the log-likelihood of a hidden Markov model by the forward algorithm.

    Parameters
    ----------
    start : ndarray, shape (states,)
    transition : ndarray, shape (states, states)
    log_emission : ndarray, shape (times, states)
    """
    scale = log_emission.max(axis=1)
    emission = np.exp(log_emission - scale[:, None])
    alpha, total = start * emission[0], scale.sum()
    for row in emission[1:]:
        norm = alpha.sum()
        alpha, total = (alpha / norm) @ transition * row, total + np.log(norm)
    return float(total + np.log(alpha.sum()))


def log_normal_integral(
    log_density: Callable[[np.ndarray], np.ndarray], sd: float, points: int = 4001
) -> np.ndarray:
    """Integrate exp(log_density(z)) over z ~ N(0, sd²); see `log_integral`."""
    return log_integral(lambda t: log_density(sd * t) + stats.norm.logpdf(t), -14.0, 14.0, points)


def binomial_logit(y: np.ndarray, n: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """Evaluate the log probability of y among n trials, without underflow for any logit eta."""
    coefficient = stats.binom.logpmf(y, n, 0.5) + n * np.log(2)
    return coefficient + y * log_expit(eta) + (n - y) * log_expit(-eta)
