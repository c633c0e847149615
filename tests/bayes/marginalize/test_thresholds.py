"""Derivatives of log p(x | θ) where latents were compared with thresholds: finite, and right."""

import numpy as np
import pymc as pm
import pytest
from pymc_extras.marginal import marginalize

import latentfit

pytestmark = pytest.mark.slow

FAR = np.array([0.1, 3.0, 9.0, 30.0, 60.0])
LOW, HIGH = np.array([0, 0, 1, 2, 5.0]), np.array([1, 3, 2, 5, np.inf])


def utilities():
    b = pm.Normal("b", 0, 2)
    z = pm.Normal("z", b + np.append(FAR, -FAR), 1)
    pm.Bernoulli("seen", pm.math.switch(z > 0, 1.0, 0.0), observed=np.ones(10, int))


def rounded():
    mu, s = pm.Normal("mu", 0, 2), pm.HalfNormal("s", 2)
    z = pm.Normal("z", mu, s, shape=10)
    whole = np.round(np.append(FAR, -FAR))
    within = pm.math.and_(z > whole - 0.5, z <= whole + 0.5)
    pm.Bernoulli("seen", pm.math.switch(within, 1.0, 0.0), observed=np.ones(10, int))


def within_bounds(z):
    within = pm.math.and_(z > LOW, z <= HIGH)
    pm.Bernoulli("seen", pm.math.switch(within, 1.0, 0.0), observed=np.ones(5, int))


def weibull():
    within_bounds(pm.Weibull("z", pm.HalfNormal("a", 2), pm.HalfNormal("b", 2), shape=5))


def exponential():
    within_bounds(pm.Exponential("z", pm.HalfNormal("a", 2), shape=5))


@pytest.mark.parametrize("declare", [utilities, rounded, weibull, exponential])
def test_derivatives_are_those_of_differences(declare):
    def model(y):
        with pm.Model() as model:
            declare()
        return model

    declared = latentfit.LatentModel(
        model=model, latents=("z",), e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    density = declared.reference({"y": np.ones(5)}).density
    point = 0.3 * np.random.default_rng(2).normal(size=density.space.size)
    steps = 1e-5 * np.eye(len(point))
    heights, slopes = (
        np.array(
            [
                (density.log_likelihood(point + h)[k] - density.log_likelihood(point - h)[k]) / 2e-5
                for h in steps
            ]
        )
        for k in (0, 1)
    )
    np.testing.assert_allclose(density.log_likelihood(point)[1], heights, rtol=1e-6)
    np.testing.assert_allclose(density.hessian(point), slopes, rtol=1e-6)


def test_several_thresholds_for_one_entry_are_not_taken_for_one():
    """What compares an entry with a row of cutpoints is more than one comparison each."""
    cutpoints = np.array([[-1.0, 1.0]])
    with pm.Model() as model:
        z = pm.Normal("z", 0, 1, shape=3)
        above = pm.math.switch(z[:, None] > cutpoints, 1.0, 0.0)
        pm.Bernoulli("y", above, observed=np.array([[1, 0], [0, 0], [1, 1]]))
    with pytest.raises(NotImplementedError):
        marginalize(model, ["z"])
