"""The strict check: an M step that increases Q has to maximise it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import latentfit
from latentfit.check import CheckResult, Reference
from latentfit.model import LatentModel
from latentfit.workflow import CheckOptions

X = np.concatenate([np.linspace(5.0, 8.0, 9), np.linspace(8.5, 10.5, 7)])


@pytest.fixture(scope="module")
def mixture() -> LatentModel:
    return latentfit.load("gaussian-mixture")


@pytest.fixture(scope="module")
def against(mixture: LatentModel) -> Reference:
    return mixture.reference({"x": X})


def conditional_maximisation(
    expectations: dict[str, Any], data: dict[str, Any], params: dict[str, Any]
) -> dict[str, Any]:
    """Return standard deviations about the old means: ECM with sigma before mu."""
    r, x = expectations["z"], data["x"]
    n = r.sum(axis=0)
    variance = np.sum(r * (x[:, None] - params["mu"]) ** 2, axis=0) / n
    return {"w": n / len(x), "mu": x @ r / n, "sigma": np.sqrt(variance)}


def checked(mixture: LatentModel, against: Reference, **settings: Any) -> CheckResult:
    model = replace(mixture, m_step=conditional_maximisation, statistics=None)
    return model.check({"x": X}, seed=1, against=against, paths=False, **settings)


def test_a_conditional_maximisation_passes_with_a_note(
    mixture: LatentModel, against: Reference
) -> None:
    result = checked(mixture, against)
    assert result.passed
    (finding,) = [one for one in result.findings if one.step == "M"]
    assert (finding.severity, finding.name) == ("warning", "sigma")
    assert "a generalised EM algorithm, which is correct" in finding.message
    assert finding.hint == "the update uses the old value of mu"


def test_a_conditional_maximisation_fails_the_strict_check(
    mixture: LatentModel, against: Reference
) -> None:
    result = checked(mixture, against, strict=True)
    assert not result.passed
    (finding,) = [one for one in result.findings if one.step == "M"]
    assert (finding.severity, finding.name) == ("error", "sigma")
    assert "Q is maximal at" in finding.message
    assert "the strict check asks for the maximum of Q" in finding.message
    assert finding.hint == "the update uses the old value of mu"
    assert finding.evidence["given"] != pytest.approx(finding.evidence["expected"], rel=1e-3)


def test_the_right_m_step_passes_the_strict_check(mixture: LatentModel, against: Reference) -> None:
    assert mixture.check({"x": X}, seed=1, against=against, paths=False, strict=True).passed


def test_the_check_is_not_strict_by_default() -> None:
    assert not CheckOptions().strict
