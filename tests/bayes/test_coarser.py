"""Fewer nodes for NUTS: what that does to the posterior, and when it is left alone."""

import numpy as np
import pymc as pm
import pytest

from latentfit import bayes, declaration
from latentfit.bayes import _coarser

pytestmark = pytest.mark.slow

GROUPS, EACH = 30, 4


def by_quadrature():
    rng = np.random.default_rng(1)
    solved = rng.random((GROUPS, EACH)) < 1 / (1 + np.exp(-rng.normal(0.4, 1.2, (GROUPS, 1))))
    with pm.Model() as model:
        c, a = pm.Normal("c", 0, 2), pm.HalfNormal("a", 2)
        z = pm.Normal("z", size=GROUPS)
        pm.Bernoulli("y", logit_p=(c + a * z)[:, None], observed=solved.astype(int))
    return declaration.declare(model, ("z",), {}, {})


def by_sums():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10, size=2)
        z = pm.Bernoulli("z", 0.4, size=20)
        pm.Normal("y", mu[z], 1, observed=np.linspace(-3, 3, 20))
    return declaration.declare(model, ("z",), {}, {})


def at_mode(declared):
    space = declaration.space(declared)
    density = bayes.Density(bayes.observed_view(declared), space)
    top = bayes.maximum_a_posteriori(density, np.zeros(space.size))
    return density, top.point


@pytest.fixture(scope="module")
def smooth():
    declared = by_quadrature()
    return declared, *at_mode(declared)


def test_where_the_posterior_is_only_a_constant_is_lost(smooth):
    declared, density, mode = smooth
    coarser = bayes.coarser(declared, density, mode)
    assert coarser.nodes < 20
    assert str(coarser.nodes) in str(coarser)
    fewer = bayes.Density(coarser.view, density.space)
    covariance = np.linalg.inv(-density.hessian(mode, prior=True))
    points = np.random.default_rng(2).multivariate_normal(mode, covariance, size=100)
    errors = np.array([fewer.objective(point) - density.objective(point) for point in points])
    # It is an approximation, and one of another kind would be seen to be.
    assert 0 < errors.std() <= coarser.error <= 1e-3


def test_as_many_as_there_are_if_fewer_are_too_few(smooth, monkeypatch):
    monkeypatch.setattr(_coarser, "_ENOUGH", 0.0)
    monkeypatch.setattr(_coarser, "_SHARES", (2,))
    assert bayes.coarser(*smooth) is None


def test_a_mode_that_is_none_has_no_posterior_about_it(smooth):
    declared, density, mode = smooth
    far = mode + 50.0
    assert bayes.coarser(declared, density, far) is None


def test_closed_forms_are_what_they_are():
    declared = by_sums()
    assert bayes.coarser(declared, *at_mode(declared)) is None
