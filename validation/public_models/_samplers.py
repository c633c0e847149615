"""Posterior means and standard deviations by samplers of their own, with NumPy alone."""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import log_expit, logsumexp

Moments = dict[str, tuple[float, float]]

_SEED = 0
_GIBBS_DRAWS = 20_000
_METROPOLIS_DRAWS = 60_000
# Draws from which the covariance of proposals is estimated, and which are then discarded.
_ADAPTATION_DRAWS = 10_000


def rats(data: Mapping[str, np.ndarray]) -> Moments:
    """Gibbs sampling: all conditional distributions are normal or gamma."""
    rng, y = np.random.default_rng(_SEED), data["y"]
    x = np.array([-14.0, -7, 0, 7, 14])
    n, times, squares = len(y), len(x), np.sum(x**2)
    a, b = y.mean(axis=1), y @ x / squares
    tau_c, tau_a, tau_b = 0.03, 0.005, 4.0
    draws = np.empty((_GIBBS_DRAWS, 3))
    for draw in range(-1000, _GIBBS_DRAWS):
        alpha_c = _normal(rng, tau_a * a.sum(), n * tau_a + 1e-6)
        beta_c = _normal(rng, tau_b * b.sum(), n * tau_b + 1e-6)
        a = _normal(rng, tau_c * y.sum(axis=1) + tau_a * alpha_c, times * tau_c + tau_a)
        b = _normal(rng, tau_c * (y @ x) + tau_b * beta_c, squares * tau_c + tau_b)
        residual = y - a[:, None] - b[:, None] * x
        tau_c = _precision(rng, residual)
        tau_a, tau_b = _precision(rng, a - alpha_c), _precision(rng, b - beta_c)
        if draw >= 0:
            draws[draw] = alpha_c - 22 * beta_c, beta_c, tau_c**-0.5
    return _summary(dict(zip(("alpha0", "beta_c", "sigma"), draws.T, strict=True)))


def seeds(data: Mapping[str, np.ndarray]) -> Moments:
    """Metropolis sampling of alpha and log tau; the effects are integrated out numerically."""
    r, n = data["r"], data["n"]
    one, two = data["seed"].astype(float), data["extract"].astype(float)
    x = np.stack([np.ones(21), one, two, one * two], axis=1)
    nodes = np.linspace(-8, 8, 65)

    def log_density(theta):
        sd = np.exp(-theta[4] / 2)
        if sd > 10:
            return -np.inf
        eta = (x @ theta[:4])[:, None] + sd * nodes
        terms = r[:, None] * log_expit(eta) + (n - r)[:, None] * log_expit(-eta) - nodes**2 / 2
        prior = 0.001 * (theta[4] - np.exp(theta[4])) - np.sum(theta[:4] ** 2) / 2e6
        return np.sum(logsumexp(terms, axis=1)) + prior

    start = np.array([-0.5, 0.1, 1.3, -0.8, 2.5])
    draws = _metropolis(log_density, start, np.array([0.1, 0.15, 0.15, 0.2, 0.5]))
    named = {f"alpha[{k}]": draws[:, k] for k in range(4)}
    return _summary({**named, "sigma": np.exp(-draws[:, 4] / 2)})


def lsat(data: Mapping[str, np.ndarray]) -> Moments:
    """Metropolis sampling of alpha and log beta; the abilities are integrated out numerically."""
    pattern, count = data["pattern"], data["count"]
    # Given ability t, the probability of a pattern s is proportional to exp(Σ s (beta t - alpha)).
    nodes = np.linspace(-7, 7, 57)
    score = pattern.sum(axis=1)

    def log_density(theta):
        alpha, beta = theta[:5], np.exp(theta[5])
        common = np.sum(log_expit(alpha[:, None] - beta * nodes), axis=0) - nodes**2 / 2
        by_score = logsumexp(np.arange(6)[:, None] * beta * nodes + common, axis=1)
        prior = -(np.sum(alpha**2) + beta**2) / 2e4 + theta[5]
        return count @ (by_score[score] - pattern @ alpha) + prior

    start = np.array([-2.7, -1.0, -0.24, -1.3, -2.1, -0.3])
    draws = _metropolis(log_density, start, np.full(6, 0.05))
    centred = draws[:, :5] - draws[:, :5].mean(axis=1, keepdims=True)
    named = {f"a[{k}]": centred[:, k] for k in range(5)}
    return _summary({**named, "beta": np.exp(draws[:, 5])})


def _metropolis(
    log_density: Callable[[np.ndarray], float], start: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """Random-walk Metropolis sampling with the covariance of a first run (Haario et al. 2001)."""
    rng, size = np.random.default_rng(_SEED), len(start)
    factor = np.diag(scales)
    point, draws = start, start[None]
    for length in (_ADAPTATION_DRAWS // 2, _ADAPTATION_DRAWS // 2, _METROPOLIS_DRAWS):
        steps = rng.normal(size=(length, size)) @ factor.T
        thresholds = np.log(rng.random(length))
        draws, value = np.empty((length, size)), log_density(point)
        for draw in range(length):
            proposal = point + steps[draw]
            proposed = log_density(proposal)
            if proposed - value > thresholds[draw]:
                point, value = proposal, proposed
            draws[draw] = point
        later = draws[length // 5 :]
        factor = 2.4 / np.sqrt(size) * np.linalg.cholesky(np.cov(later.T) + 1e-10 * np.eye(size))
    return draws


def _normal(rng: np.random.Generator, weighted: np.ndarray, precision: float) -> np.ndarray:
    return weighted / precision + rng.normal(size=np.shape(weighted)) / np.sqrt(precision)


def _precision(rng: np.random.Generator, residual: np.ndarray) -> float:
    return rng.gamma(0.001 + residual.size / 2) / (0.001 + np.sum(residual**2) / 2)


def _summary(draws: Mapping[str, np.ndarray]) -> Moments:
    return {name: (float(np.mean(values)), float(np.std(values))) for name, values in draws.items()}
