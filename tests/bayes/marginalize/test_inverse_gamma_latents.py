"""Latents with inverse gamma conditionals, against closed forms."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import (
    RNG,
    Case,
    MarginalisedLatentTests,
    Y,
    case_fixture,
    exact_complete_data,
    scales,
)
from scipy import stats

pytestmark = pytest.mark.slow


def variances():
    nu, s = scales("nu", "s")
    mu = pm.Normal("mu", 0, 10)
    z = pm.InverseGamma("z", nu / 2, nu / 2, shape=15)
    pm.Normal("y", mu, s * pt.sqrt(z), observed=Y)


def variances_density(p):
    return stats.t(p["nu"], p["mu"], p["s"]).logpdf(Y).sum()


case = case_fixture([Case(variances, variances_density, (15, 1))])


class TestInverseGammaLatents(MarginalisedLatentTests):
    pass


def test_expectation_of_reciprocals():
    complete, point, p = exact_complete_data(variances, Y)
    statistics = complete.statistics(point, RNG)
    found = complete.expectation(lambda z, d: np.reciprocal(z["z"]), statistics)
    expected = (p["nu"] + 1) / (p["nu"] + ((Y - p["mu"]) / p["s"]) ** 2)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
