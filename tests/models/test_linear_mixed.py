"""The linear mixed model: steps against the joint normal distribution, symmetries, refusals."""

import json

import numpy as np
import pytest
from sample_data import kinds_of
from scipy import stats
from scipy.linalg import block_diag

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("linear-mixed")
UNEQUAL = {
    "y": np.array([1.0, 2.5, 3.0, 7.0, 8.5, 2.0, 0.5, 1.0, 4.0]),
    "x": np.array([0.0, 1.0, 3.0, 1.0, 2.0, 0.5, 1.0, 2.0, 2.5]),
    "group": np.array([5.0, 5, 5, 2, 2, 9, 9, 9, 9]),
}
PARAMS = {
    "beta": np.array([1.0, 0.8]),
    "tau": np.array([2.0, 0.7]),
    "rho": np.array(-0.4),
    "sigma": np.array(0.9),
}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def dense(params, data):
    """Design matrices of fixed and random effects, and the covariance of the latter."""
    names, code = np.unique(data["group"], return_inverse=True)
    fixed = np.column_stack([np.ones(len(code)), data["x"]])
    random = np.zeros((len(code), 2 * len(names)))
    for row, group in enumerate(code):
        random[row, 2 * group : 2 * group + 2] = fixed[row]
    correlation = np.array([[1, params["rho"]], [params["rho"], 1]])
    cov = np.outer(params["tau"], params["tau"]) * correlation
    return fixed, random, block_diag(*[cov] * len(names))


def sample(seed, groups=12, size=6):
    rng = np.random.default_rng(seed)
    b = rng.multivariate_normal([0, 0], [[4, 0.5], [0.5, 1]], groups)
    group = np.repeat(np.arange(groups), size)
    x = rng.uniform(0, 3, len(group))
    noise = rng.normal(size=len(group))
    return {"y": 1 + b[group, 0] + (2 + b[group, 1]) * x + noise, "x": x, "group": group * 1.0}


def test_example_is_the_table_of_lme4():
    data = MODEL.example_data()
    assert len(data["y"]) == 180
    assert len(np.unique(data["group"])) == 18
    assert data["x"].reshape(18, 10).tolist() == [list(range(10))] * 18
    assert data["y"][:3].tolist() == [249.56, 258.7047, 250.8006]


def test_e_step_is_that_of_the_joint_normal_distribution():
    fixed, random, prior = dense(PARAMS, UNEQUAL)
    marginal = random @ prior @ random.T + PARAMS["sigma"] ** 2 * np.eye(9)
    gain = prior @ random.T @ np.linalg.inv(marginal)
    mean = gain @ (UNEQUAL["y"] - fixed @ PARAMS["beta"])
    covariance = prior - gain @ random @ prior
    found = MODEL.e_step(PARAMS, UNEQUAL)
    np.testing.assert_allclose(found["b"], mean.reshape(3, 2), rtol=1e-11)
    for i in range(3):
        own = slice(2 * i, 2 * i + 2)
        expected = np.outer(mean[own], mean[own]) + covariance[own, own]
        np.testing.assert_allclose(found["bb"][i], expected, rtol=1e-11)


def test_log_likelihood_is_that_of_the_joint_normal_distribution():
    fixed, random, prior = dense(PARAMS, UNEQUAL)
    marginal = random @ prior @ random.T + PARAMS["sigma"] ** 2 * np.eye(9)
    expected = stats.multivariate_normal(fixed @ PARAMS["beta"], marginal).logpdf(UNEQUAL["y"])
    assert MODEL.log_likelihood(PARAMS, UNEQUAL) == pytest.approx(expected, rel=1e-12)


def test_m_step_with_the_effects_known():
    b = np.array([[1.0, 0.5], [-2.0, 1.0], [0.5, 0.1]])
    found = MODEL.m_step({"b": b, "bb": b[:, :, None] * b[:, None, :]}, UNEQUAL)
    fixed, random, _ = dense(PARAMS, UNEQUAL)
    rest = UNEQUAL["y"] - random @ b.ravel()
    beta = np.linalg.solve(fixed.T @ fixed, fixed.T @ rest)
    np.testing.assert_allclose(found["beta"], beta)
    np.testing.assert_allclose(found["tau"], np.sqrt(np.mean(b**2, axis=0)))
    assert found["rho"] == pytest.approx(
        np.sum(b[:, 0] * b[:, 1]) / np.prod(np.linalg.norm(b, axis=0))
    )
    assert found["sigma"] == pytest.approx(np.std(rest - fixed @ beta))


