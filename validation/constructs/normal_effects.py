"""Random effects with normal distributions and normal data."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats

from constructs import Works

GROUP = np.array([0, 0, 1, 1, 1, 2, 2, 3])
OTHER = np.array([0, 1, 0, 1, 2, 2, 0, 1])
Y = np.array([1.2, 0.4, 2.9, 3.3, 2.2, -0.7, 0.1, 1.8])
X = np.array([-1.0, 0.5, 0.2, 1.0, -0.3, 0.8, -0.6, 0.1])
SCHOOLS = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
ERRORS = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
TIMES = np.array([0.0, 0.7, 1.1, 2.0, 2.4])


def _normal(y, mean, covariance):
    return stats.multivariate_normal.logpdf(y, np.broadcast_to(mean, y.shape), covariance)


def _same(first, second=None):
    """Matrix of 1 where two units have the same group, else 0."""
    return (first[:, None] == (first if second is None else second)).astype(float)


def groups_centred():
    """Groups, centred: `b ~ Normal(mu, tau)`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5)
            sigma = pm.HalfNormal("sigma", 5)
            b = pm.Normal("b", mu, tau, shape=4)
            pm.Normal("y", b[GROUP], sigma, observed=Y)
        return built

    def log_likelihood(mu, tau, sigma):
        return _normal(Y, mu, sigma**2 * np.eye(8) + tau**2 * _same(GROUP))

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.3, "sigma": 0.7},))


def groups_noncentred():
    """Groups, non-centred: a Deterministic `mu + tau * eta` between latent and data."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5)
            sigma = pm.HalfNormal("sigma", 5)
            eta = pm.Normal("eta", 0, 1, shape=4)
            b = pm.Deterministic("b", mu + tau * eta)
            pm.Normal("y", b[GROUP], sigma, observed=Y)
        return built

    def log_likelihood(mu, tau, sigma):
        return _normal(Y, mu, sigma**2 * np.eye(8) + tau**2 * _same(GROUP))

    return Works(model, ("eta",), log_likelihood, ({"mu": 1.0, "tau": 1.3, "sigma": 0.7},))


def eight_schools():
    """Eight schools, known standard errors."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfCauchy("tau", 5)
            theta = pm.Normal("theta", mu, tau, shape=8)
            pm.Normal("y", theta, ERRORS, observed=SCHOOLS)
        return built

    def log_likelihood(mu, tau):
        return stats.norm.logpdf(SCHOOLS, mu, np.sqrt(ERRORS**2 + tau**2)).sum()

    points = ({"mu": 4.0, "tau": 3.5}, {"mu": 8.0, "tau": 1e-3})
    return Works(model, ("theta",), log_likelihood, points)


