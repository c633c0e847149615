"""Latents with Dirichlet conditionals, against closed forms."""

import numpy as np
import pymc as pm
import pytest
from marginalised_latents import (
    RNG,
    TABLE,
    Case,
    MarginalisedLatentTests,
    case_fixture,
    exact_complete_data,
)
from scipy import stats
from scipy.special import digamma

pytestmark = pytest.mark.slow


def tables():
    a = pm.HalfNormal("a", 2, shape=3)
    z = pm.Dirichlet("z", a, shape=(6, 3))
    pm.Multinomial("y", 20, z, observed=TABLE)


def tables_density(p):
    return stats.dirichlet_multinomial(p["a"], 20).logpmf(TABLE).sum()


case = case_fixture([Case(tables, tables_density, (6, 3))])


class TestDirichletLatents(MarginalisedLatentTests):
    pass


def test_expectation_of_logarithms():
    complete, point, p = exact_complete_data(tables, TABLE)
    statistics = complete.statistics(point, RNG)
    found = complete.expectation(lambda z, d: np.log(z["z"]), statistics)
    expected = digamma(p["a"] + TABLE) - digamma(p["a"].sum() + 20)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
