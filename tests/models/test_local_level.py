"""Local level: filter and smoother against the joint normal distribution, limits, refusals."""

import json

import numpy as np
import pytest
from sample_data import kinds_of
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("local-level")
NILE = MODEL.example_data()["y"]
CLOSELY = em.Stopping(distance=1e-10)


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def joint(params, y):
    """Mean and covariance of the level, and covariance of y, as matrices."""
    n, (irregular, step) = len(y), (params["sigma_irregular"], params["sigma_level"])
    time = np.arange(n)
    start = (100 * np.std(y)) ** 2
    level = start + step**2 * np.minimum.outer(time, time)
    return np.full(n, np.mean(y)), level, level + irregular**2 * np.eye(n)


def walk(rng, n, irregular, step):
    return np.cumsum(rng.normal(0, step, n)) + rng.normal(0, irregular, n)


def test_example_is_that_of_durbin_and_koopman():
    assert len(NILE) == 100
    assert (NILE[0], NILE[-1], NILE.min(), NILE.max()) == (1120, 740, 456, 1370)
    assert NILE.sum() == 91935


@pytest.mark.parametrize("y", [NILE[:12], np.array([3.0, 1, 4, 1, 5])])
@pytest.mark.parametrize("ratio", [0.1, 1.0, 5.0])
def test_smoother_is_the_conditional_distribution(y, ratio):
    params = {"sigma_irregular": np.std(y), "sigma_level": ratio * np.std(y)}
    mean, level, seen = joint(params, y)
    gain = np.linalg.solve(seen, level).T
    smoothed, V = mean + gain @ (y - mean), level - gain @ level
    found = MODEL.e_step(params, {"y": y})
    np.testing.assert_allclose(found["level"], smoothed, rtol=1e-8)
    np.testing.assert_allclose(found["squared_errors"], (y - smoothed) ** 2 + np.diag(V), rtol=1e-6)
    steps = np.diff(np.eye(len(y)), axis=0)
    np.testing.assert_allclose(
        found["squared_steps"], (steps @ smoothed) ** 2 + np.diag(steps @ V @ steps.T), rtol=1e-6
    )


def test_log_likelihood_is_that_of_the_normal_distribution():
    params = {"sigma_irregular": 120.0, "sigma_level": 40.0}
    mean, _, seen = joint(params, NILE)
    found = MODEL.log_likelihood(params, {"y": NILE})
    assert found == pytest.approx(multivariate_normal.logpdf(NILE, mean, seen), rel=1e-10)


def test_m_step_is_the_mean_of_squares():
    given = {"squared_errors": np.array([1.0, 2, 3]), "squared_steps": np.array([4.0, 5])}
    found = MODEL.m_step(given, {"y": np.zeros(3)})
    assert found["sigma_irregular"] == pytest.approx(np.sqrt(2))
    assert found["sigma_level"] == pytest.approx(np.sqrt(4.5))


def test_published():
    fit = MODEL.fit(seed=1, starts=2, stopping=CLOSELY)
    assert fit.converged
    assert fit.params["sigma_irregular"] ** 2 == pytest.approx(15099, abs=0.5)
    assert fit.params["sigma_level"] ** 2 == pytest.approx(1469.1, abs=0.1)


