"""Maxima on the boundary of the parameter space."""

import numpy as np
import pymc as pm
import pytest

import latentfit
from latentfit import bayes

pytestmark = pytest.mark.slow


def test_em_that_stops_close_to_the_boundary_has_reached_it():
    # EM's tolerance leaves 2.5e-9 of the probability of a cell without observations, and the
    # gradient along its logarithm is not zero.
    table = {
        "row": [np.nan, np.nan, 1, 1, 2, 2, 2],
        "column": [1, 2, np.nan, 1, np.nan, 1, 2],
        "count": [23, 17, 19, 72, 11, 11, 47],
    }
    result = latentfit.load("missing-categories").check(table, seed=1)
    assert result.passed
    assert [finding.name for finding in result.findings] == ["boundary"]


def test_class_without_observations_puts_the_estimate_on_the_boundary():
    model = latentfit.load("genetic-linkage")
    counts = np.array([10, 18, 20, 0])
    result = model.check({"counts": counts})
    assert result.passed
    (note,) = result.findings
    assert (note.name, note.severity) == ("boundary", "warning")
    assert "theta is at a bound of its range" in note.message
    space = model.reference({"counts": counts}).density.space
    assert space.on_boundary(space.constrain(space.unconstrain({"theta": 0.0}))) == ["theta"]
    assert space.on_boundary({"theta": np.array(0.3)}) == []


def test_standard_errors_are_conditional_on_the_parameters_on_the_boundary():
    def model(x):
        with pm.Model() as model:
            p = pm.Dirichlet("p", np.ones(3))
            z = pm.Categorical("z", [0.5, 0.5], shape=len(x))
            pm.Categorical("x", p + 0 * z[:, None], observed=x)
        return model

    x = np.repeat([0, 1], [30, 70])
    declared = latentfit.LatentModel(
        model=model, latents=("z",), e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    density = declared.reference({"x": np.append(x, 2)[:-1]}).density
    point = density.space.unconstrain({"p": np.array([0.3, 0.7, 0.0])})
    errors = bayes.asymptotic_errors(density, point)["p"]
    np.testing.assert_allclose(errors[:2], np.sqrt(0.3 * 0.7 / 100), rtol=1e-4)
    assert np.isnan(errors[2])
