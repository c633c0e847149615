"""Zero-inflated counts, declared as a mixture with a component that has probability 0 of a count.

Both declarations are common. The steps are right, and each has an error in one of its wrong forms.
"""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy.optimize import minimize

import latentfit

pytestmark = pytest.mark.slow

COUNTS = np.array([0] * 12 + [1, 2, 2, 3, 3, 4, 1, 5, 2, 3])


def list_of_rates(y):
    with pm.Model() as model:
        w, rate = pm.Dirichlet("w", np.ones(2)), pm.Gamma("rate", 2, 0.5)
        z = pm.Categorical("z", w, shape=len(y))
        pm.Poisson("y", pt.stack([0.0, rate])[z], observed=y)
    return model


def product(y):
    with pm.Model() as model:
        psi, lam = pm.Beta("psi", 1, 1), pm.Gamma("lam", 1, 0.1)
        z = pm.Bernoulli("z", psi, shape=len(y))
        pm.Poisson("y", lam * z, observed=y)
    return model


def probabilities(psi, rate, y):
    at_zero = psi * np.exp(-rate)
    p = np.where(y > 0, 1.0, at_zero / (at_zero + 1 - psi))
    return np.stack([1 - p, p], axis=-1)


LIST_OF_RATES = latentfit.LatentModel(
    name="list of rates",
    model=list_of_rates,
    latents=("z",),
    e_step=lambda params, data: {"z": probabilities(params["w"][1], params["rate"], data["y"])},
    m_step=lambda expectations, data: {
        "w": expectations["z"].mean(axis=0),
        "rate": data["y"].sum() / expectations["z"][:, 1].sum(),
    },
    initial=lambda data, rng: {"w": rng.dirichlet([5, 5]), "rate": rng.uniform(1, 4)},
)
PRODUCT = latentfit.LatentModel(
    name="product",
    model=product,
    latents=("z",),
    e_step=lambda params, data: {"z": probabilities(params["psi"], params["lam"], data["y"])},
    m_step=lambda expectations, data: {
        "psi": expectations["z"][:, 1].mean(),
        "lam": data["y"].sum() / expectations["z"][:, 1].sum(),
    },
    initial=lambda data, rng: {"psi": rng.uniform(0.3, 0.7), "lam": rng.uniform(1, 4)},
)
DATA = {"y": COUNTS}


def e_step_without_the_weight(params, data):
    """P(z = 1 | y = 0) without the factor psi of the prior probability."""
    z = probabilities(0.5, params["lam"], data["y"])
    return {"z": z}


def m_step_that_divides_by_all_units(expectations, data):
    return {"w": expectations["z"].mean(axis=0), "rate": data["y"].mean()}


def minus_log_likelihood(u):
    psi, lam = 1 / (1 + np.exp(-u[0])), np.exp(u[1])
    zeros = np.sum(COUNTS == 0)
    likelihood_of_zero = 1 - psi + psi * np.exp(-lam)
    positive = np.sum(COUNTS > 0) * (np.log(psi) - lam) + COUNTS.sum() * np.log(lam)
    return -(zeros * np.log(likelihood_of_zero) + positive)


@pytest.mark.parametrize("model", [LIST_OF_RATES, PRODUCT], ids=lambda model: model.name)
def test_right_steps_pass(model):
    result = model.check(DATA)
    assert result.passed
    assert not result.findings
    status = {check.id: check.status for check in result.checks}
    assert status["m_step.maximum"] == status["fixed_point.maximum"] == "pass"


@pytest.mark.parametrize(
    ("model", "change", "step", "name"),
    [
        (LIST_OF_RATES, {"m_step": m_step_that_divides_by_all_units}, "M", "rate"),
        (PRODUCT, {"e_step": e_step_without_the_weight}, "E", "z"),
    ],
    ids=["M", "E"],
)
def test_wrong_step_fails(model, change, step, name):
    result = replace(model, **change).check(DATA)
    errors = [(f.step, f.name) for f in result.findings if f.severity == "error"]
    assert errors == [(step, name)]


def test_comparison_has_maxima_and_standard_errors():
    """MLE and standard errors equal those of the likelihood of counts, in closed form."""
    comparison = PRODUCT.compare(DATA, seed=1, draws=300, tune=300, backend="jax").to_dict()
    found = minimize(minus_log_likelihood, [0.0, 1.0], method="BFGS", options={"gtol": 1e-9})
    psi, lam = 1 / (1 + np.exp(-found.x[0])), np.exp(found.x[1])
    expected = {"psi": psi, "lam": lam}
    parameters = {one["name"]: one for one in comparison["parameters"]}
    for name, value in expected.items():
        assert parameters[name]["mle"] == pytest.approx(value, rel=1e-5)
        assert parameters[name]["em"] == pytest.approx(value, rel=1e-5)
    # The information on the natural scale, from the second derivatives of
    # n₀ log(1 - psi + psi exp(-lam)) + n₁ (log psi - lam) + Σ y log lam.
    zeros, positive, e = np.sum(COUNTS == 0), np.sum(COUNTS > 0), np.exp(-lam)
    A = 1 - psi * (1 - e)
    first = np.array([-(1 - e), -psi * e])
    second = np.array([[0, -e], [-e, psi * e]])
    hessian = zeros * (second / A - np.outer(first, first) / A**2)
    hessian -= np.diag([positive / psi**2, COUNTS.sum() / lam**2])
    errors = np.sqrt(np.diag(np.linalg.inv(-hessian)))
    assert parameters["psi"]["em_se"] == pytest.approx(errors[0], rel=1e-5)
    assert parameters["lam"]["em_se"] == pytest.approx(errors[1], rel=1e-5)
    assert all(np.isfinite(parameters[name]["map"]) for name in expected)
