"""Fewer quadrature nodes for NUTS: their effect on the posterior, and when none are saved."""

import numpy as np
import pymc as pm
import pytest

from latentfit import declaration
from latentfit.bayes.maxima import maximum_a_posteriori
from latentfit.bayes.sampling import _reduced_quadrature, reduced_quadrature
from latentfit.bayes.views import Density, observed_view

pytestmark = pytest.mark.slow

GROUPS, EACH = 30, 4


def quadrature_declaration():
    rng = np.random.default_rng(1)
    solved = rng.random((GROUPS, EACH)) < 1 / (1 + np.exp(-rng.normal(0.4, 1.2, (GROUPS, 1))))
    with pm.Model() as model:
        c, a = pm.Normal("c", 0, 2), pm.HalfNormal("a", 2)
        z = pm.Normal("z", size=GROUPS)
        pm.Bernoulli("y", logit_p=(c + a * z)[:, None], observed=solved.astype(int))
    return declaration.declare(model, ("z",), {}, {})


def exact_declaration():
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 10, size=2)
        z = pm.Bernoulli("z", 0.4, size=20)
        pm.Normal("y", mu[z], 1, observed=np.linspace(-3, 3, 20))
    return declaration.declare(model, ("z",), {}, {})


def density_and_mode(declared):
    space = declaration.parameter_space(declared)
    density = Density(observed_view(declared), space)
    mode = maximum_a_posteriori(density, np.zeros(space.size))
    return density, mode.point


@pytest.fixture(scope="module")
def by_quadrature():
    declared = quadrature_declaration()
    return declared, *density_and_mode(declared)


def test_error_is_nearly_constant_over_the_posterior(by_quadrature):
    declared, density, mode = by_quadrature
    reduced = reduced_quadrature(declared, density, mode)
    assert reduced.nodes < 20
    assert str(reduced.nodes) in str(reduced)
    fewer = Density(reduced.view, density.space)
    covariance = np.linalg.inv(-density.hessian(mode, prior=True))
    points = np.random.default_rng(2).multivariate_normal(mode, covariance, size=100)
    errors = np.array([fewer.objective(point) - density.objective(point) for point in points])
    # The error is not zero, so that a larger one would be noticed.
    assert 0 < errors.std() <= reduced.error <= 1e-3


def test_no_reduction_if_fewer_nodes_are_not_enough(by_quadrature, monkeypatch):
    monkeypatch.setattr(_reduced_quadrature, "_MAX_ERROR_RANGE", 0.0)
    monkeypatch.setattr(_reduced_quadrature, "_NODES", (15,))
    assert reduced_quadrature(*by_quadrature) is None


def test_no_reduction_without_a_normal_approximation(by_quadrature):
    declared, density, mode = by_quadrature
    # Where a is small, the density is a convex function of log a.
    far = np.array([mode[0], np.log(0.1)])
    assert np.linalg.eigvalsh(density.hessian(far, prior=True))[-1] > 0
    assert reduced_quadrature(declared, density, far) is None


def test_no_reduction_of_exact_sums():
    declared = exact_declaration()
    assert reduced_quadrature(declared, *density_and_mode(declared)) is None
