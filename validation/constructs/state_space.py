"""State space models and random walks."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats

from constructs import Works

Y = np.array([0.2, 0.9, 0.4, 1.7, 2.1, 1.5])
STEPS = np.minimum(np.arange(6)[:, None], np.arange(6))


def _normal(y, covariance):
    return stats.multivariate_normal.logpdf(y, np.zeros(len(y)), covariance)


def local_level():
    """Local level: `GaussianRandomWalk` and normal noise."""

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 2, shape=2)
            start = pm.Normal.dist(0, 2)
            level = pm.GaussianRandomWalk("level", sigma=sigma[0], init_dist=start, shape=6)
            pm.Normal("y", level, sigma[1], observed=Y)
        return built

    return Works(model, ("level",), _local_level, ({"sigma": np.array([0.6, 0.4])},))


def local_level_by_cumsum():
    """Local level, non-centred: the cumulative sum of normal steps."""

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 2, shape=2)
            start = pm.Normal("start", 0, 2)
            step = pm.Normal("step", 0, 1, shape=5)
            walk = pt.cumsum(pt.concatenate([pt.zeros(1), step]))
            level = pm.Deterministic("level", start + sigma[0] * walk)
            pm.Normal("y", level, sigma[1], observed=Y)
        return built

    return Works(model, ("start", "step"), _local_level, ({"sigma": np.array([0.6, 0.4])},))


def _local_level(sigma):
    return _normal(Y, 4.0 + sigma[0] ** 2 * STEPS + sigma[1] ** 2 * np.eye(6))


def local_level_with_missing_value():
    """Local level with a missing observation, two latents."""

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 2, shape=2)
            start = pm.Normal.dist(0, 2)
            level = pm.GaussianRandomWalk("level", sigma=sigma[0], init_dist=start, shape=6)
            y = np.ma.array(Y, mask=np.arange(6) == 2)
            pm.Normal("y", level, sigma[1], observed=y)
        return built

    def log_likelihood(sigma):
        kept = np.array([0, 1, 3, 4, 5])
        covariance = 4.0 + sigma[0] ** 2 * STEPS + sigma[1] ** 2 * np.eye(6)
        return _normal(Y[kept], covariance[np.ix_(kept, kept)])

    point = {"sigma": np.array([0.6, 0.4])}
    return Works(model, ("level", "y_unobserved"), log_likelihood, (point,))


def random_walk_with_drift():
    """Random walk with drift, `GaussianRandomWalk(mu=)`."""

    def model():
        with pm.Model() as built:
            drift = pm.Normal("drift", 0, 1)
            start = pm.Normal.dist(0, 2)
            level = pm.GaussianRandomWalk("level", drift, 0.6, init_dist=start, shape=6)
            pm.Normal("y", level, 0.4, observed=Y)
        return built

    def log_likelihood(drift):
        covariance = 4.0 + 0.36 * STEPS + 0.16 * np.eye(6)
        return _normal(Y - drift * np.arange(6), covariance)

    return Works(model, ("level",), log_likelihood, ({"drift": 0.3},))


def autoregression():
    """Autoregressive latent of order one with normal noise, `AR`."""

    def model():
        with pm.Model() as built:
            phi = pm.Normal("phi", 0.5, 0.5)
            sigma = pm.HalfNormal("sigma", 2, shape=2)
            start = pm.Normal.dist(0, 2, shape=1)
            x = pm.AR("x", rho=pt.stack([phi]), sigma=sigma[0], init_dist=start, shape=6)
            pm.Normal("y", x, sigma[1], observed=Y)
        return built

    def log_likelihood(phi, sigma):
        return _normal(Y, _autoregressive([phi], sigma[0]) + sigma[1] ** 2 * np.eye(6))

    return Works(model, ("x",), log_likelihood, ({"phi": 0.7, "sigma": np.array([0.6, 0.4])},))


def autoregression_of_order_two():
    """Autoregressive latent of order two with normal noise."""

    def model():
        with pm.Model() as built:
            phi = pm.Normal("phi", 0, 0.5, shape=2)
            start = pm.Normal.dist(0, 2, shape=2)
            x = pm.AR("x", rho=phi, sigma=0.6, init_dist=start, shape=6)
            pm.Normal("y", x, 0.4, observed=Y)
        return built

    def log_likelihood(phi):
        return _normal(Y, _autoregressive(phi, 0.6) + 0.16 * np.eye(6))

    return Works(model, ("x",), log_likelihood, ({"phi": np.array([0.5, -0.2])},))


def _autoregressive(phi, sigma):
    """Covariance of six values; the first ones have standard deviation 2."""
    order = len(phi)
    innovations = np.eye(6)
    for lag, coefficient in enumerate(phi, start=1):
        innovations[range(order, 6), range(order - lag, 6 - lag)] = -coefficient
    response = np.linalg.inv(innovations)
    sd = np.r_[np.full(order, 2.0), np.full(6 - order, sigma)]
    return response @ np.diag(sd**2) @ response.T


def local_linear_trend():
    """Local linear trend: a random walk of the slope within a random walk of the level."""

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 2, shape=3)
            start = pm.Normal.dist(0, 1)
            slope = pm.GaussianRandomWalk("slope", sigma=sigma[0], init_dist=start, shape=5)
            noise = pm.Normal("noise", 0, sigma[1], shape=5)
            level = pt.concatenate([pt.zeros(1), pt.cumsum(slope + noise)])
            pm.Normal("y", level, sigma[2], observed=Y)
        return built

    def log_likelihood(sigma):
        sums = np.tril(np.ones((6, 5)), -1)
        slope = 1.0 + sigma[0] ** 2 * STEPS[:5, :5]
        covariance = sums @ (slope + sigma[1] ** 2 * np.eye(5)) @ sums.T
        return _normal(Y, covariance + sigma[2] ** 2 * np.eye(6))

    point = {"sigma": np.array([0.3, 0.5, 0.4])}
    return Works(model, ("slope", "noise"), log_likelihood, (point,))


def random_walks_of_groups():
    """Random walks of several groups, a batch."""

    table = np.stack([Y, Y[::-1]])

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 2, shape=2)
            start = pm.Normal.dist(0, 2)
            level = pm.GaussianRandomWalk("level", sigma=sigma[0], init_dist=start, shape=(2, 6))
            pm.Normal("y", level, sigma[1], observed=table)
        return built

    def log_likelihood(sigma):
        covariance = 4.0 + sigma[0] ** 2 * STEPS + sigma[1] ** 2 * np.eye(6)
        return sum(_normal(row, covariance) for row in table)

    return Works(model, ("level",), log_likelihood, ({"sigma": np.array([0.6, 0.4])},))


def multivariate_random_walk():
    """Two correlated random walks, `MvGaussianRandomWalk`."""

    table = np.stack([Y, 0.5 * Y[::-1]], axis=1)

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 2)
            cov = sigma**2 * np.array([[1.0, 0.5], [0.5, 1.0]])
            start = pm.MvNormal.dist(np.zeros(2), np.eye(2))
            level = pm.MvGaussianRandomWalk(
                "level", mu=np.zeros(2), cov=cov, init_dist=start, shape=(6, 2)
            )
            pm.Normal("y", level, 0.4, observed=table)
        return built

    def log_likelihood(sigma):
        cov = sigma**2 * np.array([[1.0, 0.5], [0.5, 1.0]])
        covariance = np.kron(np.ones((6, 6)), np.eye(2)) + np.kron(STEPS, cov)
        return _normal(table.ravel(), covariance + 0.16 * np.eye(12))

    return Works(model, ("level",), log_likelihood, ({"sigma": 0.6},))


def state_by_steps():
    """A state space model written step by step, one latent for each time."""

    def model():
        with pm.Model() as built:
            phi = pm.Normal("phi", 0.5, 0.5)
            first = pm.Normal("first", 0, 2)
            second = pm.Normal("second", phi * first, 0.6)
            pm.Normal("y", pt.stack([first, second]), 0.4, observed=Y[:2])
        return built

    def log_likelihood(phi):
        covariance = _autoregressive([phi], 0.6)[:2, :2]
        return _normal(Y[:2], covariance + 0.16 * np.eye(2))

    return Works(model, ("first", "second"), log_likelihood, ({"phi": 0.7},))