def crossed_effects():
    """Two crossed factors, `a[row] + b[column]`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5, shape=2)
            a = pm.Normal("a", 0, tau[0], shape=4)
            b = pm.Normal("b", 0, tau[1], shape=3)
            pm.Normal("y", mu + a[GROUP] + b[OTHER], 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        covariance = tau[0] ** 2 * _same(GROUP) + tau[1] ** 2 * _same(OTHER)
        return _normal(Y, mu, covariance + 0.64 * np.eye(8))

    point = {"mu": 1.0, "tau": np.array([1.3, 0.6])}
    return Works(model, ("a", "b"), log_likelihood, (point,))


def nested_groups():
    """Classes within schools: a latent whose mean is another latent."""

    school = np.array([0, 0, 1, 1])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5, shape=2)
            a = pm.Normal("a", mu, tau[0], shape=2)
            b = pm.Normal("b", a[school], tau[1], shape=4)
            pm.Normal("y", b[GROUP], 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        covariance = tau[0] ** 2 * _same(school[GROUP]) + tau[1] ** 2 * _same(GROUP)
        return _normal(Y, mu, covariance + 0.64 * np.eye(8))

    point = {"mu": 1.0, "tau": np.array([1.3, 0.6])}
    return Works(model, ("a", "b"), log_likelihood, (point,))


def correlated_slopes():
    """Correlated intercepts and slopes, `MvNormal` with a covariance of the parameters."""

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 5, shape=2)
            tau = pm.HalfNormal("tau", 5, shape=2)
            rho = pm.Uniform("rho", -1, 1)
            off = rho * tau[0] * tau[1]
            cov = pt.stack([pt.stack([tau[0] ** 2, off]), pt.stack([off, tau[1] ** 2])])
            b = pm.MvNormal("b", beta, cov=cov, shape=(4, 2))
            pm.Normal("y", b[GROUP, 0] + b[GROUP, 1] * X, 0.8, observed=Y)
        return built

    def log_likelihood(beta, tau, rho):
        cov = np.outer(tau, tau) * np.array([[1, rho], [rho, 1]])
        design = np.stack([np.ones(8), X], axis=1)
        covariance = design @ cov @ design.T * _same(GROUP) + 0.64 * np.eye(8)
        return _normal(Y, design @ beta, covariance)

    point = {"beta": np.array([1.0, 0.5]), "tau": np.array([1.2, 0.7]), "rho": -0.4}
    return Works(model, ("b",), log_likelihood, (point,))


def correlated_slopes_lkj():
    """Correlated intercepts and slopes, non-centred with `LKJCholeskyCov`."""

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 5, shape=2)
            sd = pm.HalfNormal.dist(2, shape=2)
            packed = pm.LKJCholeskyCov("packed", n=2, eta=2, sd_dist=sd, compute_corr=False)
            chol = pm.expand_packed_triangular(2, packed)
            eta = pm.Normal("eta", 0, 1, shape=(4, 2))
            b = pm.Deterministic("b", beta + pt.dot(eta, chol.T))
            pm.Normal("y", b[GROUP, 0] + b[GROUP, 1] * X, 0.8, observed=Y)
        return built

    def log_likelihood(beta, packed):
        chol = np.array([[packed[0], 0.0], [packed[1], packed[2]]])
        design = np.stack([np.ones(8), X], axis=1)
        covariance = design @ chol @ chol.T @ design.T * _same(GROUP) + 0.64 * np.eye(8)
        return _normal(Y, design @ beta, covariance)

    point = {"beta": np.array([1.0, 0.5]), "packed": np.array([1.2, -0.3, 0.6])}
    return Works(model, ("eta",), log_likelihood, (point,))


def zero_sum_effects():
    """Effects that sum to zero, `ZeroSumNormal`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5)
            b = pm.ZeroSumNormal("b", sigma=tau, shape=4)
            pm.Normal("y", mu + b[GROUP], 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        centring = np.eye(4) - 0.25
        effects = tau**2 * centring[GROUP][:, GROUP]
        return _normal(Y, mu, effects + 0.64 * np.eye(8))

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.3},))


def random_coefficients_of_a_regression():
    """Regression coefficients as latents with a common variance, `dot(x, b)`."""

    design = np.stack([X, X**2, np.cos(3 * X)], axis=1)

    def model():
        with pm.Model() as built:
            tau = pm.HalfNormal("tau", 5)
            sigma = pm.HalfNormal("sigma", 5)
            b = pm.Normal("b", 0, tau, shape=3)
            pm.Normal("y", pt.dot(design, b), sigma, observed=Y)
        return built

    def log_likelihood(tau, sigma):
        return _normal(Y, 0.0, tau**2 * design @ design.T + sigma**2 * np.eye(8))

    return Works(model, ("b",), log_likelihood, ({"tau": 1.3, "sigma": 0.7},))


