"""Integrals whose outermost nodes give parameters that are 0 in floating point, against SciPy."""

import numpy as np
import pymc as pm
import pytest
from scipy import integrate, stats

from latentfit import bayes
from latentfit.declaration import declare, parameter_space

Y = np.array([1.3, -0.2, 4.0])
TIMES = np.array([[1.2, 0.4], [3.0, 2.2]])


def value_and_score(declare_variables, theta):
    """log p(x | θ) and its gradient on the unconstrained scale; the latent is called z."""
    with pm.Model() as model:
        declare_variables()
    declaration = declare(model, ("z",), {}, {})
    space = parameter_space(declaration)
    density = bayes.Density(bayes.observed_view(declaration), space)
    return density.log_likelihood(space.unconstrain(theta))


def exponential_variances():
    b = pm.HalfNormal("b", 5)
    z = pm.Exponential("z", 1 / (2 * b**2), shape=3)
    pm.Normal("y", 0, pm.math.sqrt(z), observed=Y)


def test_scale_that_vanishes():
    b = 1.1
    value, score = value_and_score(exponential_variances, {"b": np.array(b)})
    assert value == pytest.approx(stats.laplace(0, b).logpdf(Y).sum(), rel=1e-12)
    # The coordinate is log b.
    assert score[0] == pytest.approx(np.sum(np.abs(Y) / b - 1), rel=1e-10)


def scales_of_lifetimes():
    shape = pm.LogNormal("shape", 0, 1)
    z = pm.Normal("z", 0, 0.7, shape=2)
    pm.Weibull("t", alpha=shape, beta=pm.math.exp(z)[:, None], observed=TIMES)


def test_scale_of_rows_that_vanishes():
    def likelihood(times):
        def integrand(z):
            rows = stats.weibull_min(1.4, scale=np.exp(z)).pdf(times)
            return np.prod(rows) * stats.norm(0, 0.7).pdf(z)

        return integrate.quad(integrand, -8, 8, epsabs=0, epsrel=1e-12)[0]

    value, score = value_and_score(scales_of_lifetimes, {"shape": np.array(1.4)})
    assert value == pytest.approx(sum(np.log(likelihood(row)) for row in TIMES), rel=1e-10)
    assert np.all(np.isfinite(score))
