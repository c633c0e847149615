"""A wrong E step is reported before what follows from it."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy.stats import norm

import latentfit

LIMIT = 1.5
Y = np.array([-0.4, 0.3, 0.9, 1.1, 1.4, LIMIT, LIMIT, LIMIT, LIMIT])


def model(y):
    """Normal values, of which it is only known for some that they exceed 1.5."""
    censored = int(np.sum(y == LIMIT))
    with pm.Model() as model:
        mu = pm.Normal("mu", 0, 5)
        sigma = pm.HalfNormal("sigma", 3)
        pm.Normal("seen", mu, sigma, observed=y[y < LIMIT])
        z = pm.Normal("z", mu, sigma, shape=censored)
        exceeds = pm.math.switch(z >= LIMIT, 1.0, 0.0)
        pm.Bernoulli("exceeds", exceeds, observed=np.ones(censored, int))
    return model


def e_step(params, data, sign=1.0):
    mu, sigma = params["mu"], params["sigma"]
    t = (LIMIT - mu) / sigma
    mean = mu + sign * sigma * norm.pdf(t) / norm.sf(t)
    ones = np.ones(int(np.sum(data["y"] == LIMIT)))
    return {"z": mean * ones, "z2": (mu**2 + sigma**2 + (mean - mu) * (LIMIT + mu)) * ones}


def m_step(expectations, data):
    seen, z, z2 = data["y"][data["y"] < LIMIT], expectations["z"], expectations["z2"]
    mu = (seen.sum() + z.sum()) / len(data["y"])
    squares = np.sum((seen - mu) ** 2) + np.sum(z2 - 2 * mu * z + mu**2)
    with np.errstate(invalid="ignore"):
        return {"mu": mu, "sigma": np.sqrt(squares / len(data["y"]))}


CENSORED = latentfit.LatentModel(
    model=model,
    latents=("z",),
    e_step=e_step,
    m_step=m_step,
    expectations={"z2": lambda latents, data: latents["z"] ** 2},
    initial=lambda data, rng: {"mu": rng.uniform(0.2, 0.8), "sigma": rng.uniform(0.5, 0.8)},
)


@pytest.fixture(scope="module")
def against():
    return CENSORED.reference(Y)


@pytest.mark.slow
def test_the_right_derivation_passes(against):
    assert CENSORED.check(Y, against=against).passed


def test_an_e_step_that_makes_the_m_step_return_nan_comes_first(against):
    """The sign of Mills' ratio is wrong."""
    wrong = replace(CENSORED, e_step=lambda params, data: e_step(params, data, -1.0))
    result = wrong.check(Y, against=against)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    assert errors[0].step == "E"
    assert {finding.name for finding in errors if finding.step == "E"} == {"z", "z2"}
    following = [finding for finding in errors if finding.follows]
    assert [(f.step, f.name, f.follows) for f in following] == [("contract", "sigma", "E")]
    assert errors[-1] is following[0]
    assert result.verdict.endswith(" fails: the E step is wrong")


@pytest.mark.slow
def test_an_m_step_that_is_wrong_too_does_not_follow(against):
    def negative(expectations, data):
        return {**m_step(expectations, data), "sigma": -1.0}

    wrong = replace(
        CENSORED, e_step=lambda params, data: e_step(params, data, -1.0), m_step=negative
    )
    result = wrong.check(Y, against=against)
    errors = [finding for finding in result.findings if finding.severity == "error"]
    assert errors[0].step == "E"
    (contract,) = [finding for finding in errors if finding.step == "contract"]
    assert contract.name == "sigma"
    assert contract.follows is None


@pytest.mark.slow
def test_a_backward_pass_without_emissions_comes_first():
    hidden = latentfit.load("hidden-markov")

    def forward_only(params, data):
        """The pairs of neighbours are not normalised: the backward pass is left out."""
        right = hidden.e_step(params, data)
        return {name: np.zeros_like(value) for name, value in right.items()}

    def strict(expectations, data, params):
        with np.errstate(all="ignore"):
            return hidden.maximise(expectations, data, params)

    result = replace(hidden, e_step=forward_only, m_step=strict, statistics=None).check()
    errors = [finding for finding in result.findings if finding.severity == "error"]
    assert errors[0].step == "E"
    assert {f.follows for f in errors if f.evidence.get("function") == "m_step"} == {"E"}
