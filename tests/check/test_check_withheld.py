"""What the check could not find out is withheld: it is no error."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from latentfit.check import (
    Check,
    CheckResult,
    Finding,
    _causes,
    _em_runs,
    _exact_expectations,
    _generalised_em,
    _inexact_maximum,
    _limit_point,
    _limit_point_by_draws,
    _log_likelihood,
    _m_step,
    _monotonicity,
    _sampled_expectations,
    _slow_convergence,
    _unidentified,
    _updates,
)
from latentfit.check._alternation import alternating
from latentfit.check.examination import TrialPoint
from latentfit.em import Decrease
from latentfit.em.information import curvature_of
from latentfit.errors import DeclarationError, StepError

POINT = np.zeros(1)


def trial(label="start 1", *, visited=True, **arrays):
    """A trial point with statistics that are also the exact expectations."""
    found = {name: np.asarray(value) for name, value in arrays.items()}
    return TrialPoint(label, {"mu": np.zeros(1)}, POINT, found, found, visited)


def space(**changes):
    return SimpleNamespace(
        **{
            "size": 1,
            "bounded": np.zeros(1, bool),
            "parameters": ("mu",),
            "shapes": {"mu": (1,)},
            "layout": (("mu", (1,)),),
            "locate": lambda params: np.asarray(params["mu"], float),
            "constrain": lambda point: {"mu": point},
            "on_boundary": lambda natural, **_: [],
        }
        | changes
    )


def examination(**changes):
    """An examination of a model with one parameter mu, whose log-likelihood is -mu² / 2."""
    density = SimpleNamespace(
        tractable=True,
        space=space(),
        objective=lambda point, prior=False: float(-(point @ point) / 2),
        log_likelihood=lambda point: (float(-(point @ point) / 2), -point),
        hessian=lambda point, prior=False: -np.eye(1),
    )
    complete = SimpleNamespace(exact=True, discrete=False, latents=("z",), categories={})
    entries = {
        "density": density,
        "complete": complete,
        "declaration": None,
        "expectations": {},
        "to_model": lambda params: params,
        "objective_at": density.log_likelihood,
        "with_prior": False,
        "seed": 0,
        "maximum": POINT,
        "data": {},
        "trial_points": (trial(z=1.0),),
        "parameter_slices": {"mu": slice(0, 1)},
        "strict": False,
    }
    return SimpleNamespace(**(entries | changes))


def only(outcome, status):
    """Assert that the only check has a status and that there is no error, and return its text."""
    (check,) = outcome.checks
    assert check.status == status, outcome
    assert all(finding.severity == "warning" for finding in outcome.findings)
    return check.detail


def exact(expected, value):
    return _exact_expectations.compare(
        examination(), "z", [trial(z=expected)], [np.array(value)], None
    )


def test_an_expectation_that_the_model_does_not_know_contradicts_nothing():
    assert "not tested" in only(exact([np.nan, np.nan], [1.0, 2.0]), "skip")
    assert "1 of 2 expectations" in only(exact([np.nan, 2.0], [1.0, 2.0]), "warn")
    only(exact([1.0, 2.0], [1.0, 2.0]), "pass")


def test_a_difference_within_the_error_of_an_expectation_is_not_decided(monkeypatch):
    monkeypatch.setattr(_exact_expectations, "log_likelihood_error", lambda *_: 0.01)
    assert "error of about 0.01" in only(exact([1.0, 2.0], [1.0, 2.01]), "warn")


def test_an_expectation_of_another_shape_is_not_compared():
    assert "shape (1,)" in only(exact([[1.0, 2.0]], [1.0]), "skip")


def test_draws_that_are_not_finite_contradict_nothing():
    draws = np.random.default_rng(0).normal(size=(100, 2))
    draws[3, 1] = np.nan
    outcome = _sampled_expectations.compare("z", [trial(z=draws)], [np.zeros(2)], 1e-3)
    assert "not all finite" in only(outcome, "skip")


@pytest.mark.parametrize("exact", [np.nan, -np.inf])
def test_a_log_likelihood_that_the_model_does_not_know_contradicts_nothing(exact):
    density = SimpleNamespace(tractable=True, log_likelihood=lambda point: (exact, POINT))
    given = examination(density=density)
    outcome = _log_likelihood._compared(given, {"start 1": -3.0}, lambda: ())
    assert "not tested" in only(outcome, "skip")


def test_a_difference_within_the_error_of_an_integral_is_not_decided(monkeypatch):
    monkeypatch.setattr(_log_likelihood, "log_likelihood_error", lambda *_: 0.01)
    outcome = _log_likelihood._compared(examination(), {"start 1": -0.005}, lambda: ())
    assert "error of about 0.01" in only(outcome, "warn")


def solution(**changes):
    path = np.array([[2.0], [1.0], [0.0]])
    entries = {
        "converged": True,
        "iterations": 2,
        "message": "stopped",
        "params": {"mu": np.zeros(1)},
        "log_likelihood": 0.0,
        "decrease": None,
        "trace": SimpleNamespace(params={"mu": path}),
        "stop": SimpleNamespace(degenerate=False),
    }
    return SimpleNamespace(**(entries | changes))


def fit(**changes):
    one = solution(**changes)
    return SimpleNamespace(best=one, solutions=(one,))


def with_density(**changes):
    given = examination()
    return examination(
        density=SimpleNamespace(**(vars(given.density) | changes)),
        objective_at=changes.get("log_likelihood", given.objective_at),
    )


def test_derivatives_that_are_not_finite_contradict_nothing():
    """A category of probability zero: the log-likelihood is finite, its gradient is not."""
    for broken in (
        {"hessian": lambda point, prior=False: np.full((1, 1), np.nan)},
        {"log_likelihood": lambda point: (0.0, np.full(1, np.nan))},
    ):
        detail = only(_limit_point.examine(with_density(**broken), fit()), "warn")
        assert "not known whether this is a maximum" in detail


def test_a_gradient_is_a_number_that_contradicts():
    away = fit(params={"mu": np.array([0.5])}, iterations=1)
    outcome = _limit_point.examine(with_density(), away)
    assert outcome.checks[0].status == "fail"
    assert outcome.findings[0].evidence["given"] == pytest.approx(0.5)


def test_a_limit_point_without_density_contradicts_nothing():
    def outside(params):
        raise DeclarationError("mu = 0 is outside its support")

    given = with_density(space=space(locate=outside))
    assert "mu = 0" in only(_limit_point.examine(given, fit()), "warn")


def test_a_gradient_of_draws_that_is_not_finite_contradicts_nothing():
    draws = {"z": np.ones((5, 1))}
    complete = SimpleNamespace(
        statistics=lambda point, rng: draws,
        q=lambda statistics, point, prior=False: (0.0, np.full(1, np.nan)),
        latents=("z",),
    )
    given = examination(complete=complete)
    outcome = _limit_point_by_draws.examine(given, solution(), POINT)
    assert "not finite for some draws" in only(outcome, "warn")


def test_a_flat_direction_along_which_nothing_increases_is_no_saddle(monkeypatch):
    from latentfit import bayes

    known = SimpleNamespace(directions=0)
    monkeypatch.setattr(bayes.maxima, "identification", lambda *_: known)
    shape = curvature_of(np.diag([-1.0, 0.0]), np.zeros(2), np.zeros(2, bool))

    def outcome(fourth_power):
        def objective(point):
            return float(-(point[0] ** 2) / 2 + fourth_power * point[1] ** 4), np.zeros(2)

        given = examination(objective_at=objective)
        return _unidentified.examine(given, np.zeros(2), shape, np.zeros(2))

    assert outcome(-1.0) is None
    saddle = outcome(1.0)
    assert saddle.findings[0].name == "saddle"
    assert saddle.findings[0].evidence["given"] == pytest.approx(0.3**4)


def test_without_the_declarations_own_step_slow_convergence_is_not_excluded():
    not_stationary = _limit_point.examine(
        with_density(), fit(params={"mu": np.array([0.5])}, iterations=1)
    )
    complete = SimpleNamespace(
        exact=True,
        statistics=lambda point, rng: {},
        maximise=lambda statistics, start, prior: SimpleNamespace(
            reached=False, problem="not converged"
        ),
    )
    shape = curvature_of(-np.eye(1), np.zeros(1), np.zeros(1, bool))
    outcome = _slow_convergence.examine(
        examination(complete=complete), solution(), shape, not_stationary
    )
    assert "not converged" in only(outcome, "warn")


def stopped_at(distance):
    """The outcome for an M step that returns θ' although Q is larger at some distance."""
    not_stationary = _limit_point.examine(
        with_density(), fit(params={"mu": np.array([0.5])}, iterations=1)
    )
    complete = SimpleNamespace(
        exact=True,
        statistics=lambda point, rng: {},
        maximise=lambda statistics, start, prior: SimpleNamespace(
            reached=True, point=start + distance
        ),
    )
    shape = curvature_of(-np.eye(1), np.zeros(1), np.zeros(1, bool))
    stopped = solution(trace=SimpleNamespace(params={"mu": np.zeros((3, 1))}))
    return _slow_convergence.examine(examination(complete=complete), stopped, shape, not_stationary)


