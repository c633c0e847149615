"""Latents that nothing integrates out: lognormal rates of Poisson counts."""

import json
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy.special import gammaln

import latentfit

COUNTS = np.array([0, 1, 3, 2, 0, 5, 9, 1, 0, 2, 4, 1])
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


def model(y):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 2)
        sigma = pm.HalfNormal("sigma", 2)
        # On the logarithmic scale it would be normal, and quadrature would do.
        rate = pm.LogNormal("rate", mu, sigma, shape=len(y))
        pm.Poisson("y", rate, observed=y)
    return model


def conditional(params, data):
    """Logarithms of rates at quadrature points, and their probabilities given the counts."""
    logs = params["mu"] + params["sigma"] * NODES
    heights = np.log(WEIGHTS) + data["y"][:, None] * logs - np.exp(logs)
    weights = np.exp(heights - heights.max(axis=1, keepdims=True))
    return logs, weights / weights.sum(axis=1, keepdims=True)


def e_step(params, data):
    logs, p = conditional(params, data)
    return {"rate": p @ np.exp(logs), "log_rate": p @ logs, "log_rate2": p @ logs**2}


def m_step(expectations, data):
    mu = np.mean(expectations["log_rate"])
    return {"mu": mu, "sigma": np.sqrt(np.mean(expectations["log_rate2"]) - mu**2)}


def without_variance(params, data):
    right = e_step(params, data)
    return right | {"log_rate2": right["log_rate"] ** 2}


def not_a_maximum(expectations, data):
    right = m_step(expectations, data)
    return right | {"mu": 0.8 * right["mu"]}


EXPECTATIONS = {
    "log_rate": lambda latents, data: np.log(latents["rate"]),
    "log_rate2": lambda latents, data: np.log(latents["rate"]) ** 2,
}
RIGHT = latentfit.LatentModel(
    name="lognormal",
    model=model,
    latents=("rate",),
    e_step=e_step,
    m_step=m_step,
    expectations=EXPECTATIONS,
    initial=lambda data, rng: {"mu": 0.3 + 0.2 * rng.normal(), "sigma": 0.8},
)
DATA = {"y": COUNTS}

# Together, so that processes that share the tests out do not each draw for the same fixtures.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("monte carlo")]


@pytest.fixture(scope="module")
def reference():
    return RIGHT.reference(DATA)


@pytest.fixture(scope="module")
def result(reference):
    return RIGHT.check(DATA, against=reference, seed=1)


def test_a_right_derivation_passes_within_monte_carlo_error(result):
    assert result.passed
    status = {check.id: check.status for check in result.checks}
    assert status["declaration.latents"] == "warn"
    assert status["e_step.log_rate2"] == status["m_step.maximum"] == "pass"
    assert status["path.monotone"] == "skip"
    assert status["fixed_point.maximum"] == "pass"
    said = {check.id: check.detail for check in result.checks}
    assert "not known" in said["declaration.latents"]
    assert "standard errors" in said["e_step.rate"]
    assert "Fisher's identity" in said["fixed_point.maximum"]


@pytest.mark.parametrize(
    ("change", "step", "name"),
    [
        ({"e_step": without_variance}, "E", "log_rate2"),
        ({"m_step": not_a_maximum}, "M", "mu"),
    ],
    ids=["E", "M"],
)
def test_a_wrong_one_does_not(reference, change, step, name):
    result = replace(RIGHT, **change).check(DATA, against=reference, seed=1)
    errors = [(f.step, f.name) for f in result.findings if f.severity == "error"]
    assert errors == [(step, name)]


def test_draws_are_those_of_the_conditional(reference):
    density = reference.density
    params = {"mu": 0.2, "sigma": 0.9}
    draws = density.draws(density.space.locate(params), np.random.default_rng(3))["rate"]
    logs, p = conditional(params, DATA)
    mean = p @ np.exp(logs)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 5 * error)


def test_the_same_seed_gives_the_same_result(reference, result):
    again = RIGHT.check(DATA, against=reference, seed=1)
    assert [check.detail for check in again.checks] == [check.detail for check in result.checks]


def test_there_is_no_comparison_and_the_reason_is_said():
    with pytest.raises(latentfit.LatentfitError, match="cannot integrate rate out"):
        RIGHT.compare(DATA)


def test_it_is_a_likelihood_that_the_slope_is_zero_of():
    """The end of EM, found with quadrature, is the maximum of the marginal likelihood."""
    end = RIGHT.fit(DATA, seed=1).best.params

    def height(mu, sigma):
        logs = mu + sigma * NODES
        terms = COUNTS[:, None] * logs - np.exp(logs) - gammaln(COUNTS + 1)[:, None]
        return np.sum(np.log(np.exp(terms) @ (WEIGHTS / np.sqrt(2 * np.pi))))

    top = height(end["mu"], end["sigma"])
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        assert height(end["mu"] + step[0], end["sigma"] + step[1]) < top


def test_json_says_so(result):
    assert "not known" in json.dumps(result.to_dict())
