"""The check as part of a comparison, and the trajectories of the two EM algorithms."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import latentfit
from latentfit.agreement import Verdict, agreement
from latentfit.agreement.verdicts import derivation
from latentfit.check import Check, CheckResult, Finding
from latentfit.model import LatentModel

Y = np.array([5.0, np.nan])


@pytest.fixture(scope="module")
def toy() -> LatentModel:
    return latentfit.load("exponential-missing")


def halved(model: LatentModel) -> LatentModel:
    """Return the model with an M step that is wrong by a factor of one half."""

    def m_step(expectations: Any, data: Any) -> dict[str, Any]:
        return {"theta": 0.5 * model.m_step(expectations, data)["theta"]}

    return replace(model, m_step=m_step)


@pytest.fixture(scope="module")
def failed(toy: LatentModel) -> CheckResult:
    return halved(toy).check(Y, seed=1)


def result(*severities: Any) -> CheckResult:
    findings = tuple(Finding("E", "z", one, f"message {i}") for i, one in enumerate(severities))
    return CheckResult("model", (Check("e_step.z", "pass", "exact"),), findings)


# The verdict


@pytest.mark.parametrize(
    ("found", "status", "message"),
    [
        (result(), "pass", "model passes"),
        (result("warning"), "pass", "message 0"),
        (result("error", "warning"), "fail", "the E step is wrong; message 0"),
        ("ValueError: no such thing", "skip", "ValueError: no such thing"),
    ],
)
def test_the_verdict_is_that_of_the_check(found: Any, status: str, message: str) -> None:
    verdict = derivation.of_check(found)
    assert (verdict.id, verdict.status) == ("check", status)
    assert message in verdict.detail


@pytest.mark.parametrize(
    ("check", "chains", "agree"),
    [
        ("pass", "pass", True),
        ("skip", "pass", True),
        ("fail", "pass", False),
        ("pass", "fail", None),
        # A failed check counts also if the chains have not converged.
        ("fail", "fail", False),
    ],
)
def test_a_failed_check_is_a_disagreement(check: Any, chains: Any, agree: bool | None) -> None:
    verdicts = (Verdict("check", check, "", ""), Verdict("chains", chains, "", ""))
    assert agreement(verdicts) is agree


# The trajectories


def test_a_right_derivation_has_no_trajectories(toy: LatentModel) -> None:
    found = toy.check(Y, seed=1)
    assert found.passed
    assert found.paths is None


def test_the_trajectories_follow_the_two_updates_in_closed_form(failed: CheckResult) -> None:
    """θ' = 2θ / (5θ + 1) as Dempster, Laird & Rubin derive it, and half of that as handed in."""
    assert failed.paths is not None
    hand, oracle = failed.paths["theta"]
    assert len(hand) == len(oracle) == 16
    assert hand[0] == oracle[0]
    np.testing.assert_allclose(oracle[1:], 2 * oracle[:-1] / (5 * oracle[:-1] + 1), rtol=1e-9)
    np.testing.assert_allclose(hand[1:], hand[:-1] / (5 * hand[:-1] + 1), rtol=1e-12)


def test_a_trajectory_ends_where_its_step_fails(toy: LatentModel) -> None:
    def m_step(expectations: Any, data: Any, params: Any) -> dict[str, Any]:
        theta = halved(toy).m_step(expectations, data)["theta"]
        if theta < 0.12:
            raise ZeroDivisionError
        return {"theta": theta}

    def initial(data: Any, rng: np.random.Generator) -> dict[str, Any]:
        return {"theta": 1.0 + rng.random()}

    found = replace(toy, m_step=m_step, initial=initial).check(Y, seed=1)
    assert found.paths is not None
    hand, oracle = found.paths["theta"]
    # From θ, half the update is θ / (5θ + 1), which is at most 1/5; from there it is below 0.12.
    assert 1 <= len(hand) <= 3
    assert len(oracle) == 16


def test_the_check_is_shown_in_a_notebook(failed: CheckResult) -> None:
    made = failed._repr_html_()
    assert "the M step is wrong" in made
    assert "<img" in made
    assert made.count("<style>") == 1


# The comparison


@pytest.mark.slow
def test_compare_checks_first_and_reports_the_verdict(toy: LatentModel) -> None:
    compared = halved(toy).compare(Y, seed=1, draws=50, tune=50, chains=2)
    first = compared.verdicts[0]
    assert (first.id, first.status) == ("check", "fail")
    assert compared.agree is False
    assert compared.check is not None
    assert compared.check.findings[0].message in first.detail
    assert compared.to_dict()["check"]["passed"] is False
    assert list(compared.timings)[:4] == ["build_s", "complete_s", "check_s", "em_s"]


@pytest.mark.slow
def test_compare_continues_if_the_check_is_impossible(
    toy: LatentModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise NotImplementedError("no complete-data view of such a latent")

    monkeypatch.setattr("latentfit.bayes.complete_data_view", refuse)
    compared = toy.compare(Y, seed=1, draws=50, tune=50, chains=2)
    assert compared.check is None
    assert compared.to_dict()["check"] is None
    assert compared.verdicts[0].status == "skip"
    assert "no complete-data view of such a latent" in compared.verdicts[0].detail
    assert compared.log_likelihood["em"] == pytest.approx(compared.log_likelihood["mle"])


@pytest.mark.slow
def test_compare_without_the_check(toy: LatentModel) -> None:
    compared = toy.compare(Y, seed=1, draws=50, tune=50, chains=2, check=False)
    assert compared.check is None
    assert "check" not in {verdict.id for verdict in compared.verdicts}
    assert "check_s" not in compared.timings
