"""Latents with gamma conditionals, against closed forms."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import (
    COUNTS,
    EXPOSURE,
    RNG,
    Case,
    MarginalisedLatentTests,
    Y,
    case_fixture,
    exact_complete_data,
    scales,
)
from scipy import stats
from scipy.special import digamma

pytestmark = pytest.mark.slow


def counts():
    a, b = scales("a", "b")
    z = pm.Gamma("z", a, b, shape=8)
    pm.Poisson("y", z * EXPOSURE, observed=COUNTS)


def counts_density(p):
    return stats.nbinom(p["a"], p["b"] / (p["b"] + EXPOSURE)).logpmf(COUNTS).sum()


def precisions():
    nu, s = scales("nu", "s")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Gamma("z", nu / 2, nu / 2, shape=15)
    pm.Normal("y", mu, s / pt.sqrt(z), observed=Y)


def precisions_density(p):
    return stats.t(p["nu"], p["mu"], p["s"]).logpdf(Y).sum()


def waiting_times():
    a, b = scales("a", "b")
    z = pm.Gamma("z", a, b, shape=8)
    pm.Exponential("y", z, observed=EXPOSURE)


def waiting_times_density(p):
    return stats.lomax(p["a"], scale=p["b"]).logpdf(EXPOSURE).sum()


CASES = [
    Case(counts, counts_density, (8, 1)),
    Case(precisions, precisions_density, (15, 1)),
    Case(waiting_times, waiting_times_density, (8, 1)),
]
case = case_fixture(CASES)


class TestGammaLatents(MarginalisedLatentTests):
    pass


def test_expectation_of_logarithms():
    complete, point, p = exact_complete_data(counts, COUNTS)
    statistics = complete.statistics(point, RNG)
    found = complete.expectation(lambda z, d: np.log(z["z"]), statistics)
    expected = digamma(p["a"] + COUNTS) - np.log(p["b"] + EXPOSURE)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
