"""Latents whose extreme values make the parameters of the data invalid, such as a scale of 0."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import stats

import latentfit

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