def one_latent_for_all():
    """One scalar latent on which all data depend."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5)
            b = pm.Normal("b", mu, tau)
            pm.Normal("y", b, 0.8, observed=Y)
        return built

    def log_likelihood(mu, tau):
        return _normal(Y, mu, tau**2 * np.ones((8, 8)) + 0.64 * np.eye(8))

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.3},))


def factor_analysis():
    """Factor analysis, `dot(z, loadings)`."""

    rows = np.stack([Y[:4], Y[4:], X[:4]], axis=1)

    def model():
        with pm.Model() as built:
            loadings = pm.Normal("loadings", 0, 2, shape=(1, 3))
            sigma = pm.HalfNormal("sigma", 2, shape=3)
            z = pm.Normal("z", 0, 1, shape=(4, 1))
            pm.Normal("y", pt.dot(z, loadings), sigma, observed=rows)
        return built

    def log_likelihood(loadings, sigma):
        covariance = loadings.T @ loadings + np.diag(sigma**2)
        return stats.multivariate_normal.logpdf(rows, np.zeros(3), covariance).sum()

    point = {"loadings": np.array([[1.0, 0.5, -0.3]]), "sigma": np.array([0.9, 1.1, 0.6])}
    return Works(model, ("z",), log_likelihood, (point,))


def errors_in_variables():
    """Errors in variables: a latent covariate that is measured too, two observed children."""

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 5, shape=2)
            tau = pm.HalfNormal("tau", 2)
            true = pm.Normal("true", 0, tau, shape=8)
            pm.Normal("x", true, 0.5, observed=X)
            pm.Normal("y", beta[0] + beta[1] * true, 0.8, observed=Y)
        return built

    def log_likelihood(beta, tau):
        slope = np.array([1.0, beta[1]])
        covariance = tau**2 * np.outer(slope, slope) + np.diag([0.25, 0.64])
        rows = np.stack([X, Y - beta[0]], axis=1)
        return stats.multivariate_normal.logpdf(rows, np.zeros(2), covariance).sum()

    return Works(model, ("true",), log_likelihood, ({"beta": np.array([1.0, 0.8]), "tau": 0.7},))


def gaussian_process_centred():
    """Gaussian process with normal noise, `gp.Latent` without reparameterisation."""

    def model():
        with pm.Model() as built:
            scale = pm.HalfNormal("scale", 2)
            length = pm.Gamma("length", 2, 1)
            covariance = scale**2 * pm.gp.cov.ExpQuad(1, length)
            process = pm.gp.Latent(cov_func=covariance)
            f = process.prior("f", TIMES[:, None], reparameterize=False)
            pm.Normal("y", f, 0.5, observed=Y[:5])
        return built

    return Works(model, ("f",), _process, ({"scale": 1.4, "length": 0.8},))


def gaussian_process_noncentred():
    """Gaussian process with normal noise, `gp.Latent` reparameterised."""

    def model():
        with pm.Model() as built:
            scale = pm.HalfNormal("scale", 2)
            length = pm.Gamma("length", 2, 1)
            covariance = scale**2 * pm.gp.cov.ExpQuad(1, length)
            process = pm.gp.Latent(cov_func=covariance)
            f = process.prior("f", TIMES[:, None])
            pm.Normal("y", f, 0.5, observed=Y[:5])
        return built

    return Works(model, ("f_rotated_",), _process, ({"scale": 1.4, "length": 0.8},))


def _process(scale, length):
    kernel = scale**2 * np.exp(-0.5 * ((TIMES[:, None] - TIMES) / length) ** 2)
    # PyMC adds 1e-6 to the diagonal, so that the matrix has a Cholesky factor.
    return _normal(Y[:5], 0.0, kernel + (1e-6 + 0.25) * np.eye(5))


def effects_with_log_normal_data():
    """Groups with log-normal data, `LogNormal(b[group], sigma)`."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            tau = pm.HalfNormal("tau", 5)
            b = pm.Normal("b", mu, tau, shape=4)
            pm.LogNormal("y", b[GROUP], 0.8, observed=np.exp(Y))
        return built

    def log_likelihood(mu, tau):
        return _normal(Y, mu, 0.64 * np.eye(8) + tau**2 * _same(GROUP)) - Y.sum()

    return Works(model, ("b",), log_likelihood, ({"mu": 1.0, "tau": 1.3},))
