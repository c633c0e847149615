"""Latents with beta conditionals, against closed forms."""

import numpy as np
import pymc as pm
import pytest
from marginalised_latents import (
    COUNTS,
    RNG,
    Case,
    MarginalisedLatentTests,
    case_fixture,
    exact_complete_data,
    scales,
)
from scipy import stats
from scipy.special import digamma

pytestmark = pytest.mark.slow


def shares():
    a, b = scales("a", "b")
    z = pm.Beta("z", a, b, shape=8)
    pm.Binomial("y", 12, z, observed=COUNTS)


def shares_density(p):
    return stats.betabinom(12, p["a"], p["b"]).logpmf(COUNTS).sum()


case = case_fixture([Case(shares, shares_density, (8, 1))])


class TestBetaLatents(MarginalisedLatentTests):
    pass


def test_expectation_of_logarithms():
    complete, point, p = exact_complete_data(shares, COUNTS)
    statistics = complete.statistics(point, RNG)
    found = complete.expectation(lambda z, d: np.log(z["z"]), statistics)
    expected = digamma(p["a"] + COUNTS) - digamma(p["a"] + p["b"] + 12)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
