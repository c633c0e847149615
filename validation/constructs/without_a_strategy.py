"""Models that no strategy marginalises, and declarations that cannot be used."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from constructs import Refused

Y = np.array([0.2, -0.9, 0.4, 1.7, -2.1])
COUNTS = np.array([2, 0, 3, 5, 4])


def stochastic_volatility():
    """Stochastic volatility: a random walk of the logarithm of a scale."""

    def model():
        with pm.Model() as built:
            step = pm.HalfNormal("step", 1)
            start = pm.Normal.dist(0, 1)
            h = pm.GaussianRandomWalk("h", sigma=step, init_dist=start, shape=5)
            pm.Normal("y", 0, pm.math.exp(h / 2), observed=Y)
        return built

    return Refused(model, ("h",), r"\bh\b", sampled=True)


def poisson_random_walk():
    """Poisson counts whose logarithmic mean is a random walk."""

    def model():
        with pm.Model() as built:
            step = pm.HalfNormal("step", 1)
            start = pm.Normal.dist(0, 1)
            level = pm.GaussianRandomWalk("level", sigma=step, init_dist=start, shape=5)
            pm.Poisson("y", pm.math.exp(level), observed=COUNTS)
        return built

    return Refused(model, ("level",), r"\blevel\b", sampled=True)


def gaussian_process_of_counts():
    """Poisson counts whose logarithmic mean is a Gaussian process."""

    times = np.arange(5.0)[:, None]

    def model():
        with pm.Model() as built:
            length = pm.Gamma("length", 2, 1)
            process = pm.gp.Latent(cov_func=pm.gp.cov.ExpQuad(1, length))
            f = process.prior("f", times, reparameterize=False)
            pm.Poisson("y", pm.math.exp(f), observed=COUNTS)
        return built

    return Refused(model, ("f",), r"\bf\b", sampled=True)


def product_of_latents():
    """A table whose means are products of latents of rows and of columns."""

    table = np.array([[0.3, 1.9, 2.2], [1.4, 3.0, 2.8], [0.1, 0.9, 1.0], [1.1, 1.2, 2.0]])

    def model():
        with pm.Model() as built:
            sigma = pm.HalfNormal("sigma", 1)
            a = pm.Normal("a", 0, 1, shape=4)
            b = pm.Normal("b", 0, 1, shape=3)
            pm.Normal("y", a[:, None] * b, sigma, observed=table)
        return built

    return Refused(model, ("a", "b"), r"\b[ab]\b", sampled=True)


def crossed_effects_of_binary_data():
    """Binary data with crossed normal effects of persons and items."""

    answers = np.array([[1, 1, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1], [0, 1, 0, 0], [1, 0, 0, 0]])

    def model():
        with pm.Model() as built:
            tau = pm.HalfNormal("tau", 1, shape=2)
            a = pm.Normal("a", 0, tau[0], shape=5)
            b = pm.Normal("b", 0, tau[1], shape=4)
            pm.Bernoulli("y", logit_p=a[:, None] + b, observed=answers)
        return built

    return Refused(model, ("a", "b"), r"\b[ab]\b", sampled=True)


def differential_equation_of_latents():
    """Latents within a `scan` that is not linear, logistic growth with process noise."""

    import pytensor

    def model():
        with pm.Model() as built:
            rate = pm.HalfNormal("rate", 1)
            noise = pm.Normal("noise", 0, 0.1, shape=5)

            def step(e, size, rate):
                return size + rate * size * (1 - size) + e

            sizes = pytensor.scan(
                step,
                sequences=[noise],
                outputs_info=[pt.constant(0.2)],
                non_sequences=[rate],
                return_updates=False,
            )
            pm.Normal("y", sizes, 0.3, observed=np.abs(Y))
        return built

    return Refused(model, ("noise",), r"\bnoise\b", sampled=True)


def latent_that_is_no_variable():
    """A latent that the model does not have."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            pm.Normal("y", mu, 1.0, observed=Y)
        return built

    return Refused(model, ("z",), r"'z'.*mu")


def no_parameter():
    """Every free variable is a latent."""

    def model():
        with pm.Model() as built:
            b = pm.Normal("b", 0, 1, shape=5)
            pm.Normal("y", b, 1.0, observed=Y)
        return built

    return Refused(model, ("b",), r"no parameter is left")


def no_data():
    """A model that observes nothing."""

    def model():
        with pm.Model() as built:
            mu = pm.Normal("mu", 0, 5)
            pm.Normal("z", mu, 1.0, shape=5)
        return built

    return Refused(model, ("z",), r"observe")


def discrete_parameter():
    """A discrete parameter, a number of successes that is to be estimated."""

    def model():
        with pm.Model() as built:
            k = pm.Poisson("k", 4)
            z = pm.Normal("z", k, 1, shape=5)
            pm.Normal("y", z, 1.0, observed=Y)
        return built

    return Refused(model, ("z",), r"\bk\b.*(?i:discrete|integer)")
