"""Acceleration leads to the same limit in fewer iterations, and its safeguards work."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stop, Stopping, accelerate
from latentfit.em.accelerate._coordinates import Coordinates
from latentfit.em.layout import Layout
from latentfit.errors import InputError

ROOT = Path(__file__).parents[3]
DATA = ROOT / "models" / "data"

# Properties that every accelerator has, and those of accelerators that are registered as fast.
every = pytest.mark.parametrize("name", accelerate.accelerators())
fast = pytest.mark.parametrize("name", accelerate.accelerators(fast_only=True))


def dyestuff2():
    y, group = np.loadtxt(DATA / "dyestuff2.csv", delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "group": group}


def overlapping():
    """Two normal components whose means differ by one and a half standard deviations."""
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


@cache
def fitted(case, name, **stopping):
    model, data = SLOW[case]
    return latentfit.load(model).fit(
        data and data(),
        seed=1,
        starts=1,
        accelerate=name,
        stopping=Stopping(**{"max_iterations": 50_000, **stopping}),
    )


def linear(matrix, limit):
    return (
        lambda params, data: {"x": params["x"]},
        lambda expectations, data: {"x": limit + matrix @ (expectations["x"] - limit)},
    )


def each(*cases):
    """Parametrise over cases, so that one test process runs plain EM once for each of them."""
    marks = pytest.mark.xdist_group
    return pytest.mark.parametrize("case", [pytest.param(c, marks=marks(c)) for c in cases])


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in SLOW if case != "nile"])
def test_twenty_times_fewer_evaluations(case):
    """Count evaluations until the log-likelihood is within 1e-8 of the higher one of both."""
    quick = fitted(case, "quasi-newton").best
    # Twice as many as the assertion needs, since plain EM may take far longer to converge.
    slow = fitted(case, "none", max_iterations=40 * quick.evaluations).best
    solutions = {"none": slow, "quasi-newton": quick}
    assert solutions["quasi-newton"].converged
    highest = max(solution.log_likelihood for solution in solutions.values())
    needed = {}
    for name, solution in solutions.items():
        reached = np.flatnonzero(solution.trace.log_likelihood >= highest - 1e-8)
        # A run that has not reached it needs more evaluations than it was allowed.
        needed[name] = reached[0] + 1 if reached.size else solution.evaluations
    assert needed["none"] >= 20 * needed["quasi-newton"], needed


@pytest.mark.slow
@every
@each("times-deaths", "nile", "overlapping")
def test_the_limit_is_that_of_plain_em(case, name):
    solution, slow = fitted(case, name).best, fitted(case, "none").best
    assert solution.converged
    assert solution.decrease is None
    assert solution.log_likelihood == pytest.approx(slow.log_likelihood, abs=1e-9)
    for parameter, value in slow.params.items():
        np.testing.assert_allclose(solution.params[parameter], value, rtol=1e-6)


@pytest.mark.slow
@fast
@each("times-deaths", "nile", "overlapping")
def test_a_third_of_the_evaluations_suffices(case, name):
    solution, slow = fitted(case, name).best, fitted(case, "none").best
    assert solution.evaluations < slow.evaluations / 3


@every
def test_a_variance_whose_estimate_is_zero_decreases_no_slower_than_by_plain_em(name):
    """Plain EM approaches zero so slowly that it does not converge in this many iterations."""
    solution, slow = (fitted("dyestuff2", n, max_iterations=2000).best for n in (name, "none"))
    assert solution.decrease is None
    assert not solution.stop.degenerate
    assert solution.log_likelihood >= slow.log_likelihood
    assert 0 <= solution.params["tau"] <= slow.params["tau"]


@fast
def test_a_variance_whose_estimate_is_zero_converges_to_zero(name):
    solution = fitted("dyestuff2", name).best
    y = dyestuff2()["y"]
    assert solution.converged
    assert solution.params["tau"] < 1e-4
    assert solution.params["mu"] == pytest.approx(np.mean(y), rel=1e-7)
    assert solution.params["sigma"] == pytest.approx(np.std(y), rel=1e-7)
    assert solution.evaluations < 1000


def test_without_acceleration_it_does_not_converge():
    solution = fitted("dyestuff2", "none", max_iterations=2000).best
    assert solution.stop is Stop.ITERATION_LIMIT
    assert solution.params["tau"] > 0.01


def test_auto_accelerates_only_after_a_hundred_iterations():
    quick, slow = (latentfit.load(n).fit(seed=1) for n in ("gaussian-mixture", "poisson-mixture"))
    assert quick.best.accelerated is None
    assert quick.best.evaluations == quick.iterations + 1
    assert slow.best.accelerated == 101
    # After extrapolations the remaining steps need not have the direction that is slow.
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
def test_a_linear_map_converges_to_its_fixed_point(name, rates, seed, with_log_likelihood):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((len(rates), len(rates))))
    matrix = rotation @ np.diag(rates) @ rotation.T
    limit = rng.normal(0, 3, len(rates))
    steps = linear(matrix, limit)

    def log_likelihood(params, data):
        return -float(np.sum((params["x"] - limit) ** 2))

    solution = em.run(
        *steps,
        {},
        {"x": limit + rng.standard_normal(len(rates))},
        log_likelihood=log_likelihood if with_log_likelihood else None,
        accelerate=name,
    )
    assert solution.converged
    np.testing.assert_allclose(solution.params["x"], limit, atol=1e-5 * (1 + np.abs(limit).max()))


@every
def test_an_extrapolation_away_from_zero_is_reverted(name):
    """On the logarithmic scale the steps do not shrink, so that they determine no limit."""
    steps = linear(np.array([[0.99]]), np.zeros(1))
    solution = em.run(*steps, {}, {"x": [4.0]}, stopping=Stopping(distance=1e-6), accelerate=name)
    x = solution.trace.params["x"][:, 0]
    # The scale of a parameter that converges to zero is how far EM steps have moved it. If an
    # accelerator leaves no EM steps, the scale is unknown, and so is the convergence.
    assert solution.converged or not np.isclose(x[1:], 0.99 * x[:-1], rtol=1e-12, atol=0).any()
    assert 0 <= x[-1] <= 1.2e-6 * 4e-4


@pytest.mark.slow
@every
@pytest.mark.parametrize(
    "criterion", [{"distance": 1e-4}, {"parameters": 1e-4}, {"log_likelihood": 1e-3}], ids=str
)
def test_the_last_step_is_an_em_step(name, criterion):
    """Whatever the criterion, an extrapolation never meets it."""
    model, data = latentfit.load("gaussian-mixture"), overlapping()
    stopping = Stopping(**{"distance": None, "parameters": None, **criterion})
    fit = model.fit(data, seed=1, starts=3, stopping=stopping, accelerate=name)
    for solution in fit.solutions:
        assert solution.converged
        before = {key: values[-2] for key, values in solution.trace.params.items()}
        after = model.maximise(model.e_step(before, data), data, before)
        for key, value in solution.params.items():
            np.testing.assert_array_equal(after[key], value)


@every
def test_every_iterate_is_feasible(name):
    model = latentfit.load("multivariate-gaussian-mixture")
    iris = np.loadtxt(DATA / "iris.csv", delimiter=",", skiprows=1, usecols=range(4))
    fit = model.fit(iris, seed=2, starts=1, components=3, covariance="full", accelerate=name)
    trace = fit.best.trace.params
    np.testing.assert_allclose(trace["w"].sum(axis=-1), 1)
    assert (trace["w"] >= 0).all()
    (covariances,) = (value for value in trace.values() if value.shape[-2:] == (4, 4))
    assert (np.linalg.eigvalsh(covariances) > 0).all()
    assert fit.converged


@pytest.mark.slow
@every
def test_results_do_not_depend_on_the_units(name):
    model, data = latentfit.load("gaussian-mixture"), overlapping()
    start = {"w": [0.4, 0.6], "mu": [-0.5, 1.5], "sigma": [1.2, 0.8]}
    solutions = []
    for shift, scale in ((0.0, 1.0), (30.0, 1e-3), (-5.0, 1e6)):
        scaled_start = {
            "w": start["w"],
            "mu": scale * (np.array(start["mu"]) + shift),
            "sigma": scale * np.array(start["sigma"]),
        }
        solution = em.run(
            model.e_step,
            model.maximise,
            {"x": scale * (data["x"] + shift)},
            scaled_start,
            log_likelihood=model.log_likelihood,
            accelerate=name,
        )
        assert solution.converged
        w, mu, sigma = (solution.params[key] for key in ("w", "mu", "sigma"))
        solutions.append((w, mu / scale - shift, sigma / scale))
    for other in solutions[1:]:
        np.testing.assert_allclose(np.array(other), np.array(solutions[0]), rtol=0, atol=1e-5)


@pytest.mark.slow
@every
def test_the_log_likelihood_never_decreases(name):
    values = fitted("overlapping", name).best.trace.log_likelihood
    assert np.min(np.diff(values)) >= -1e-10


@every
def test_acceleration_stops_once_em_decreases_the_log_likelihood(name):
    """The map is a contraction and a rotation, along which the log-likelihood oscillates."""
    spiral = 0.95 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    limit = np.array([5.0, 5.0])
    solution = em.run(
        *linear(spiral, limit),
        {},
        {"x": limit + np.array([3.0, 1.0])},
        log_likelihood=lambda params, data: -abs(float(params["x"][0] - limit[0])),
        accelerate=name,
    )
    assert solution.decrease is not None
    assert "until EM itself lowered the log-likelihood" in solution.message
    x, log_likelihood = solution.trace.params["x"], solution.trace.log_likelihood
    first = np.flatnonzero(np.diff(log_likelihood) < 0)[0] + 1
    np.testing.assert_allclose(x[first + 1 :] - limit, (x[first:-1] - limit) @ spiral.T, atol=1e-12)


def test_names_are_those_of_the_registered_accelerators():
    assert set(accelerate.names()) >= {"daarem", "parabolic", "quasi-newton", "squarem"}
    assert set(accelerate.names()) == {"auto", "none", *accelerate.accelerators()}
    with pytest.raises(InputError, match="no accelerator 'fast' for EM; choose one of auto, none"):
        latentfit.load("coins").fit(accelerate="fast")


def test_the_command_line_offers_every_accelerator(capsys):
    assert main(["fit", "--help"]) == 0
    assert f"[{'|'.join(accelerate.names())}]" in "".join(capsys.readouterr().out.split())


@pytest.fixture(scope="module")
def package_with_example(tmp_path_factory):
    """A folder with copies of the package and of the models, and the example of the docstring."""
    folder, package = tmp_path_factory.mktemp("copy"), Path(latentfit.__file__).parent
    copy = shutil.copytree(package, folder / "latentfit")
    shutil.copytree(DATA.parent, folder / "models", dirs_exist_ok=True)
    code = accelerate.__doc__.split("``over_relaxation.py``::")[1].split("\n\nThe accelerator")[0]
    module = copy / "em" / "accelerate" / "over_relaxation.py"
    module.write_text(textwrap.dedent(code).strip() + "\n", encoding="utf-8")
    return folder


def run_in(folder, *arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_shared_tests(folder, marks):
    """Run the tests for every accelerator with the example; return how many passed."""
    options = ["-p", "no:cacheprovider", "-q", "-m", marks, "-k", "over-relaxation"]
    script = (
        "import sys, latentfit, pytest\n"
        "print(latentfit.__file__)\n"
        "sys.exit(pytest.main(sys.argv[1:]))\n"
    )
    output = run_in(folder, "-c", script, *options, f"--rootdir={ROOT}", __file__)
    assert output.startswith(str(folder))
    (passed,) = re.findall(r"^(\d+) passed, \d+ deselected", output, flags=re.MULTILINE)
    return int(passed)


@pytest.mark.slow
def test_a_module_in_the_folder_is_all_that_an_accelerator_needs(package_with_example):
    assert "over-relaxation" in run_in(package_with_example, "-m", "latentfit", "fit", "--help")
    assert run_shared_tests(package_with_example, "not slow") >= 5


@pytest.mark.slow
def test_the_example_passes_the_slow_tests_for_every_accelerator(package_with_example):
    assert run_shared_tests(package_with_example, "slow") >= 5


@pytest.mark.slow
def test_the_example_passes_the_linters(package_with_example):
    module = "latentfit/em/accelerate/over_relaxation.py"
    configuration = ROOT / "pyproject.toml"
    for tool, *options in (
        ("ruff", "check", "--no-cache", "--config"),
        ("ruff", "format", "--check", "--no-cache", "--config"),
        ("mypy", "--config-file"),
    ):
        pytest.importorskip(tool)
        run_in(package_with_example, "-m", tool, *options, configuration, module)


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


def test_zeros_are_preserved():
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
def test_sums_of_one_are_preserved_by_an_extrapolation(values):
    layout = Layout.of({"p": values})
    rows = np.stack([layout.pack({"p": values}, "the test")] * 2)
    coordinates = Coordinates.of(layout, rows)
    (part,) = coordinates.chart(rows[:1])
    extrapolated = coordinates.params([part[0] + np.linspace(-1, 1, values.size)]).reshape(
        values.shape
    )
    sums = [values.sum(axis=axis) for axis in (-1, 0, None)]
    after = [extrapolated.sum(axis=axis) for axis in (-1, 0, None)]
    assert any(np.allclose(one, 1) for one in sums)
    for one, other in zip(sums, after, strict=True):
        if np.allclose(one, 1):
            np.testing.assert_allclose(other, 1, rtol=1e-14)
