"""Linear Gaussian state space model: steps against the normal distribution, limits, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from sample_data import kinds_of
from scipy.stats import multivariate_normal

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("linear-gaussian-state-space")
GROWTH = MODEL.example_data()["y"]
NILE = Path(latentfit.__file__).parents[1] / "models" / "data" / "nile.csv"
PARAMS = {
    "phi": 0.6,
    "sigma_state": 0.5,
    "alpha": np.array([0.9, 1.1, 0.8]),
    "sigma": np.array([0.4, 0.8, 3.0]),
    "loading": np.array([0.7, -2.0]),
}
ALONE = {"phi": -0.4, "sigma_state": 0.5, "alpha": np.array([1.0]), "sigma": np.array([0.3])}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def of_states(params, y):
    """Covariance matrix of the states, from the recursion in matrix form."""
    n = len(y)
    start = np.std(np.reshape(y, (n, -1))[:, 0])
    shocks = np.diag([start**2] + [params["sigma_state"] ** 2] * (n - 1))
    back = np.linalg.inv(np.eye(n) - params["phi"] * np.eye(n, k=-1))
    return back @ shocks @ back.T


def joint(params, y):
    """Loadings, mean and covariance of all observations, row after row."""
    n, loading = len(y), np.append(1, params.get("loading", []))
    design = np.kron(np.eye(n), loading[:, None])
    errors = np.kron(np.eye(n), np.diag(params["sigma"] ** 2))
    mean = np.tile(params["alpha"], n)
    return design, mean, design @ of_states(params, y) @ design.T + errors


def simulated(rng, n, phi=0.8, loading=(1.0, 2.0), sigma=(0.5, 1.0)):
    x = np.zeros(n)
    for t in range(1, n):
        x[t] = phi * x[t - 1] + rng.normal()
    return np.outer(x, loading) + rng.normal(size=(n, len(loading))) * sigma


def test_example_is_a_hundred_quarters():
    assert GROWTH.shape == (100, 3)
    np.testing.assert_allclose(GROWTH[0], [0.9534, 1.2453, 10.2664])
    np.testing.assert_allclose(GROWTH.mean(axis=0), [0.9181, 0.9684, 1.1658], atol=2e-3)


@pytest.mark.parametrize(("params", "y"), [(PARAMS, GROWTH[:9]), (ALONE, GROWTH[:9, 0])])
def test_smoother_is_the_conditional_distribution(params, y):
    design, mean, seen = joint(params, y)
    states = of_states(params, y)
    gain = np.linalg.solve(seen, design @ states).T
    x, V = gain @ (y.ravel() - mean), states - gain @ design @ states
    second = V + np.outer(x, x)
    found = MODEL.e_step(params, {"y": y})
    np.testing.assert_allclose(found["x"], x, rtol=1e-9)
    np.testing.assert_allclose(found["squares"], np.diag(second), rtol=1e-9)
    np.testing.assert_allclose(found["products"], np.diag(second, 1), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(("params", "y"), [(PARAMS, GROWTH), (ALONE, GROWTH[:, :1])])
def test_log_likelihood_is_that_of_the_normal_distribution(params, y):
    _, mean, seen = joint(params, y)
    expected = multivariate_normal.logpdf(y.ravel(), mean, seen)
    assert MODEL.log_likelihood(params, {"y": y}) == pytest.approx(expected, rel=1e-11)


def test_with_the_states_known_the_m_step_is_least_squares():
    rng = np.random.default_rng(0)
    y = simulated(rng, 40)
    x = y[:, 0] + rng.normal(size=40)
    known = {"x": x, "squares": x**2, "products": x[1:] * x[:-1]}
    found = MODEL.m_step(known, {"y": y})
    design = np.column_stack([np.ones(40), x])
    (alpha, slope), squares, *_ = np.linalg.lstsq(design, y[:, 1])
    assert found["loading"] == pytest.approx(slope)
    assert found["alpha"] == pytest.approx([np.mean(y[:, 0] - x), alpha])
    np.testing.assert_allclose(found["sigma"], [np.std(y[:, 0] - x), np.sqrt(squares[0] / 40)])
    assert found["phi"] == pytest.approx(np.linalg.lstsq(x[:-1, None], x[1:])[0][0])
    rest = x[1:] - found["phi"] * x[:-1]
    assert found["sigma_state"] == pytest.approx(np.sqrt(np.mean(rest**2)))


def test_published():
    fit = MODEL.fit(seed=1, starts=2, stopping=em.Stopping(distance=1e-10))
    assert fit.converged
    assert fit.params["phi"] == pytest.approx(0.4911582, abs=2e-6)
    assert fit.log_likelihood == pytest.approx(-534.073214, abs=1e-6)


def test_one_column_is_one_series():
    nile = np.loadtxt(NILE, delimiter=",", skiprows=1, usecols=1)
    one, other = (MODEL.fit(y, seed=1, starts=1) for y in (nile, nile[:, None]))
    assert "loading" not in one.params
    assert one.params["phi"] == pytest.approx(0.86168, abs=1e-5)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)


def test_simulated_parameters_are_recovered():
    y = simulated(np.random.default_rng(0), 400)
    fit = MODEL.fit(y, seed=0, starts=1, stopping=em.Stopping(distance=1e-4))
    assert fit.converged
    assert fit.solutions[0].decrease is None
    assert fit.params["phi"] == pytest.approx(0.8, abs=0.08)
    assert fit.params["sigma_state"] == pytest.approx(1, abs=0.15)
    assert fit.params["loading"] == pytest.approx(2, abs=0.2)
    assert fit.params["sigma"] == pytest.approx([0.5, 1], abs=0.2)


def test_units_and_origin_do_not_matter():
    one = MODEL.fit(GROWTH, seed=3, starts=1).params
    other = MODEL.fit(GROWTH * [10, 1, 1] + [5, 0, -3], seed=3, starts=1).params
    assert other["phi"] == pytest.approx(one["phi"], rel=1e-6)
    assert other["sigma_state"] == pytest.approx(10 * one["sigma_state"], rel=1e-6)
    np.testing.assert_allclose(other["loading"], one["loading"] / 10, rtol=1e-6)
    np.testing.assert_allclose(other["sigma"], one["sigma"] * [10, 1, 1], rtol=1e-6)


def test_a_series_may_have_a_negative_loading():
    one = MODEL.fit(GROWTH, seed=3, starts=1)
    other = MODEL.fit(GROWTH * [1, 1, -1], seed=3, starts=1)
    np.testing.assert_allclose(other.params["loading"], one.params["loading"] * [1, -1], rtol=1e-6)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-10)


def test_a_series_without_error_is_the_state():
    y = simulated(np.random.default_rng(4), 100, sigma=(0.0, 1.0))
    stopping = em.Stopping(max_iterations=1000, distance=None, parameters=None)
    fit = MODEL.fit(y, seed=0, starts=1, stopping=stopping)
    assert fit.params["sigma"][0] < 0.1
    slope = np.polyfit(y[:, 0], y[:, 1], 1)[0]
    assert fit.params["loading"] == pytest.approx(slope, rel=0.02)


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = "\n".join(f"{t},{a},{b},{c}" for t, (a, b, c) in enumerate(GROWTH))
    own = csv(tmp_path, "quarter,a,b,c\n" + rows)
    command = ["fit", "linear-gaussian-state-space", "--data", own, "--column", "y=a,b,c"]
    assert main([*command, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["phi"] == pytest.approx(0.49116, abs=1e-5)
    assert found["loading"] == pytest.approx([0.96519, 3.95594], abs=1e-4)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,2\n2,1\n3,5\n1,2\n", "y has 4 rows, and at least 8 are needed"),
        ("1,7\n2,7\n3,7\n1,7\n2,7\n4,7\n3,7\n2,7\n", "column 2 of y is constant (7)"),
        ("1,2\n2,1\n,5\n1,2\n3,3\n4,1\n2,2\n1,4\n", "y has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    own = csv(tmp_path, "a,b\n" + rows)
    assert main(["fit", "linear-gaussian-state-space", "--data", own]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.slow
def test_slow_em_near_a_variance_of_zero_is_not_reported_as_wrong():
    """Near sigma[0] = 0 EM changes alpha[0] by 1e-14 per iteration, far from the limit."""
    sample = kinds_of("linear-gaussian-state-space")["estimate, perturbed"]
    result = MODEL.check(sample.draw(np.random.default_rng(5)), seed=1, **sample.options)
    assert result.passed
    (finding,) = result.findings
    assert finding.severity == "warning"
    # The finding has been "not converged" on one machine and "boundary" on another, with the same
    # code: steps of 1e-14 are within rounding error. Neither finding calls a step wrong.
    if finding.name == "boundary":
        assert "sigma[0]" in finding.message
    else:
        assert finding.name == "not converged"
        assert finding.message.endswith("the declaration's own EM is as slow there")
