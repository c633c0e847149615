"""Latents whose extreme values make the parameters of the data invalid, such as a scale of 0."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import integrate, stats

import latentfit
from latentfit import bayes
from latentfit.declaration import declare, parameter_space

Y = np.array([0.3, -1.2, 2.0])


def log_volatilities(y):
    """Each observation has a standard deviation of its own, whose logarithm is normal."""
    with pm.Model() as model:
        s = pm.HalfNormal("s", 1)
        z = pm.Normal("z", 0, s, shape=len(y))
        pm.Normal("y", 0, pt.exp(z), observed=y)
    return model


@pytest.fixture(scope="module")
def density():
    model = latentfit.LatentModel(
        model=log_volatilities,
        latents=("z",),
        e_step=lambda params, data: {},
        m_step=lambda expectations, data: {},
        initial=lambda data, rng: {"s": 1.0},
    )
    return model.reference({"y": Y}).density


def by_grid(s):
    t = np.linspace(-14, 14, 40001)
    with np.errstate(under="ignore"):
        values = stats.norm.pdf(Y[:, None], 0, np.exp(s * t)) * stats.norm.pdf(t)
    return np.log(values.sum(axis=1) * (t[1] - t[0])).sum()


@pytest.mark.parametrize("s", [0.3, 1.0, 4.0])
def test_logarithms_of_standard_deviations(density, s):
    """At a node far in the tail exp(z) is 0, which PyMC rejects as a standard deviation."""
    point = density.space.locate({"s": np.array(s)})
    value, gradient = density.log_likelihood(point)
    assert value == pytest.approx(by_grid(s), rel=1e-10)
    # The coordinate is log s.
    slope = (by_grid(s * np.exp(1e-4)) - by_grid(s * np.exp(-1e-4))) / 2e-4
    assert gradient == pytest.approx([slope], rel=1e-5)
    assert np.isfinite(density.hessian(point)).all()


def test_invalid_parameters_without_a_latent_are_still_an_error(density):
    point = density.space.locate({"s": np.array(1.0)})
    with pytest.raises(pm.logprob.utils.ParameterValueError):
        density.log_likelihood(np.full_like(point, -np.inf))


DATA = np.array([1.3, -0.2, 4.0])
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
    pm.Normal("y", 0, pm.math.sqrt(z), observed=DATA)


def test_scale_that_vanishes():
    b = 1.1
    value, score = value_and_score(exponential_variances, {"b": np.array(b)})
    assert value == pytest.approx(stats.laplace(0, b).logpdf(DATA).sum(), rel=1e-12)
    # The coordinate is log b.
    assert score[0] == pytest.approx(np.sum(np.abs(DATA) / b - 1), rel=1e-10)


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
