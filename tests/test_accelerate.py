"""Fewer iterations to the same end: extrapolation, its safeguards, and what it is worth."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.cli._options import ACCELERATORS as NAMES
from latentfit.em import Stop, Stopping
from latentfit.em._layout import Layout
from latentfit.em.accelerate import ACCELERATORS
from latentfit.em.accelerate._coordinates import Coordinates
from latentfit.errors import InputError

DATA = Path(__file__).parents[1] / "models" / "data"

every = pytest.mark.parametrize("accelerate", ACCELERATORS)


def dyestuff2():
    y, group = np.loadtxt(DATA / "dyestuff2.csv", delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "group": group}


def overlapping():
    """Two normal components a standard deviation and a half apart."""
    rng = np.random.default_rng(0)
    return {"x": np.where(rng.random(400) < 0.5, rng.normal(0, 1, 400), rng.normal(1.5, 1, 400))}


def schools():
    y, se = np.loadtxt(DATA / "eight-schools.csv", delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "se": se}


SLOW = {
    "times-deaths": ("poisson-mixture", None),
    "nile": ("local-level", None),
    "schools": ("meta-analysis", schools),
    "dyestuff2": ("random-effects", dyestuff2),
    "overlapping": ("gaussian-mixture", overlapping),
}


def fitted(case, accelerate, **stopping):
    name, data = SLOW[case]
    return latentfit.load(name).fit(
        data and data(),
        seed=1,
        starts=1,
        accelerate=accelerate,
        stopping=Stopping(**{"max_iterations": 50_000, **stopping}),
    )


def linear(matrix, limit):
    return (
        lambda params, data: {"x": params["x"]},
        lambda expectations, data: {"x": limit + matrix @ (expectations["x"] - limit)},
    )


@cache
def plain(case):
    return fitted(case, "none").best


def each(*cases):
    """A process that has waited for plain EM keeps it for all tests of the case."""
    marks = pytest.mark.xdist_group
    return pytest.mark.parametrize("case", [pytest.param(c, marks=marks(c)) for c in cases])


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in SLOW if case != "nile"])
def test_twenty_times_fewer_evaluations(case):
    """To the same log-likelihood but for 1e-8, of the end that both approach."""
    quick = fitted(case, "quasi-newton").best
    # Twice as many as the test has to see, where there is no end in sight.
    slow = fitted(case, "none", max_iterations=40 * quick.evaluations).best
    ends = {"none": slow, "quasi-newton": quick}
    assert ends["quasi-newton"].converged
    top = max(end.log_likelihood for end in ends.values())
    needed = {}
    for name, end in ends.items():
        there = np.flatnonzero(end.trace.log_likelihood >= top - 1e-8)
        # EM that is still on its way has needed more than it was given.
        needed[name] = there[0] + 1 if there.size else end.evaluations
    assert needed["none"] >= 20 * needed["quasi-newton"], needed


@pytest.mark.slow
@every
@each("times-deaths", "nile", "overlapping")
def test_the_end_is_that_of_em(case, accelerate):
    end, slow = fitted(case, accelerate).best, plain(case)
    assert end.converged
    assert end.decrease is None
    assert end.log_likelihood == pytest.approx(slow.log_likelihood, abs=1e-9)
    assert end.evaluations < slow.evaluations / 3
    for name, value in slow.params.items():
        np.testing.assert_allclose(end.params[name], value, rtol=1e-6)


@every
def test_a_variance_that_belongs_at_zero_gets_there(accelerate):
    end = fitted("dyestuff2", accelerate).best
    y = dyestuff2()["y"]
    assert end.converged
    assert end.params["tau"] < 1e-4
    assert end.params["mu"] == pytest.approx(np.mean(y), rel=1e-7)
    assert end.params["sigma"] == pytest.approx(np.std(y), rel=1e-7)
    assert end.evaluations < 1000


def test_left_alone_it_does_not():
    end = fitted("dyestuff2", "none", max_iterations=2000).best
    assert end.stop is Stop.ITERATION_LIMIT
    assert end.params["tau"] > 0.01


def test_hurried_only_where_a_hundred_iterations_are_not_enough():
    quick, slow = (latentfit.load(n).fit(seed=1) for n in ("gaussian-mixture", "poisson-mixture"))
    assert quick.best.accelerated is None
    assert quick.best.evaluations == quick.iterations + 1
    assert slow.best.accelerated == 101
    # What is left after leaps need not be what is slow.
    assert 0 < quick.best.rate < 1
    assert np.isnan(slow.best.rate)
    assert "accelerated from iteration 101" in slow.message


@every
@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.floats(0.1, 0.995), min_size=1, max_size=4),
    st.integers(0, 2**32 - 1),
    st.booleans(),
)
def test_a_linear_map_ends_at_its_fixed_point(accelerate, rates, seed, measured):
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((len(rates), len(rates))))
    matrix = turn @ np.diag(rates) @ turn.T
    limit = rng.normal(0, 3, len(rates))
    steps = linear(matrix, limit)

    def height(params, data):
        return -float(np.sum((params["x"] - limit) ** 2))

    solution = em.run(
        *steps,
        {},
        {"x": limit + rng.standard_normal(len(rates))},
        log_likelihood=height if measured else None,
        accelerate=accelerate,
    )
    assert solution.converged
    np.testing.assert_allclose(solution.params["x"], limit, atol=1e-5 * (1 + np.abs(limit).max()))


@every
def test_a_leap_away_from_zero_is_taken_back(accelerate):
    """On the scale of the logarithm the steps do not shrink, and point nowhere."""
    steps = linear(np.array([[0.99]]), np.zeros(1))
    solution = em.run(
        *steps, {}, {"x": [4.0]}, stopping=Stopping(distance=1e-6), accelerate=accelerate
    )
    assert solution.converged
    assert 0 <= solution.params["x"][0] <= 1.2e-6 * 4e-4


@pytest.mark.slow
@every
@pytest.mark.parametrize(
    "criterion", [{"distance": 1e-4}, {"parameters": 1e-4}, {"log_likelihood": 1e-3}], ids=str
)
def test_the_last_step_is_one_of_em(accelerate, criterion):
    """Whatever says that it converged, no leap does."""
    model, data = latentfit.load("gaussian-mixture"), overlapping()
    stopping = Stopping(**{"distance": None, "parameters": None, **criterion})
    fit = model.fit(data, seed=1, starts=3, stopping=stopping, accelerate=accelerate)
    for solution in fit.solutions:
        assert solution.converged
        before = {name: values[-2] for name, values in solution.trace.params.items()}
        after = model.maximise(model.e_step(before, data), data, before)
        for name, value in solution.params.items():
            np.testing.assert_array_equal(after[name], value)


@every
def test_every_iterate_is_feasible(accelerate):
    model = latentfit.load("multivariate-gaussian-mixture")
    iris = np.loadtxt(DATA / "iris.csv", delimiter=",", skiprows=1, usecols=range(4))
    fit = model.fit(iris, seed=2, starts=1, components=3, covariance="full", accelerate=accelerate)
    trace = fit.best.trace.params
    np.testing.assert_allclose(trace["w"].sum(axis=-1), 1)
    assert (trace["w"] >= 0).all()
    (covariances,) = (value for value in trace.values() if value.shape[-2:] == (4, 4))
    assert (np.linalg.eigvalsh(covariances) > 0).all()
    assert fit.converged


@pytest.mark.slow
@every
def test_units_do_not_matter(accelerate):
    model, data = latentfit.load("gaussian-mixture"), overlapping()
    start = {"w": [0.4, 0.6], "mu": [-0.5, 1.5], "sigma": [1.2, 0.8]}
    ends = []
    for shift, scale in ((0.0, 1.0), (30.0, 1e-3), (-5.0, 1e6)):
        there = {
            "w": start["w"],
            "mu": scale * (np.array(start["mu"]) + shift),
            "sigma": scale * np.array(start["sigma"]),
        }
        end = em.run(
            model.e_step,
            model.maximise,
            {"x": scale * (data["x"] + shift)},
            there,
            log_likelihood=model.log_likelihood,
            accelerate=accelerate,
        )
        assert end.converged
        ends.append(
            (end.params["w"], end.params["mu"] / scale - shift, end.params["sigma"] / scale)
        )
    for other in ends[1:]:
        np.testing.assert_allclose(np.array(other), np.array(ends[0]), rtol=0, atol=1e-5)


@pytest.mark.slow
@every
def test_the_log_likelihood_never_falls(accelerate):
    heights = fitted("overlapping", accelerate).best.trace.log_likelihood
    assert np.min(np.diff(heights)) >= -1e-10


@every
def test_a_map_that_lowers_the_log_likelihood_is_left_alone(accelerate):
    """Steps that go round and round, a little nearer each time."""
    turn = 0.95 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    solution = em.run(
        *linear(turn, np.zeros(2)),
        {},
        {"x": [3.0, 1.0]},
        log_likelihood=lambda params, data: -abs(float(params["x"][0])),
        accelerate=accelerate,
    )
    assert solution.decrease is not None
    assert "until EM itself lowered the log-likelihood" in solution.message


def test_there_are_names_for_all_and_no_others():
    assert set(NAMES) == {"auto", "none", *ACCELERATORS}
    with pytest.raises(InputError, match="cannot be accelerated by 'fast'; it can by auto, none"):
        latentfit.load("coins").fit(accelerate="fast")


@given(st.integers(0, 2**32 - 1))
def test_coordinates_and_back(seed):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((2, 3, 3))
    params = {
        "w": rng.dirichlet([1, 1, 1]),
        "P": rng.dirichlet([1, 1], size=2),
        "mu": np.outer([-1, 1], rng.exponential(1.0, 3)),
        "Sigma": factor @ np.swapaxes(factor, -1, -2) + 0.1 * np.eye(3),
        "rate": rng.exponential(5.0, 2) + 1,
        "p": rng.random(3),
    }
    layout = Layout.of(params)
    flat = layout.pack(params, "the test")
    chart = Coordinates.of(layout, flat[None])
    assert chart.kinds == ("simplex", "simplex", "real", "covariance", "positive", "probability")
    back = chart.params([part[0] for part in chart.chart(flat[None])])
    np.testing.assert_allclose(back, flat, rtol=1e-10, atol=1e-12)


def test_what_is_zero_stays_zero():
    params = {"w": np.array([0.0, 0.25, 0.75]), "sigma": np.array([0.0, 2.0])}
    layout = Layout.of(params)
    flat = layout.pack(params, "the test")
    chart = Coordinates.of(layout, flat[None])
    back = chart.params([part[0] for part in chart.chart(flat[None])])
    np.testing.assert_allclose(back, flat, rtol=1e-14)
    assert back[0] == back[3] == 0


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.1, 0.9], [0.3, 0.7]]),
        np.array([[0.1, 0.3, 0.5], [0.9, 0.7, 0.5]]),
        np.array([[0.1, 0.2], [0.3, 0.1], [0.2, 0.1]]),
    ],
    ids=["rows", "columns", "whole"],
)
def test_what_sums_to_one_does_so_after_a_leap(values):
    layout = Layout.of({"p": values})
    rows = np.stack([layout.pack({"p": values}, "the test")] * 2)
    coordinates = Coordinates.of(layout, rows)
    (part,) = coordinates.chart(rows[:1])
    leapt = coordinates.params([part[0] + np.linspace(-1, 1, values.size)]).reshape(values.shape)
    sums = [values.sum(axis=axis) for axis in (-1, 0, None)]
    after = [leapt.sum(axis=axis) for axis in (-1, 0, None)]
    assert any(np.allclose(one, 1) for one in sums)
    for one, other in zip(sums, after, strict=True):
        if np.allclose(one, 1):
            np.testing.assert_allclose(other, 1, rtol=1e-14)