def test_the_tolerance_of_a_numerical_m_step_contradicts_nothing():
    inexact = stopped_at(2e-4)
    assert inexact.checks[0].status == "warn"
    assert [one.severity for one in inexact.findings] == ["warning"]
    assert "0.0002 standard errors from the maximum of Q" in inexact.findings[0].message
    assert stopped_at(0.1).checks[0].status == "fail"


def test_a_decrease_within_the_error_of_the_objective_contradicts_nothing(monkeypatch):
    lower = fit(decrease=Decrease(1, 0.05))
    monkeypatch.setattr(_monotonicity, "log_likelihood_error", lambda *_: 0.03)
    assert "except by less than" in only(_monotonicity.examine(examination(), lower), "pass")
    monkeypatch.setattr(_monotonicity, "log_likelihood_error", lambda *_: 0.02)
    outcome = _monotonicity.examine(examination(), lower)
    assert outcome.checks[0].status == "fail"
    assert outcome.findings[0].evidence["given"] == -0.05


def test_a_decrease_within_the_tolerance_of_a_numerical_m_step_contradicts_nothing(monkeypatch):
    monkeypatch.setattr(_monotonicity, "log_likelihood_error", lambda *_: 0.0)

    def outcome(amount, **settings):
        decreased = fit(decrease=Decrease(1, amount))
        return _monotonicity.examine(examination(), decreased, **settings)

    assert "numerical maximiser" in only(outcome(1e-5, numerical=True), "warn")
    assert outcome(1e-5).checks[0].status == "fail"
    assert outcome(1e-3, numerical=True).checks[0].status == "fail"


