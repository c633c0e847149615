"""A parameter that bounds the range of the data, where the score does not exist."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest

import latentfit

RNG = np.random.default_rng(0)
TIMES = np.concatenate([RNG.uniform(0, 1, 20), RNG.uniform(0, 6, 25)])


def two_ranges(y):
    """Uniform on (0, 1) or on (0, theta)."""
    with pm.Model() as model:
        theta, w = pm.Uniform("theta", 1, 50), pm.Beta("w", 1, 1)
        z = pm.Bernoulli("z", w, shape=len(y))
        pm.Uniform("y", 0, pt.switch(pt.eq(z, 1), theta, 1.0), observed=y)
    return model


def e_step(params, data):
    wide, narrow = params["w"] / params["theta"], (1 - params["w"]) * (data["y"] <= 1)
    p = wide / (wide + narrow)
    return {"z": np.stack([1 - p, p], axis=-1)}


def m_step(expectations, data):
    return {"theta": data["y"].max(), "w": expectations["z"][:, 1].mean()}


MODEL = latentfit.LatentModel(
    name="two ranges",
    model=two_ranges,
    latents=("z",),
    e_step=e_step,
    m_step=m_step,
    initial=lambda data, rng: {"theta": rng.uniform(8, 20), "w": rng.uniform(0.2, 0.8)},
)


def test_likelihood_at_the_largest_of_the_data():
    """The conversion to the unconstrained scale and back must not make the data impossible."""
    density = MODEL.reference({"y": TIMES}).density
    for largest in (TIMES.max(), np.nextafter(TIMES.max(), 9)):
        point = density.space.locate({"theta": largest, "w": 0.4})
        expected = np.log(0.4 / largest + 0.6 * (TIMES <= 1)).sum()
        assert density.objective(point) == pytest.approx(expected, rel=1e-12)
    point = density.space.locate({"theta": 0.99 * TIMES.max(), "w": 0.4})
    assert density.objective(point) == -np.inf


@pytest.mark.slow
def test_right_steps_pass_and_the_score_is_withheld():
    result = MODEL.check({"y": TIMES})
    assert result.passed
    checks = {check.id: check for check in result.checks}
    assert checks["path.monotone"].status == "pass"
    assert checks["fixed_point.maximum"].status == "warn"
    assert "theta bounds the range of the data" in checks["fixed_point.maximum"].detail


def m_step_with_factor(factor):
    def wrong(expectations, data):
        right = m_step(expectations, data)
        return right | {"theta": factor * right["theta"]}

    return replace(MODEL, m_step=wrong)


@pytest.mark.slow
def test_bound_that_excludes_data_fails():
    assert not m_step_with_factor(0.9).check({"y": TIMES}).passed


@pytest.mark.slow
def test_bound_beyond_the_data_is_no_maximum():
    """The score exists there and is not 0; no maximum of Q is known to compare the M step with."""
    result = m_step_with_factor(1.05).check({"y": TIMES})
    limit = {check.id: check for check in result.checks}["fixed_point.maximum"]
    assert limit.status != "pass"
    assert "the gradient of the objective is not zero" in limit.detail
