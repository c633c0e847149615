"""Latents that no strategy marginalises: rates that the model passes through a maximum."""

import json
from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy.special import gammaln

import latentfit

COUNTS = np.array([0, 1, 3, 2, 0, 5, 9, 1, 0, 2, 4, 1])
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(200)


def model(y):
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 2)
        sigma = pm.HalfNormal("sigma", 2)
        rate = pm.LogNormal("rate", mu, sigma, shape=len(y))
        # The maximum changes nothing, but a function with a kink is not integrated numerically.
        pm.Poisson("y", pt.maximum(rate, 0.0), observed=y)
    return model


def conditional(params, data):
    """Logarithms of rates at quadrature points, and their probabilities given the counts."""
    logs = params["mu"] + params["sigma"] * NODES
    log_joint = np.log(WEIGHTS) + data["y"][:, None] * logs - np.exp(logs)
    weights = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return logs, weights / weights.sum(axis=1, keepdims=True)


def e_step(params, data):
    logs, p = conditional(params, data)
    return {"rate": p @ np.exp(logs), "log_rate": p @ logs, "log_rate2": p @ logs**2}


def m_step(expectations, data):
    mu = np.mean(expectations["log_rate"])
    return {"mu": mu, "sigma": np.sqrt(np.mean(expectations["log_rate2"]) - mu**2)}


def e_step_without_variance(params, data):
    correct = e_step(params, data)
    return correct | {"log_rate2": correct["log_rate"] ** 2}


def m_step_off_the_maximum(expectations, data):
    correct = m_step(expectations, data)
    return correct | {"mu": 0.8 * correct["mu"]}


EXPECTATIONS = {
    "log_rate": lambda latents, data: np.log(latents["rate"]),
    "log_rate2": lambda latents, data: np.log(latents["rate"]) ** 2,
}
CORRECT = latentfit.LatentModel(
    name="lognormal",
    model=model,
    latents=("rate",),
    e_step=e_step,
    m_step=m_step,
    expectations=EXPECTATIONS,
    initial=lambda data, rng: {"mu": 0.3 + 0.2 * rng.normal(), "sigma": 0.8},
)
DATA = {"y": COUNTS}

# All tests in one process, because each process would draw for the same fixtures.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("monte carlo")]


@pytest.fixture(scope="module")
def reference():
    return CORRECT.reference(DATA)


@pytest.fixture(scope="module")
def result(reference):
    return CORRECT.check(DATA, against=reference, seed=1)


def test_correct_derivation_passes_within_monte_carlo_error(result):
    assert result.passed
    status = {check.id: check.status for check in result.checks}
    assert status["declaration.latents"] == "warn"
    assert status["e_step.log_rate2"] == status["m_step.maximum"] == "pass"
    assert status["path.monotone"] == "skip"
    assert status["fixed_point.maximum"] == "pass"
    details = {check.id: check.detail for check in result.checks}
    assert "not known" in details["declaration.latents"]
    assert "standard errors" in details["e_step.rate"]
    assert "Fisher's identity" in details["fixed_point.maximum"]


@pytest.mark.parametrize(
    ("change", "step", "name"),
    [
        ({"e_step": e_step_without_variance}, "E", "log_rate2"),
        ({"m_step": m_step_off_the_maximum}, "M", "mu"),
    ],
    ids=["E", "M"],
)
def test_wrong_derivation_fails(reference, change, step, name):
    result = replace(CORRECT, **change).check(DATA, against=reference, seed=1)
    errors = [(f.step, f.name) for f in result.findings if f.severity == "error"]
    assert errors == [(step, name)]


def test_draws_have_the_conditional_mean(reference):
    density = reference.density
    params = {"mu": 0.2, "sigma": 0.9}
    draws = density.draws(density.space.locate(params), np.random.default_rng(3))["rate"]
    logs, p = conditional(params, DATA)
    mean = p @ np.exp(logs)
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert np.all(np.abs(draws.mean(axis=0) - mean) < 5 * error)


def test_the_same_seed_gives_the_same_result(reference, result):
    again = CORRECT.check(DATA, against=reference, seed=1)
    assert [check.detail for check in again.checks] == [check.detail for check in result.checks]


def test_comparison_is_refused_with_the_reason():
    with pytest.raises(latentfit.LatentfitError, match="cannot integrate rate out"):
        CORRECT.compare(DATA)


def test_em_converges_to_the_maximum_of_the_marginal_likelihood():
    """The log-likelihood is computed by quadrature."""
    estimate = CORRECT.fit(DATA, seed=1).best.params

    def log_likelihood(mu, sigma):
        logs = mu + sigma * NODES
        terms = COUNTS[:, None] * logs - np.exp(logs) - gammaln(COUNTS + 1)[:, None]
        return np.sum(np.log(np.exp(terms) @ (WEIGHTS / np.sqrt(2 * np.pi))))

    maximum = log_likelihood(estimate["mu"], estimate["sigma"])
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3]):
        moved = log_likelihood(estimate["mu"] + step[0], estimate["sigma"] + step[1])
        assert moved < maximum


def test_json_says_that_the_log_likelihood_is_not_known(result):
    assert "not known" in json.dumps(result.to_dict())
