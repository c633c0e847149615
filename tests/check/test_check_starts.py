"""Derivations that cannot be started, called or run to convergence as they are."""

import time
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest

import latentfit

pytestmark = pytest.mark.slow

X = np.concatenate([np.linspace(1.5, 2.5, 15), np.linspace(3.6, 5.0, 20)])


@pytest.fixture(scope="module")
def mixture():
    return latentfit.load("gaussian-mixture")


@pytest.fixture(scope="module")
def against(mixture):
    return mixture.reference(X)


def contract(result):
    return [(f.name, f.severity) for f in result.findings if f.step == "contract"]


def test_a_start_outside_the_support_is_a_finding_and_the_steps_are_examined(mixture, against):
    def initial(data, rng, **options):
        return {"w": [0.5, 0.6], "mu": [2.0, 4.0], "sigma": [0.3, 0.3]}

    result = replace(mixture, initial=initial).check(X, against=against)
    assert contract(result) == [("initial", "error")]
    assert "sums of 1" in result.findings[0].message
    status = {check.id: check.status for check in result.checks}
    assert status["contract.initial"] == "fail"
    assert status["e_step.z"] == status["m_step.maximum"] == "pass"


def test_an_initial_that_raises_is_a_finding(mixture, against):
    def initial(data, rng, **options):
        return {"w": data["weights"]}

    result = replace(mixture, initial=initial).check(X, against=against)
    assert contract(result) == [("initial", "error")]
    assert "KeyError" in result.findings[0].message


def test_the_usable_starts_are_used(mixture, against):
    def initial(data, rng, **options):
        start = mixture.initial(data, rng, **options)
        return start if rng.random() < 0.5 else start | {"sigma": -start["sigma"]}

    result = replace(mixture, initial=initial).check(X, against=against, starts=8, seed=1)
    assert contract(result) == [("initial", "error")]
    assert "other starts are used" in result.checks[0].detail


def test_an_m_step_that_cannot_be_called_is_a_finding(mixture, against):
    result = replace(mixture, m_step=lambda expectations: {}).check(X, against=against)
    assert contract(result) == [("m_step", "error")]
    assert "m_step takes 1 argument" in result.findings[0].message
    assert {c.id: c.status for c in result.checks}["e_step.z"] == "pass"


def test_an_em_that_is_only_slow_is_not_wrong(mixture, against, monkeypatch):
    monkeypatch.setattr("latentfit.check._em_runs._TIME_LIMIT_CALLS", 0.01)

    def e_step(params, data):
        time.sleep(0.02)
        return mixture.e_step(params, data)

    result = replace(mixture, e_step=e_step).check(X, against=against, timeout=5)
    assert result.passed
    (path,) = (check for check in result.checks if check.id == "path.monotone")
    assert path.status == "skip"
    assert "0.05 s" in path.detail


def test_a_declared_expectation_that_raises_is_one_line(mixture):
    wrong = replace(mixture, expectations={"n": lambda latents, data: latents["k"].sum()})
    with pytest.raises(latentfit.DeclarationError, match=r"expectations\['n'\] raised KeyError"):
        wrong.check(X)


def test_an_expectation_that_does_not_add_up_is_compared_by_draws(mixture, against):
    def e_step(params, data):
        r = mixture.e_step(params, data)["z"]
        total, variance = r[:, 1].sum(), (r[:, 1] * r[:, 0]).sum()
        return {"z": r, "square": total**2 + variance}

    def square(latents, data):
        return np.sum(latents["z"] == 1) ** 2.0

    result = replace(mixture, e_step=e_step, expectations={"square": square}).check(
        X, against=against
    )
    assert result.passed, result
    (check,) = (check for check in result.checks if check.id == "e_step.square")
    assert "standard errors" in check.detail
    halved = replace(
        mixture,
        e_step=lambda params, data: (
            e_step(params, data) | {"square": e_step(params, data)["square"] / 2}
        ),
        expectations={"square": square},
    ).check(X, against=against)
    (finding,) = (f for f in halved.findings if f.severity == "error")
    assert (finding.step, finding.name) == ("E", "square")


def test_em_that_has_not_converged_is_not_at_a_saddle():
    """Counts with the variance of one Poisson, so that two components approach without limit."""
    model = latentfit.load("poisson-mixture")
    counts = np.repeat(np.arange(12), [6, 6, 22, 49, 56, 51, 40, 30, 15, 16, 8, 1])
    result = model.check({"x": counts}, seed=1, paths=False)
    assert result.passed
    assert "saddle" not in {finding.name for finding in result.findings}


def test_an_m_step_that_does_not_update_a_parameter_does_not_converge_to_a_maximum(
    mixture, against
):
    def m_step(expectations, data, params):
        return {**mixture.maximise(expectations, data, params), "sigma": params["sigma"]}

    result = replace(mixture, m_step=m_step, statistics=None).check(X, against=against)
    (limit,) = (check for check in result.checks if check.id == "fixed_point.maximum")
    assert limit.status == "fail"
    assert "as slow" not in limit.detail


def test_the_method_of_marginalisation_is_reported(mixture, against):
    (line,) = [
        check.detail
        for check in mixture.check(X, against=against).checks
        if check.id == "declaration.latents"
    ]
    assert line == "z: summed over its categories (exact)"


def test_the_precision_of_a_numerical_integral_is_reported():
    def model(y):
        with pm.Model() as model:
            mu = pm.Normal("mu", 0, 2)
            z = pm.Normal("z", mu, 1, shape=len(y))
            pm.Poisson("y", pm.math.exp(z), observed=y)
        return model

    poisson = latentfit.LatentModel(
        model=model,
        latents=("z",),
        e_step=lambda params, data: {"z": np.full(len(data["y"]), params["mu"])},
        m_step=lambda expectations, data: {"mu": np.mean(expectations["z"])},
    )
    result = poisson.check({"y": np.array([0, 1, 3, 2])}, seed=1, paths=False)
    (line,) = [check.detail for check in result.checks if check.id == "declaration.latents"]
    description, _, error = line.partition(" (error of log p(x | θ) about ")
    assert description == "z: adaptive quadrature (panels), 280 nodes"
    assert float(error.removesuffix(")")) < 1e-9
    # The E step returns the prior mean in place of the posterior mean.
    assert ("E", "z") in [(finding.step, finding.name) for finding in result.findings]