def test_a_small_alternation_of_a_numerical_m_step_contradicts_nothing():
    def outcome(step, **settings):
        path = {"mu": np.array([[1.0], [1.0 + step], [1.0], [1.0 + step], [1.0]])}
        stopped = solution(converged=False, iterations=4, trace=SimpleNamespace(params=path))
        return alternating(stopped, **settings)

    assert "numerical maximiser" in only(outcome(1e-3, numerical=True), "warn")
    assert outcome(1e-3).checks[0].status == "fail"
    assert outcome(0.5, numerical=True).checks[0].status == "fail"


def test_em_without_an_iteration_is_not_monotone():
    outcome = _monotonicity.examine(examination(), fit(iterations=0))
    assert "did not complete" in only(outcome, "skip")


def quadratic_q(maximum):
    """Q(mu | θ') = -(mu - maximum)² / 2 at every θ', without a term for the prior."""

    def q(statistics, point, prior=False):
        return float(-((point[0] - maximum) ** 2) / 2), np.array([maximum - point[0]])

    return q


def update(given, expected=1.0, *, label="start 1"):
    q = quadratic_q(expected)
    point = np.atleast_1d(np.asarray(given, float))
    return _updates.Update(
        trial(label, z=1.0),
        {"mu": point},
        {"mu": np.array([expected])},
        {"mu": np.ones(1)},
        point,
        SimpleNamespace(point=np.array([expected])),
        True,
    ), examination(q=lambda trial: lambda at: q({}, at), maximum=None)


def test_without_a_maximum_generalised_em_is_not_excluded():
    half, given = update(0.5)
    outcome = _generalised_em.examine(given, [half], None)
    assert "not tested whether" in only(outcome, "warn")
    backwards, given = update(-0.5)
    assert _generalised_em.examine(given, [backwards], None) is None


def test_an_m_step_that_moves_away_from_the_maximum_is_no_generalised_em():
    half, given = update(0.5, label="at the maximum")
    given.maximum = np.ones(1)
    assert _generalised_em.examine(given, [half], None) is None


