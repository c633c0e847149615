"""Probit regression: steps by SciPy, closed forms, separation, refusals."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("probit")
DATA = MODEL.example_data()
START = {"alpha": np.array(-0.4), "beta": np.array([1.0, 0.1, -0.5])}


def design(covariates):
    covariates = np.asarray(covariates, float)
    return np.column_stack([np.ones(len(covariates)), covariates - covariates.mean(axis=0)])


def eta_of(params, data=DATA):
    return design(data["covariates"]) @ np.append(params["alpha"], params["beta"])


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def test_example_is_that_of_spector_and_mazzeo():
    assert DATA["covariates"].shape == (32, 3)
    assert DATA["response"].sum() == 11
    np.testing.assert_allclose(DATA["covariates"].sum(axis=0), [99.75, 702, 14])


def test_e_step_is_the_mean_of_a_truncated_normal():
    eta, yes = eta_of(START), DATA["response"] == 1
    low, high = np.where(yes, -eta, -np.inf), np.where(yes, np.inf, -eta)
    expected = stats.truncnorm(low, high, loc=eta).mean()
    np.testing.assert_allclose(MODEL.e_step(START, DATA)["z"], expected, rtol=1e-10)


@pytest.mark.parametrize("far", [30.0, 1e3, 1e6])
def test_utilities_far_in_the_tail(far):
    """Truncated far in its tail, the normal distribution is close to an exponential one."""
    data = {"response": np.array([1.0, 0.0]), "covariates": np.array([[-1.0], [1.0]])}
    params = {"alpha": np.array(0.0), "beta": np.array([far])}
    z = MODEL.e_step(params, data)["z"]
    np.testing.assert_allclose(z, [1 / far, -1 / far], rtol=3 / far**2 + 3e-16 * far**2)
    assert np.isfinite(MODEL.log_likelihood(params, data))


def test_m_step_is_least_squares():
    z = np.random.default_rng(1).normal(size=32)
    after = MODEL.m_step({"z": z}, DATA)
    X = design(DATA["covariates"])
    found = np.append(after["alpha"], after["beta"])
    np.testing.assert_allclose(found, np.linalg.solve(X.T @ X, X.T @ z), rtol=1e-10)


def test_log_likelihood_by_hand():
    p = stats.norm.cdf(eta_of(START))
    by_hand = np.log(np.where(DATA["response"] == 1, p, 1 - p)).sum()
    assert MODEL.log_likelihood(START, DATA) == pytest.approx(by_hand, rel=1e-12)


def test_a_general_optimiser_finds_the_same_maximum():
    fit = MODEL.fit(seed=1, stopping=em.Stopping(distance=1e-10))
    sign, X = 2 * DATA["response"] - 1, design(DATA["covariates"])
    direct = minimize(lambda b: -stats.norm.logcdf(sign * (X @ b)).sum(), np.zeros(4), tol=1e-12)
    assert fit.log_likelihood == pytest.approx(-direct.fun, rel=1e-10)
    found = np.append(fit.params["alpha"], fit.params["beta"])
    np.testing.assert_allclose(found, direct.x, atol=1e-5)


def test_rate_is_the_fraction_of_missing_information():
    fit = MODEL.fit(seed=1, starts=1)
    X, t = design(DATA["covariates"]), (2 * DATA["response"] - 1) * eta_of(fit.params)
    ratio = stats.norm.pdf(t) / stats.norm.cdf(t)
    weighted = X.T @ ((ratio * (t + ratio))[:, None] * X)
    lost = np.eye(4) - np.linalg.solve(X.T @ X, weighted)
    slowest = np.max(np.linalg.eigvals(lost).real)
    assert slowest == pytest.approx(0.799, abs=5e-4)
    assert fit.best.rate == pytest.approx(slowest, abs=2e-3)


def test_a_covariate_of_two_values_fits_both_shares():
    x = np.repeat([0.0, 1.0], [10, 20])
    response = np.concatenate([np.arange(10) < 3, np.arange(20) < 12]).astype(float)
    fit = MODEL.fit({"response": response, "covariates": x[:, None]}, seed=1)
    solutions = stats.norm.ppf([0.3, 0.6])
    np.testing.assert_allclose(fit.params["beta"], np.diff(solutions), rtol=1e-6)
    expected = solutions[0] + np.diff(solutions) * 2 / 3
    np.testing.assert_allclose(fit.params["alpha"], expected, rtol=1e-5)


def test_units_do_not_matter():
    other = {**DATA, "covariates": DATA["covariates"] * [1e6, 1e-3, 1] + [0, 1, -5]}
    ours, theirs = MODEL.fit(seed=1), MODEL.fit(other, seed=1)
    assert theirs.log_likelihood == pytest.approx(ours.log_likelihood, rel=1e-12)
    rescaled = theirs.params["beta"] * [1e6, 1e-3, 1]
    np.testing.assert_allclose(rescaled, ours.params["beta"], rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_log_likelihood_never_decreases(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(80, 2))
    response = (x @ [1.0, -2.0] + rng.normal(size=80) > 0.5).astype(float)
    data = {"response": response, "covariates": x}
    solution = em.run(
        MODEL.e_step,
        MODEL.m_step,
        data,
        MODEL.initial(data, rng),
        log_likelihood=MODEL.log_likelihood,
    )
    assert solution.converged
    assert solution.decrease is None


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = [f"{i % 3 == 0:d},{i % 2}" for i in range(12)]
    own = csv(tmp_path, "response,dose\n" + "\n".join(rows) + "\n")
    assert main(["fit", "probit", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    # At each dose a third of the answers are yes.
    assert found["alpha"] == pytest.approx(stats.norm.ppf(1 / 3), abs=1e-6)
    assert found["beta"] == pytest.approx([0], abs=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,1\n2,2\n1,3\n", "response is 2 in row 2"),
        ("0,1\n0.5,2\n1,3\n", "response is 0.5 in row 2"),
        ("1,1\n1,2\n1,3\n", "all 3 values of response are equal (1)"),
        ("0,5\n1,5\n1,5\n", "column 1 of covariates is constant"),
        ("0,1\n0,2\n1,3\n1,4\n", "perfect separation"),
        ("0,1\n0,2\n1,2\n1,4\n", "perfect separation"),
        ("0,1\n,2\n1,0\n", "response has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    assert main(["fit", "probit", "--data", csv(tmp_path, "response,dose\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_dependent_covariates_are_refused(tmp_path, capsys):
    own = csv(tmp_path, "response,a,b\n0,1,2\n1,2,4\n0,3,6\n1,4,8\n0,5,10\n")
    assert main(["fit", "probit", "--data", own]) == 2
    assert "linearly dependent" in capsys.readouterr().err


@pytest.mark.parametrize("overlap", [1.0, 1e-3, 1e-6])
@pytest.mark.parametrize("seed", range(3))
def test_a_slight_overlap_is_not_separation(overlap, seed):
    x = np.random.default_rng(seed).normal(size=40)
    response = (x > np.median(x)).astype(float)
    x[0], response[0] = x[response == 0].max() + overlap, 0
    x[1], response[1] = x[0] - 0.5 * overlap, 1
    data = {"response": response, "covariates": x[:, None]}
    assert np.isfinite(MODEL.initial(data, np.random.default_rng(0))["beta"]).all()
    separated = {"response": (x > np.median(x)).astype(float), "covariates": x[:, None]}
    with pytest.raises(ValueError, match="perfect separation"):
        MODEL.initial(separated, np.random.default_rng(0))


def test_almost_separated_answers_have_a_maximum():
    """A single pair of answers in the opposite order gives a maximum."""
    x = np.array([0.0, 1, 2, 3, 4, 7])
    fit = MODEL.fit({"response": np.array([0.0, 0, 1, 0, 1, 1]), "covariates": x[:, None]}, seed=1)
    assert fit.converged
    assert 0 < fit.params["beta"][0] < 3
