"""Latents that are compared with thresholds, against distribution functions and differences."""

import numpy as np
import pymc as pm
import pytest
from marginalised_latents import (
    RNG,
    Case,
    MarginalisedLatentTests,
    X,
    Y,
    case_fixture,
    exact_complete_data,
    scales,
)
from pymc_extras.marginal import marginalize
from scipy import stats

import latentfit

pytestmark = pytest.mark.slow


def utilities():
    b = pm.Normal("b", 0, 2, shape=2)
    z = pm.Normal("z", b[0] + b[1] * X, 1)
    pm.Bernoulli("y", pm.math.switch(z > 0, 1.0, 0.0), observed=(Y > 1).astype(int))


def utilities_density(p):
    mean = p["b"][0] + p["b"][1] * X
    return stats.norm.logcdf(np.where(Y > 1, mean, -mean)).sum()


LOW, HIGH = np.array([0, 1, 2, 5.0]), np.array([1, 2, 5, np.inf])


def grouped():
    a, b = scales("a", "b")
    z = pm.Weibull("z", a, b, shape=4)
    within = pm.math.and_(z > LOW, z <= HIGH)
    pm.Bernoulli("y", pm.math.switch(within, 1.0, 0.0), observed=np.ones(4, int))


def grouped_density(p):
    lifetimes = stats.weibull_min(p["a"], scale=p["b"])
    return np.log(lifetimes.sf(LOW) - lifetimes.sf(HIGH)).sum()


LIMITS = np.array([1.0, 2, 40, 0.5])


def censored():
    (rate,) = scales("rate")
    z = pm.Exponential("z", rate, shape=4)
    pm.Bernoulli("y", pm.math.switch(z > LIMITS, 1.0, 0.0), observed=np.ones(4, int))


def censored_density(p):
    return -(p["rate"] * LIMITS).sum()


def rounded():
    mu = pm.Normal("mu", 0, 10)
    (s,) = scales("s")
    z = pm.Normal("z", mu, s, shape=15)
    whole = np.round(Y)
    within = pm.math.and_(z > whole - 0.5, z <= whole + 0.5)
    pm.Bernoulli("y", pm.math.switch(within, 1.0, 0.0), observed=np.ones(15, int))


def rounded_density(p):
    ends = [(np.round(Y) + end - p["mu"]) / p["s"] for end in (-0.5, 0.5)]
    # Both ends are reflected into the lower tail: differences of numbers near 1 lose all digits.
    low, high = np.sort(np.where(ends[0] > 0, np.negative(ends), ends), axis=0)
    return np.log(stats.norm.cdf(high) - stats.norm.cdf(low)).sum()


CASES = [
    Case(utilities, utilities_density),
    Case(grouped, grouped_density),
    Case(censored, censored_density),
    Case(rounded, rounded_density),
]
case = case_fixture(CASES)


class TestThresholdLatents(MarginalisedLatentTests):
    pass


def test_expectations_far_in_the_tail_of_an_exponential():
    """Beyond its limit an exponential variable is distributed as from zero."""
    complete, point, natural = exact_complete_data(censored, np.ones(4, int))
    statistics = complete.statistics(point, RNG)
    expected = LIMITS + 1 / natural["rate"]
    np.testing.assert_allclose(statistics["z"], expected, rtol=1e-12)
    squares = complete.expectation(lambda z, d: z["z"] ** 2, statistics)
    np.testing.assert_allclose(squares, expected**2 + natural["rate"] ** -2, rtol=1e-12)


def test_expectations_between_two_thresholds():
    complete, point, natural = exact_complete_data(rounded, np.ones(15, int))
    whole = np.round(Y)
    low, high = ((whole + end - natural["mu"]) / natural["s"] for end in (-0.5, 0.5))
    expected = stats.truncnorm(low, high, natural["mu"], natural["s"])
    statistics = complete.statistics(point, RNG)
    np.testing.assert_allclose(statistics["z"], expected.mean(), rtol=1e-9)
    squares = complete.expectation(lambda z, d: z["z"] ** 2, statistics)
    np.testing.assert_allclose(squares, expected.var() + expected.mean() ** 2, rtol=1e-9)


# Means, in standard deviations, that put a threshold up to 60 standard deviations away.
FAR = np.array([0.1, 3.0, 9.0, 30.0, 60.0])
# Intervals that overlap, and a last one without an upper end.
OVERLAPPING_LOW, OVERLAPPING_HIGH = np.array([0, 0, 1, 2, 5.0]), np.array([1, 3, 2, 5, np.inf])


def far_utilities():
    b = pm.Normal("b", 0, 2)
    z = pm.Normal("z", b + np.append(FAR, -FAR), 1)
    pm.Bernoulli("seen", pm.math.switch(z > 0, 1.0, 0.0), observed=np.ones(10, int))


def far_rounded():
    mu, s = pm.Normal("mu", 0, 2), pm.HalfNormal("s", 2)
    z = pm.Normal("z", mu, s, shape=10)
    whole = np.round(np.append(FAR, -FAR))
    within = pm.math.and_(z > whole - 0.5, z <= whole + 0.5)
    pm.Bernoulli("seen", pm.math.switch(within, 1.0, 0.0), observed=np.ones(10, int))


def observe_intervals(z):
    within = pm.math.and_(z > OVERLAPPING_LOW, z <= OVERLAPPING_HIGH)
    pm.Bernoulli("seen", pm.math.switch(within, 1.0, 0.0), observed=np.ones(5, int))


def weibull():
    observe_intervals(pm.Weibull("z", pm.HalfNormal("a", 2), pm.HalfNormal("b", 2), shape=5))


def exponential():
    observe_intervals(pm.Exponential("z", pm.HalfNormal("a", 2), shape=5))


@pytest.mark.parametrize("declare", [far_utilities, far_rounded, weibull, exponential])
def test_derivatives_are_finite_and_equal_differences(declare):
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
    gradient, hessian = (
        np.array(
            [
                (density.log_likelihood(point + h)[k] - density.log_likelihood(point - h)[k]) / 2e-5
                for h in steps
            ]
        )
        for k in (0, 1)
    )
    np.testing.assert_allclose(density.log_likelihood(point)[1], gradient, rtol=1e-6)
    np.testing.assert_allclose(density.hessian(point), hessian, rtol=1e-6)


def test_comparison_with_a_row_of_thresholds_is_refused():
    """Each entry is compared with several thresholds by one operation."""
    thresholds = np.array([[-1.0, 1.0]])
    with pm.Model() as model:
        z = pm.Normal("z", 0, 1, shape=3)
        above = pm.math.switch(z[:, None] > thresholds, 1.0, 0.0)
        pm.Bernoulli("y", above, observed=np.array([[1, 0], [0, 0], [1, 1]]))
    with pytest.raises(NotImplementedError):
        marginalize(model, ["z"])
