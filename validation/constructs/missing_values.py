"""Missing values and latents that are partly known."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from scipy import stats
from scipy.special import logsumexp

from constructs import Works

TIMES = np.array([5.0, np.nan, 2.2, 0.7])
Y = np.array([1.2, np.nan, 2.9, 3.3, np.nan, -0.7])
X = np.array([-1.0, 0.5, 0.2, 1.0, -0.3, 0.8])
SEEN = ~np.isnan(Y)
COUNTS = np.ma.array([2, 0, 3, 0, 1], mask=[False, False, False, True, False])
KNOWN_COUNTS = COUNTS.compressed()


def missing_exponential():
    """Exponential times, one of them missing."""

    def model():
        with pm.Model() as built:
            theta = pm.Gamma("theta", 1, 0.1)
            pm.Exponential("y", theta, observed=np.ma.masked_invalid(TIMES))
        return built

    def log_likelihood(theta):
        return stats.expon.logpdf(TIMES[~np.isnan(TIMES)], scale=1 / theta).sum()

    return Works(model, ("y_unobserved",), log_likelihood, ({"theta": 0.4},))


def missing_responses():
    """Regression with missing responses."""

    def model():
        with pm.Model() as built:
            beta = pm.Normal("beta", 0, 5, shape=2)
            sigma = pm.HalfNormal("sigma", 2)
            pm.Normal("y", beta[0] + beta[1] * X, sigma, observed=np.ma.masked_invalid(Y))
        return built

    def log_likelihood(beta, sigma):
        return stats.norm.logpdf(Y[SEEN], (beta[0] + beta[1] * X)[SEEN], sigma).sum()

    point = {"beta": np.array([1.0, 0.5]), "sigma": 1.3}
    return Works(model, ("y_unobserved",), log_likelihood, (point,))


def missing_normal_covariate():
    """Regression with missing values of a normal covariate."""

    response = np.array([0.3, 1.9, 2.0, 2.8, 0.4, 0.1])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            beta = pm.Normal("beta", 0, 5, shape=2)
            sigma = pm.HalfNormal("sigma", 2)
            x = pm.Normal("x", mu, 1.5, observed=np.ma.masked_invalid(Y))
            pm.Normal("response", beta[0] + beta[1] * x, sigma, observed=response)
        return built

    def log_likelihood(mu, beta, sigma):
        mean = beta[0] + beta[1] * np.where(SEEN, Y, mu)
        sd = np.where(SEEN, sigma, np.hypot(sigma, 1.5 * beta[1]))
        covariate = stats.norm.logpdf(Y[SEEN], mu, 1.5).sum()
        return covariate + stats.norm.logpdf(response, mean, sd).sum()

    point = {"mu": 1.5, "beta": np.array([0.2, 0.7]), "sigma": 0.8}
    return Works(model, ("x_unobserved",), log_likelihood, (point,))


def missing_binary_covariate():
    """Regression with missing values of a binary covariate."""

    treated = np.ma.array([0, 1, 0, 0, 1], mask=[False, False, True, True, False])
    response = np.array([0.1, 2.2, 1.8, -0.3, 1.4])

    def model():
        with pm.Model() as built:
            p = pm.Beta("p", 1, 1)
            beta = pm.Normal("beta", 0, 5, shape=2)
            x = pm.Bernoulli("x", p, observed=treated)
            pm.Normal("response", beta[0] + beta[1] * x, 1.0, observed=response)
        return built

    def log_likelihood(p, beta):
        x = np.array([0, 1])
        joint = stats.norm.logpdf(response[:, None], beta[0] + beta[1] * x, 1.0)
        joint = joint + stats.bernoulli.logpmf(x, p)
        known = ~np.ma.getmaskarray(treated)
        given = joint[known, treated.compressed()].sum()
        return given + logsumexp(joint[~known], axis=1).sum()

    return Works(
        model, ("x_unobserved",), log_likelihood, ({"p": 0.4, "beta": np.array([0, 2.0])},)
    )


def partly_known_classes():
    """Mixture in which the classes of some units are known, `Categorical(observed=masked)`."""

    labels = np.ma.array([0, 1, 0, 0, 1], mask=[False, False, True, True, True])
    x = np.array([-0.9, 2.2, 1.8, -0.3, 1.4])

    def model():
        with pm.Model() as built:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 5, shape=2)
            z = pm.Categorical("z", w, observed=labels)
            pm.Normal("x", mu[z], 1.0, observed=x)
        return built

    def log_likelihood(w, mu):
        joint = stats.norm.logpdf(x[:, None], mu, 1.0) + np.log(w)
        return joint[[0, 1], [0, 1]].sum() + logsumexp(joint[2:], axis=1).sum()

    point = {"w": np.array([0.4, 0.6]), "mu": np.array([-1.0, 2.0])}
    return Works(model, ("z_unobserved",), log_likelihood, (point,))


def missing_categories():
    """Categories of which some are missing, without dependents."""

    observed = np.ma.array([0, 2, 1, 0, 2], mask=[False, False, False, True, True])

    def model():
        with pm.Model() as built:
            p = pm.Dirichlet("p", np.ones(3))
            pm.Categorical("c", p, observed=observed)
        return built

    def log_likelihood(p):
        return np.log(p[observed.compressed()]).sum()

    return Works(model, ("c_unobserved",), log_likelihood, ({"p": np.array([0.2, 0.5, 0.3])},))


def missing_poisson_count():
    """Poisson counts, one of them lost."""

    def model():
        with pm.Model() as built:
            lam = pm.Gamma("lam", 1, 0.1)
            pm.Poisson("y", lam, observed=COUNTS)
        return built

    def log_likelihood(lam):
        return stats.poisson.logpmf(KNOWN_COUNTS, lam).sum()

    return Works(model, ("y_unobserved",), log_likelihood, ({"lam": 1.7},))


def missing_negative_binomial_count():
    """Negative binomial counts, one of them lost."""

    def model():
        with pm.Model() as built:
            mu = pm.Gamma("mu", 1, 0.1)
            alpha = pm.Gamma("alpha", 2, 0.5)
            pm.NegativeBinomial("y", mu=mu, alpha=alpha, observed=COUNTS)
        return built

    def log_likelihood(mu, alpha):
        return stats.nbinom.logpmf(KNOWN_COUNTS, alpha, alpha / (alpha + mu)).sum()

    return Works(model, ("y_unobserved",), log_likelihood, ({"mu": 1.7, "alpha": 2.5},))


def missing_geometric_count():
    """Geometric waiting times, one of them lost."""

    def model():
        with pm.Model() as built:
            p = pm.Beta("p", 1, 1)
            pm.Geometric("y", p, observed=COUNTS + 1)
        return built

    def log_likelihood(p):
        return stats.geom.logpmf(KNOWN_COUNTS + 1, p).sum()

    return Works(model, ("y_unobserved",), log_likelihood, ({"p": 0.35},))


def missing_truncated_normal():
    """`Truncated` normal data with a missing value."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            parent = pm.Normal.dist(mu, 1.5)
            pm.Truncated("y", parent, lower=-1.0, observed=np.ma.masked_invalid(Y))
        return built

    def log_likelihood(mu):
        return stats.truncnorm.logpdf(Y[SEEN], (-1 - mu) / 1.5, np.inf, mu, 1.5).sum()

    return Works(model, ("y_unobserved",), log_likelihood, ({"mu": 0.8},))


