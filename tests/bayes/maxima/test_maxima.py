"""The MLE, the MAP estimate and the joint mode, against closed forms and PyMC."""

import numpy as np
import pymc as pm
import pytest
from bayes_examples import THETA, density_of
from pymc.logprob.utils import ParameterValueError

from latentfit import bayes
from latentfit.bayes.maxima import (
    joint_mode,
    maximum_a_posteriori,
    maximum_likelihood,
    polish,
)
from latentfit.declaration import declare, interpreting


def test_estimates_of_the_exponential_model_in_closed_form(one_missing_time):
    """MLE 1/5, MAP 1/5.001, standard error θ/√1, joint mode 2/5.001 at y2 = 0."""
    declaration, density = one_missing_time
    (maximum,) = maximum_likelihood(density, [density.space.unconstrain({"theta": 3.0})])
    assert maximum.reached
    assert density.space.constrain(maximum.point)["theta"] == pytest.approx(0.2, rel=1e-14)
    mode = maximum_a_posteriori(density, maximum.point)
    assert mode.reached
    assert density.space.constrain(mode.point)["theta"] == pytest.approx(1 / 5.001, rel=1e-13)
    errors = bayes.asymptotic_errors(density, maximum.point)
    assert errors["theta"] == pytest.approx(0.2, rel=1e-9)
    joint = joint_mode(declaration)
    assert joint.params["theta"] == pytest.approx(2 / 5.001, rel=1e-4)
    assert joint.latents["y_unobserved"] == pytest.approx(0, abs=1e-4)


def test_joint_mode_of_a_discrete_latent_is_none(two_components):
    assert joint_mode(two_components[1]) is None


def test_joint_mode_from_an_impossible_initial_point_is_none():
    """Where 1 was chosen, PyMC's initial utility of zero has density zero."""

    def utilities(y):
        with pm.Model() as model:
            mu = pm.Normal("mu", 0, 1)
            z = pm.Normal("z", mu, 1, shape=len(y))
            pm.Bernoulli("y", pm.math.switch(z > 0, 1.0, 0.0), observed=y)
        return model

    declaration = declare(utilities, ("z",), {"y": np.array([1, 0, 1])}, {})
    assert joint_mode(declaration) is None


def test_map_estimate_equals_that_of_pymc(two_components):
    _, _, density = two_components
    start = density.space.unconstrain(THETA)
    mode = maximum_a_posteriori(density, start)
    assert mode.reached
    natural = density.space.constrain(mode.point)
    with interpreting():
        expected = pm.find_MAP(
            start={free.name: THETA[free.name] for free in density.view.free_RVs},
            model=density.view,
            progressbar=False,
        )
    for free in density.view.free_RVs:
        np.testing.assert_allclose(natural[free.name], expected[free.name], rtol=1e-4)


def test_density_keeps_the_maximum_of_each_start(two_components):
    _, _, density = two_components
    start = density.space.unconstrain(THETA)
    (first,) = maximum_likelihood(density, [start])
    other, again = maximum_likelihood(density, [start + 1e-9, start.copy()])
    assert again is first
    assert other is not first
    np.testing.assert_allclose(other.point, first.point, atol=1e-7)


def test_gradient_vanishes_at_the_maximum(two_components):
    _, _, density = two_components
    (maximum,) = maximum_likelihood(density, [density.space.unconstrain(THETA)])
    assert maximum.reached
    assert maximum.decrement < 1e-8
    value, gradient = density.log_likelihood(maximum.point)
    assert np.abs(gradient).max() < 1e-9 * abs(value)


def test_saddle_point_is_not_a_maximum(two_components):
    """At equal components the gradient vanishes in the directions that separate them."""
    x, _, density = two_components
    equal = {
        "w": np.array([0.5, 0.5]),
        "mu": np.full(2, x.mean()),
        "sigma": np.full(2, x.std()),
    }
    result = polish(
        density.log_likelihood,
        density.hessian,
        density.space.unconstrain(equal),
        density.space.bounded,
    )
    assert not result.reached
    assert "not a maximum" in result.problem


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_maximum_likelihood_in_any_unit(two_components, unit):
    x, _, density = two_components

    def scaled(x):
        with pm.Model() as model:
            w = pm.Dirichlet("w", np.ones(2))
            mu = pm.Normal("mu", 0, 10 * unit, shape=2)
            sigma = pm.LogNormal("sigma", np.log(unit), 1, shape=2)
            z = pm.Categorical("z", w, shape=len(x))
            pm.Normal("x", mu[z], sigma[z], observed=x)
        return model

    _, scaled_density = density_of(scaled, ("z",), {"x": x * unit})
    start = THETA | {"mu": THETA["mu"] * unit, "sigma": THETA["sigma"] * unit}
    (found,) = maximum_likelihood(scaled_density, [scaled_density.space.unconstrain(start)])
    (expected,) = maximum_likelihood(density, [density.space.unconstrain(THETA)])
    assert found.reached
    assert found.value == pytest.approx(expected.value - len(x) * np.log(unit), rel=1e-10)
    np.testing.assert_allclose(
        scaled_density.space.constrain(found.point)["mu"],
        density.space.constrain(expected.point)["mu"] * unit,
        rtol=1e-8,
    )
    np.testing.assert_allclose(
        bayes.asymptotic_errors(scaled_density, found.point)["mu"],
        bayes.asymptotic_errors(density, expected.point)["mu"] * unit,
        rtol=1e-6,
    )


def test_step_to_parameters_that_pymc_refuses_is_shortened():
    """PyMC raises an error where a scale underflows to zero, from which the search recovers."""

    def objective(point):
        if point[0] < -2:
            raise ParameterValueError("sigma > 0")
        return float(np.log1p(point[0] + 2.5) - point[0]), 1 / (3.5 + point) - 1

    def hessian(point):
        # Smaller than the true one, so that Newton's step is too long.
        return np.array([[-1e-2 / (3.5 + point[0]) ** 2]])

    result = polish(objective, hessian, np.array([0.0]), np.array([False]))
    assert -2.0 <= result.point[0] <= 0.0
    assert np.isfinite(result.value)