@pytest.mark.parametrize("seed", range(3))
def test_log_likelihood_never_decreases_and_the_score_vanishes_at_the_limit(seed):
    data = sample(seed)
    fit = MODEL.fit(data, seed=seed, starts=2)
    assert fit.converged
    assert all(solution.decrease is None for solution in fit.solutions)
    # The fixed effects are the generalised least-squares estimates.
    fixed, random, prior = dense(fit.params, data)
    inverse = np.linalg.inv(random @ prior @ random.T + fit.params["sigma"] ** 2 * np.eye(72))
    beta = np.linalg.solve(fixed.T @ inverse @ fixed, fixed.T @ inverse @ data["y"])
    np.testing.assert_allclose(fit.params["beta"], beta, rtol=1e-6)


def test_balanced_fixed_effects_are_those_of_ordinary_least_squares():
    data = MODEL.example_data()
    fixed = np.column_stack([np.ones(180), data["x"]])
    ordinary = np.linalg.lstsq(fixed, data["y"], rcond=None)[0]
    np.testing.assert_allclose(MODEL.fit(seed=0, starts=1).params["beta"], ordinary, rtol=1e-7)


def test_units_do_not_matter():
    data, tight = sample(7), em.Stopping(distance=1e-10)
    other = {"y": 1000 * data["y"], "x": data["x"] / 60, "group": 3 - data["group"]}
    one, two = (MODEL.fit(d, seed=0, starts=1, stopping=tight) for d in (data, other))
    by = np.array([1000, 60_000])
    np.testing.assert_allclose(two.params["beta"], by * one.params["beta"], rtol=1e-6)
    np.testing.assert_allclose(two.params["tau"], by * one.params["tau"], rtol=1e-6)
    assert two.params["rho"] == pytest.approx(one.params["rho"], abs=1e-6)
    expected = one.log_likelihood - 72 * np.log(1000)
    assert two.log_likelihood == pytest.approx(expected, rel=1e-10)


def test_another_origin_is_the_same_model():
    data = sample(3)
    one = MODEL.fit(data, seed=0, starts=1, stopping=em.Stopping(distance=1e-10))
    moved = {**data, "x": data["x"] - 1.5}
    two = MODEL.fit(moved, seed=0, starts=1, stopping=em.Stopping(distance=1e-10))
    assert two.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-10)
    tau, beta = one.params["tau"], one.params["beta"]
    variance = tau[0] ** 2 + 3 * one.params["rho"] * tau[0] * tau[1] + 1.5**2 * tau[1] ** 2
    assert two.params["tau"][0] == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert two.params["beta"][0] == pytest.approx(beta[0] + 1.5 * beta[1], rel=1e-6)


def test_a_singular_covariance_of_the_effects():
    singular = {**PARAMS, "tau": np.array([2.0, 0.0])}
    found = MODEL.e_step(singular, UNEQUAL)
    assert np.isfinite(found["bb"]).all()
    assert not found["b"][:, 1].any()
    assert np.isfinite(MODEL.log_likelihood({**PARAMS, "rho": np.array(1.0)}, UNEQUAL))


def test_a_table_on_the_command_line(tmp_path, capsys):
    data = sample(1)
    table = np.column_stack([data[name] for name in ("group", "x", "y")]).tolist()
    rows = "".join(f"{g:g},{x},{y}\n" for g, x, y in table)
    own = csv(tmp_path, "group,x,y\n" + rows)
    assert main(["fit", "linear-mixed", "--data", own, "--seed", "0", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    expected = MODEL.fit(data, seed=0).params
    np.testing.assert_allclose(found["beta"], expected["beta"], rtol=1e-8)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,0,1\n2,1,1\n4,2,1\n", "group has 1 distinct value, too few for 2 groups"),
        ("1,2,1\n2,2,1\n4,2,2\n5,2,2\n", "all 4 values of x are equal (2)"),
        ("1,0,1\n2,1,1\n4,0,2\n7,1,2\n", "the measurements of each group lie exactly on a line"),
        ("1,0,1\n,1,1\n4,0,2\n7,1,2\n", "y has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    assert main(["fit", "linear-mixed", "--data", csv(tmp_path, "y,x,group\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(latentfit.InputError, match="must be columns of the same length"):
        MODEL.fit({"y": [5, 9, 3], "x": [1, 2, 3], "group": [1, 2]})


@pytest.mark.slow
def test_the_check_near_a_correlation_of_minus_one_allows_for_rounding():
    """At the maximum rho = -1, and near it 1 - rho² is a rounding error."""
    sample = kinds_of("linear-mixed")["estimate, perturbed"]
    result = MODEL.check(sample.draw(np.random.default_rng(2)), seed=1, **sample.options)
    assert result.passed, result