def missing_rows_of_multivariate_normal():
    """Rows of a multivariate normal distribution as latents that nothing else depends on."""

    rows = np.array([[0.1, 1.0], [2.0, -0.5], [1.5, 0.3]])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5, shape=2)
            covariance = np.array([[1.0, 0.4], [0.4, 2.0]])
            pm.MvNormal("lost", mu, cov=covariance, shape=(2, 2))
            pm.MvNormal("y", mu, cov=covariance, observed=rows)
        return built

    def log_likelihood(mu):
        covariance = np.array([[1.0, 0.4], [0.4, 2.0]])
        return stats.multivariate_normal.logpdf(rows, mu, covariance).sum()

    return Works(model, ("lost",), log_likelihood, ({"mu": np.array([1.0, 0.2])},))


def missing_coordinate():
    """A pair of normal variables, the second of which is missing in some rows."""

    first = np.array([0.1, 2.0, 1.5, -0.3])
    second = np.ma.masked_invalid([1.0, np.nan, 0.3, np.nan])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5, shape=2)
            slope = pm.Normal("slope", 0, 2)
            b = pm.Normal("b", mu[1], 1.2, observed=second)
            pm.Normal("a", mu[0] + slope * (b - mu[1]), 0.7, observed=first)
        return built

    def log_likelihood(mu, slope):
        known = ~np.ma.getmaskarray(second)
        b = second.filled(0)
        mean = mu[0] + slope * np.where(known, b - mu[1], 0)
        sd = np.where(known, 0.7, np.hypot(0.7, 1.2 * slope))
        given = stats.norm.logpdf(b[known], mu[1], 1.2).sum()
        return given + stats.norm.logpdf(first, mean, sd).sum()

    point = {"mu": np.array([0.7, 0.5]), "slope": 0.9}
    return Works(model, ("b_unobserved",), log_likelihood, (point,))


def missing_values_of_a_matrix():
    """A matrix of normal data with missing entries, effects of the columns."""

    table = np.array([[0.3, np.nan, 0.8], [2.4, 1.1, np.nan]])

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5, shape=3)
            sigma = pm.HalfNormal("sigma", 2)
            pm.Normal("y", pt.zeros((2, 1)) + mu, sigma, observed=np.ma.masked_invalid(table))
        return built

    def log_likelihood(mu, sigma):
        return np.nansum(stats.norm.logpdf(table, mu, sigma))

    point = {"mu": np.array([1.0, 0.5, 0.2]), "sigma": 0.9}
    return Works(model, ("y_unobserved",), log_likelihood, (point,))
