"""Where the steps are examined, if all starting values are special."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytest

import latentfit
from latentfit.check import _trial_points, contract
from latentfit.check._derivation import Derivation
from latentfit.check._generic_points import Neighbourhood, prior_draws
from latentfit.check._trial_points import examination_of
from latentfit.check.examination import AT_MAXIMUM
from latentfit.errors import InputError

X = {"x": np.array([1.0, 2.0, 3.0])}


def model(x):
    with pm.Model() as model:
        w = pm.Dirichlet("w", a=np.ones(2))
        mu = pm.Normal("mu", 0, 10, shape=2)
        var = pm.HalfNormal("var", 5, shape=2)
        z = pm.Categorical("z", p=w, shape=len(x))
        pm.Normal("x", mu[z], var[z] ** 0.5, observed=x)
    return model


def responsibilities(x, w, mu, sigma):
    joint = w * np.exp(-0.5 * ((x[:, None] - mu) / sigma) ** 2) / sigma
    return {"z": joint / joint.sum(axis=1, keepdims=True)}


def e_step(params, data):
    return responsibilities(data["x"], params["w"], params["mu"], np.sqrt(params["var"]))


def variance_for_standard_deviation(params, data):
    return responsibilities(data["x"], params["w"], params["mu"], params["var"])


def m_step(expectations, data):
    r, x = expectations["z"], data["x"]
    n = r.sum(axis=0)
    mu = x @ r / n
    return {"w": n / len(x), "mu": mu, "var": (r * (x[:, None] - mu) ** 2).sum(axis=0) / n}


def initial(data, rng):
    """Starts in which variances equal standard deviations, as lists."""
    return {
        "w": [0.5, 0.5],
        "mu": (np.array([1.0, 3.0]) + rng.normal(0, 0.05, 2)).tolist(),
        "var": [1, 1],
    }


MIXTURE = latentfit.LatentModel(
    model=model, latents=("z",), e_step=e_step, m_step=m_step, initial=initial
)


@pytest.fixture(scope="module")
def against():
    """Three values, for which the likelihood has no maximum: EM collapses."""
    return MIXTURE.reference(X)


def derivation(**changes):
    rngs = np.random.default_rng(0).spawn(3)
    entries = {
        "name": "mixture",
        "objective": "likelihood",
        "e_step": e_step,
        "m_step": m_step,
        "log_likelihood": None,
        "expectations": {},
        "to_model": lambda params: params,
        "starts": [
            {name: np.array(value, float) for name, value in initial(X, rng).items()}
            for rng in rngs
        ],
    }
    return Derivation(**(entries | changes))


def statuses(result):
    return {check.id: check.status for check in result.checks}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_a_mistake_that_does_not_show_at_the_starts_is_found(against, seed):
    wrong = replace(MIXTURE, e_step=variance_for_standard_deviation)
    result = wrong.check(X, against=against, seed=seed)
    assert [(f.step, f.name) for f in result.findings if f.severity == "error"] == [("E", "z")]
    finding = result.findings[0]
    assert finding.evidence["where"] != "start 1"
    assert "variance where the standard deviation" in finding.hint


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))]
)
def test_a_right_derivation_passes_at_the_same_points(against, seed):
    result = MIXTURE.check(X, against=against, seed=seed)
    assert result.passed, result
    assert statuses(result)["e_step.z"] == statuses(result)["m_step.maximum"] == "pass"


def test_no_trial_point_but_the_first_has_a_special_value(against):
    examination = examination_of(derivation(), against, seed=0, timeout=5)
    first, *others = examination.trial_points
    assert first.label == "start 1"
    assert np.all(first.params["var"] == 1)
    assert len({trial.label for trial in others}) == len(others) >= 3
    for trial in others:
        assert np.min(np.abs(trial.params["var"] - 1)) > 1e-2
        assert abs(np.diff(trial.params["w"])[0]) > 1e-2
        np.testing.assert_allclose(
            examination.density.space.constrain(trial.point)["mu"], trial.params["mu"]
        )


def test_em_need_not_visit_a_random_point_near_the_maximum(against, monkeypatch):
    """With three values such a point may be eighty standard deviations from the data."""
    far = np.array([1.0, -64.0, 320.0, 0.0, 0.0])
    monkeypatch.setattr(_trial_points, "maximum_of_objective", lambda *_, **__: np.zeros(5))
    monkeypatch.setattr(
        _trial_points,
        "points_near_maximum",
        lambda *_, **__: [("near the maximum", far), (AT_MAXIMUM, np.zeros(5))],
    )
    examination = examination_of(derivation(), against, seed=0, timeout=5)
    visited = {trial.label: trial.visited for trial in examination.trial_points}
    assert not visited["near the maximum"]
    assert visited[AT_MAXIMUM]
    with np.errstate(all="ignore"):
        outcome = contract.examine(examination, timeout=5).outcome
    assert not outcome.findings
    assert any(
        "for θ near the maximum only" in one.detail and one.status == "warn"
        for one in outcome.checks
    )


def test_trial_points_depend_on_the_seed_alone(against):
    one, same, other = (
        [
            trial.point
            for trial in examination_of(derivation(), against, seed=seed, timeout=5).trial_points
        ]
        for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(one, same)
    assert np.min(np.abs(np.array(one[1:]) - np.array(other[1:]))) > 0


def test_random_points_are_moderate(against):
    """log p(x | θ) decreases by no more than one nat for each of the three values."""
    density, complete = against.density, against.complete
    start = density.space.locate(derivation().starts[0])
    statistics = complete.statistics(start, np.random.default_rng(0))
    near = Neighbourhood(complete, against.declaration, start, statistics)
    value, rng = density.objective(start), np.random.default_rng(1)
    points = [near.random_point(rng) for _ in range(20)]
    draws = prior_draws(against.declaration, density.space, 0)
    points += [near.towards(draw, rng) for draw in draws]
    for point in points:
        assert density.objective(point) >= value - 3 - 1e-9
    for point in points[:20]:
        assert np.min(np.abs(point - start)) > 1e-3


def test_the_point_after_an_iteration_is_what_the_m_step_returns(against):
    start = derivation().starts[0]
    point = against.density.space.locate(start)
    statistics = against.complete.statistics(point, np.random.default_rng(0))
    near = Neighbourhood(against.complete, against.declaration, point, statistics)
    found = against.density.space.constrain(near.after_one_iteration())
    for name, value in m_step(e_step(start, X), X).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9)


def test_a_parameterisation_of_the_derivations_own_is_examined_where_its_steps_lead(against):
    """Two parameters of it may determine each other, as sigma and var do here."""

    def redundant(params):
        return params | {"sigma": np.sqrt(params["var"])}

    own = derivation(
        m_step=lambda e, d: redundant(m_step(e, d)),
        to_model=lambda params: {name: params[name] for name in ("w", "mu", "var")},
        starts=[redundant(start) for start in derivation().starts],
    )
    trials = examination_of(own, against, seed=0, timeout=5).trial_points
    assert trials[-1].label == "one iteration after start 1"
    for trial in trials:
        np.testing.assert_allclose(trial.params["sigma"], np.sqrt(trial.params["var"]))
    assert np.min(np.abs(trials[-1].params["var"] - 1)) > 1e-2


def test_the_steps_are_given_arrays_in_double_precision_though_starts_are_lists(against):
    given = []

    def recorded(params, data):
        given.append((params, data))
        return e_step(params, data)

    assert replace(MIXTURE, e_step=recorded).check(X, against=against).passed
    for params, data in given:
        for value in (*params.values(), *data.values()):
            assert isinstance(value, np.ndarray)
            assert value.dtype == float


def test_a_step_that_overflows_only_where_em_need_not_come_is_not_wrong(against):
    start = derivation().starts[0]

    def overflows(params, data):
        r = e_step(params, data)["z"]
        return {"z": r if np.all(params["var"] == 1) else r * np.nan}

    trials = examination_of(derivation(e_step=overflows), against, seed=0, timeout=5)
    visited = [trial.label for trial in trials.trial_points if trial.visited]
    assert visited == ["start 1"]
    kept = contract.examine(trials, 5)
    assert kept.outcome.findings == ()
    (values,) = [check for check in kept.outcome.checks if check.id == "contract.values"]
    assert values.status == "warn"
    assert "near start 2 only" in values.detail
    assert list(kept.given) == ["start 1"]
    np.testing.assert_array_equal(kept.given["start 1"]["z"], e_step(start, X)["z"])


def test_impossible_data_are_an_input_error(against):
    def lifetimes(y):
        with pm.Model() as model:
            rate = pm.Gamma("rate", 2, 1)
            pm.Exponential("z", rate)
            pm.Exponential("y", rate, observed=y)
        return model

    exponential = latentfit.LatentModel(
        model=lifetimes,
        latents=("z",),
        e_step=lambda params, data: {"z": 1 / params["rate"]},
        m_step=lambda e, data: {"rate": (len(data["y"]) + 1) / (data["y"].sum() + e["z"])},
    )
    with pytest.raises(InputError, match=r"impossible .*y\[1\] = -1.5, y\[3\] = -0.25$"):
        exponential.check({"y": np.array([0.5, -1.5, 2.0, -0.25])})
    assert exponential.check({"y": np.array([0.5, 1.5, 2.0, 0.25])}).passed


def test_a_start_at_which_the_data_are_impossible_is_noted_and_replaced():
    """Uniform lifetimes: at the first start their bound is below the largest."""

    def lifetimes(y):
        with pm.Model() as model:
            bound = pm.Uniform("bound", 0, 50)
            pm.Normal("z", bound, 1)
            pm.Uniform("y", 0, bound, observed=y)
        return model

    starts = iter([2.0, 7.0, 8.0])
    uniform = latentfit.LatentModel(
        model=lifetimes,
        latents=("z",),
        e_step=lambda params, data: {"z": params["bound"]},
        m_step=lambda e, data: {"bound": max(e["z"], data["y"].max())},
        initial=lambda data, rng: {"bound": next(starts)},
    )
    result = uniform.check({"y": np.array([1.0, 5.0])})
    (finding,) = [f for f in result.findings if f.name == "initial"]
    assert finding.severity == "warning"
    assert "minus infinity at bound = 2." in finding.message