def test_the_diffuse_likelihood_is_that_of_the_differences():
    d = np.diff(NILE)
    n = len(d)
    neighbours = np.eye(n, k=1) + np.eye(n, k=-1)

    def log_likelihood(variances):
        irregular, step = np.exp(variances)
        covariance = (step + 2 * irregular) * np.eye(n) - irregular * neighbours
        return multivariate_normal.logpdf(d, cov=covariance)

    found = minimize(
        lambda v: -log_likelihood(v),
        np.log([1e4, 1e3]),
        method="Nelder-Mead",
        options={"xatol": 1e-7, "fatol": 1e-10},
    )
    fit = MODEL.fit(seed=1, starts=1, stopping=CLOSELY)
    variances = [fit.params[name] ** 2 for name in ("sigma_irregular", "sigma_level")]
    np.testing.assert_allclose(variances, np.exp(found.x), rtol=1e-5)
    start = 100 * np.std(NILE)
    raised = fit.log_likelihood + 0.5 * np.log(2 * np.pi * start**2)
    assert -found.fun == pytest.approx(-632.5456, abs=5e-5)
    assert raised == pytest.approx(-found.fun, abs=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_simulated_variances_are_recovered(seed):
    y = walk(np.random.default_rng(seed), 1000, 2.0, 1.0)
    fit = MODEL.fit(y, seed=seed, starts=1)
    assert fit.converged
    assert fit.solutions[0].decrease is None
    assert fit.params["sigma_irregular"] == pytest.approx(2, rel=0.15)
    assert fit.params["sigma_level"] == pytest.approx(1, rel=0.25)


def test_units_and_origin_do_not_matter():
    one = MODEL.fit(NILE, seed=3, starts=1)
    other = MODEL.fit(NILE * 1000 - 5e5, seed=3, starts=1)
    for name in ("sigma_irregular", "sigma_level"):
        assert other.params[name] == pytest.approx(1000 * one.params[name], rel=1e-6)


def test_reversing_time_does_not_change_the_log_likelihood():
    one, other = (MODEL.fit(y, seed=3, starts=1) for y in (NILE, NILE[::-1]))
    for name in ("sigma_irregular", "sigma_level"):
        assert other.params[name] == pytest.approx(one.params[name], rel=1e-4)


@pytest.mark.parametrize(
    ("params", "level"),
    [
        # Without errors the level equals the data.
        ({"sigma_irregular": 0.0, "sigma_level": 2.0}, [3, 1, 4, 1, 5]),
        # Without steps the level is the mean of the data.
        ({"sigma_irregular": 2.0, "sigma_level": 0.0}, [2.8] * 5),
    ],
)
def test_steps_on_the_boundary(params, level):
    data = {"y": np.array([3.0, 1, 4, 1, 5])}
    expectations = MODEL.e_step(params, data)
    np.testing.assert_allclose(expectations["level"], level, rtol=1e-12)
    after = MODEL.m_step(expectations, data)
    (stays,) = (name for name, value in params.items() if value == 0)
    assert after[stays] == pytest.approx(0, abs=1e-12)
    assert np.isfinite(MODEL.log_likelihood(params, data))


def test_without_dependence_the_steps_tend_to_zero():
    y = np.tile([1.0, -1.0], 20)
    stopping = em.Stopping(max_iterations=2000, distance=None, parameters=None)
    fit = MODEL.fit(y, seed=0, starts=1, stopping=stopping)
    assert fit.params["sigma_level"] < 0.01
    assert fit.params["sigma_irregular"] == pytest.approx(np.sqrt(40 / 39), rel=1e-3)


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = "\n".join(f"{t},{v}" for t, v in enumerate(NILE * 10))
    assert main(["fit", "local-level", "--data", csv(tmp_path, "t,y\n" + rows), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["sigma_irregular"] == pytest.approx(1228.76, abs=0.01)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("1\n2\n4\n", "y has 3 values, and at least 4 are needed"),
        ("7\n7\n7\n7\n7\n", "all 5 values of y are equal (7)"),
        ("1\n\n4\n2\n6\n", "y has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, values, message):
    rows = "".join(f"{t},{v}\n" for t, v in enumerate(values.removesuffix("\n").split("\n")))
    assert main(["fit", "local-level", "--data", csv(tmp_path, "t,y\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.slow
def test_the_check_near_a_constant_level_allows_for_rounding():
    """At the maximum sigma_level = 0, where the covariances are singular up to rounding."""
    sample = kinds_of("local-level")["estimate, perturbed"]
    result = MODEL.check(sample.draw(np.random.default_rng(13)), seed=1, **sample.options)
    assert result.passed, result


@pytest.mark.slow
def test_rounding_is_not_reported_as_a_decrease():
    """Near a constant level log p(y | θ) is accurate to seven digits only."""
    sample = kinds_of("local-level")["estimate, perturbed"]
    result = MODEL.check(sample.draw(np.random.default_rng(3)), seed=1, **sample.options)
    assert result.passed, result
    (path,) = (check for check in result.checks if check.id == "path.monotone")
    assert "the rounding error of the objective" in path.detail