def test_shapes_that_differ_are_not_compared():
    complete = SimpleNamespace(
        exact=True,
        maximise=lambda statistics, start, prior: SimpleNamespace(
            reached=True, point=np.zeros(1), problem=""
        ),
    )
    given = examination(
        complete=complete,
        density=SimpleNamespace(
            space=space(locate=lambda params: (_ for _ in ()).throw(DeclarationError("shape")))
        ),
        q=lambda trial: lambda at: quadratic_q(0.0)({}, at),
        q_hessian=lambda trial: lambda at: -np.eye(1),
    )
    outcome = _m_step.examine(given, {"start 1": {"mu": np.zeros((2, 1))}}, None).outcome
    assert "not tested" in only(outcome, "skip")


def runs(error):
    """EM from two starts; the steps raise an error at mu = 1."""

    def e_step(params, data):
        if params["mu"][0] == 1:
            raise error
        return {"z": params["mu"]}

    given = examination(
        e_step=e_step,
        m_step=lambda expectations, data, params: {"mu": expectations["z"] / 2},
    )
    starts = [{"mu": np.array([3.0])}, {"mu": np.array([1.0])}]
    return _em_runs.examine(given, starts, 5.0, steps_are_right=True)


def test_a_run_that_stops_contradicts_nothing_and_the_others_are_examined():
    outcome = runs(ZeroDivisionError("0 / 0"))
    status = {check.id: check.status for check in outcome.checks}
    assert status == {
        "path.completed": "warn",
        "path.monotone": "pass",
        "fixed_point.maximum": "pass",
    }
    (finding,) = outcome.findings
    assert finding.severity == "warning"
    assert "start 2" in finding.message
    assert "0 / 0" in finding.message


def test_an_objective_without_a_value_contradicts_nothing():
    outcome = runs(StepError("the objective is not defined", step="log_likelihood"))
    assert not outcome.findings
    assert outcome.checks[0].status == "skip"


def test_params_outside_the_support_contradict():
    outcome = runs(DeclarationError("mu = -3 is outside its support: it should be positive"))
    assert outcome.findings[0].severity == "error"
    assert "mu = -3" in outcome.findings[0].message


def test_a_result_that_is_not_complete_is_not_called_right():
    checks = (Check("e_step.z", "skip", "not tested"), Check("m_step.maximum", "pass", ""))
    partly = CheckResult("mixture", checks, ())
    assert partly.passed
    assert partly.verdict.startswith("mixture passes as far as it could be tested: e_step.z")
    whole = replace(partly, checks=(Check("e_step.z", "pass", ""), *checks[1:]))
    assert whole.verdict == "mixture passes: these steps are the EM algorithm of the model"


def finding(step, severity="error", follows=None, **evidence):
    return Finding(step, "z", severity, f"{step} {evidence}", None, evidence, follows)


def test_findings_are_in_the_order_of_their_causes():
    ordered = [
        finding("contract", function="e_step"),
        finding("E"),
        finding("contract", function="m_step", part="names"),
        finding("M"),
        finding("log_likelihood"),
        finding("fixed_point"),
        finding("contract", follows="E", function="m_step", part="values"),
        finding("M", "warning"),
    ]
    assert list(_causes.by_cause(reversed(ordered))) == ordered


def test_the_verdict_names_causes_only():
    following = finding("contract", follows="E", function="m_step")
    result = CheckResult("tobit", (), (finding("E"), following))
    assert result.verdict == "tobit fails: the E step is wrong"
    assert "contract, following from the E step" in repr(result)
    assert [one.get("follows") for one in result.to_dict()["findings"]] == [None, "E"]


def test_a_numerical_maximiser_of_q_contradicts_nothing():
    near, far = update(1.0 + 3e-4)[0], update(1.1)[0]
    outcome = _inexact_maximum.examine([near])
    assert "at most 0.0003 standard errors" in only(outcome, "warn")
    assert _inexact_maximum.examine([near, far]) is None


def test_a_maximum_at_zero_is_found_at_the_smallest_positive_number():
    at_zero = update(0.0, 1e-100)[0]
    tiny = {"mu": np.full(1, 1e-100)}
    assert not replace(at_zero, errors=tiny).differs("mu")


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        ("pass", "toy passes: these steps are the EM algorithm of the model"),
        ("warn", "toy passes: the M step was not found to maximise Q exactly"),
    ],
)
def test_an_m_step_that_does_not_maximise_q_is_not_called_the_em_algorithm(status, sentence):
    """Generalised EM, or an M step within the tolerance of a numerical maximiser."""
    result = CheckResult("toy", (Check("m_step.maximum", status, "a sentence"),), ())
    assert result.passed
    assert result.verdict == sentence
