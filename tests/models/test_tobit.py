"""Tobit regression: steps by SciPy, limits, data without a maximum, refusals."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("tobit")
DATA = MODEL.example_data()
START = {"alpha": np.array(-1.5), "beta": np.array([-0.2, 0.03]), "sigma": np.array(4.0)}


def design(covariates):
    covariates = np.asarray(covariates, float)
    return np.column_stack([np.ones(len(covariates)), covariates - covariates.mean(axis=0)])


def eta_of(params, data=DATA):
    return design(data["covariates"]) @ np.append(params["alpha"], params["beta"])


def simulated(seed, n=200, alpha=0.5):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    z = alpha + x @ [1.0, -2.0] + 1.5 * rng.normal(size=n)
    return {"response": np.maximum(z, 0), "covariates": x}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def test_example_is_that_of_tobin():
    y = DATA["response"]
    assert len(y) == 20
    assert sorted(y[y > 0]) == [0.7, 1.5, 3, 3.5, 3.7, 6.1, 10.4]
    np.testing.assert_allclose(DATA["covariates"].sum(axis=0), [956.3, 4849])


def test_e_step_is_that_of_a_truncated_normal():
    eta = eta_of(START)[DATA["response"] == 0]
    below = stats.truncnorm(-np.inf, -eta / 4, loc=eta, scale=4)
    found = MODEL.e_step(START, DATA)
    np.testing.assert_allclose(found["z"], below.mean(), rtol=1e-10)
    np.testing.assert_allclose(found["z2"], below.var() + below.mean() ** 2, rtol=1e-10)


@pytest.mark.parametrize("far", [30.0, 1e3])
def test_censored_values_far_in_the_tail(far):
    """Truncated far in its tail, the normal distribution is close to an exponential one."""
    data = {"response": np.array([0.0, 1.0]), "covariates": np.array([[1.0], [-1.0]])}
    params = {"alpha": np.array(0.0), "beta": np.array([far]), "sigma": np.array(1.0)}
    found = MODEL.e_step(params, data)
    np.testing.assert_allclose(found["z"], [-1 / far], rtol=3 / far**2)
    np.testing.assert_allclose(found["z2"], [2 / far**2], rtol=12 / far**2, atol=1e-9)
    assert np.isfinite(MODEL.log_likelihood(params, data))


def test_m_step_by_hand():
    """The M step is a regression whose variance includes the conditional variances."""
    y = DATA["response"]
    rng = np.random.default_rng(1)
    z, v = -rng.exponential(size=13), rng.exponential(size=13)
    after = MODEL.m_step({"z": z, "z2": z**2 + v}, DATA)
    filled = y.copy()
    filled[y == 0] = z
    X = design(DATA["covariates"])
    b = np.linalg.solve(X.T @ X, X.T @ filled)
    np.testing.assert_allclose(np.append(after["alpha"], after["beta"]), b, rtol=1e-9)
    expected = (np.sum((filled - X @ b) ** 2) + v.sum()) / 20
    assert after["sigma"] ** 2 == pytest.approx(expected, rel=1e-10)


def test_log_likelihood_by_hand():
    y, normal = DATA["response"], stats.norm(eta_of(START), 4)
    by_hand = np.where(y > 0, normal.logpdf(y), normal.logcdf(0)).sum()
    assert MODEL.log_likelihood(START, DATA) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("data", [DATA, simulated(0), simulated(1, alpha=-2)])
def test_a_general_optimiser_finds_the_same_maximum(data):
    """The objective is concave in the parameters of Olsen."""
    y, X = data["response"], design(data["covariates"])
    unit = X.std(axis=0) + (X.std(axis=0) == 0)

    def negative_log_likelihood(point):
        h, g = np.exp(point[0]), X / unit @ point[1:]
        seen = point[0] + stats.norm.logpdf(h * y - g)
        return -np.where(y > 0, seen, stats.norm.logcdf(-g)).sum()

    direct = minimize(negative_log_likelihood, np.zeros(1 + X.shape[1]), tol=1e-12)
    fit = MODEL.fit(data, seed=1, starts=2, stopping=em.Stopping(distance=1e-10))
    assert fit.converged
    assert all(solution.decrease is None for solution in fit.solutions)
    assert fit.log_likelihood == pytest.approx(-direct.fun, rel=1e-10)
    assert fit.params["sigma"] == pytest.approx(np.exp(-direct.x[0]), rel=1e-4)


def test_an_uninformative_zero_leaves_least_squares():
    """If a zero is almost certain, the estimates are those of the other units."""
    rng = np.random.default_rng(3)
    x = np.append(rng.uniform(1, 2, 30), -1.0)
    y = np.append(10 * x[:30] - 5 + 0.5 * rng.normal(size=30), 0)
    fit = MODEL.fit({"response": y, "covariates": x[:, None]}, seed=1)
    slope, at_zero = np.polyfit(x[:30], y[:30], 1)
    residual = y[:30] - at_zero - slope * x[:30]
    assert fit.params["beta"][0] == pytest.approx(slope, rel=1e-6)
    assert fit.params["sigma"] == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-6)


def test_units_do_not_matter():
    other = {
        "response": 100 * DATA["response"],
        "covariates": DATA["covariates"] * [1e3, 1e-3] + [0, 7],
    }
    ours, theirs = MODEL.fit(seed=1), MODEL.fit(other, seed=1)
    np.testing.assert_allclose(theirs.params["sigma"], 100 * ours.params["sigma"], rtol=1e-6)
    rescaled = theirs.params["beta"] * [10, 1e-5]
    np.testing.assert_allclose(rescaled, ours.params["beta"], rtol=1e-5)


def test_the_rate_in_the_docstring():
    assert MODEL.fit(seed=1, starts=1).best.rate == pytest.approx(0.814, abs=1e-3)


def test_new_data_are_censored_too():
    params = {"alpha": np.array(0.0), "beta": np.array([0.0, 0.0]), "sigma": np.array(1.0)}
    data = {"response": np.zeros(4000), "covariates": np.zeros((4000, 2))}
    drawn = MODEL.simulate(params, data, np.random.default_rng(1))["response"]
    assert drawn.min() == 0
    assert np.mean(drawn == 0) == pytest.approx(0.5, abs=0.03)
    assert np.mean(drawn**2) == pytest.approx(0.5, abs=0.06)


def test_a_table_on_the_command_line(tmp_path, capsys):
    """For a covariate with two values, each group is a sample with its own mean."""
    rng = np.random.default_rng(2)
    x = np.repeat([0.0, 1.0], 30)
    y = np.maximum(rng.normal(1 + x, 1), 0)
    rows = "\n".join(f"{a:.6f},{b:g}" for a, b in zip(y, x, strict=True))
    own = csv(tmp_path, "response,dose\n" + rows + "\n")
    assert main(["fit", "tobit", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["beta"] == pytest.approx([1], abs=0.6)
    assert found["sigma"] == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("0,1\n-2,2\n1,3\n", "response is -2 in row 2"),
        ("0,1\n0,2\n0,3\n", "every value of response is zero"),
        ("3,1\n1,2\n2,3\n", "no response is zero"),
        ("0,5\n1,5\n2,5\n", "column 1 of covariates is constant"),
        ("0,1\n0,2\n1,3\n2,4\n", "lie on a plane"),
        ("0,0\n0,-1\n1,1\n2,2\n3,3\n", "lie on a plane"),
        ("0,1\n0,2\n3,5\n1,5\n2,5\n", "perfect separation"),
        ("0,1\n,2\n1,0\n", "response has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    assert main(["fit", "tobit", "--data", csv(tmp_path, "response,dose\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_plane_with_zeros_above_it_has_a_maximum():
    data = {
        "response": np.array([1.0, 2, 3, 0, 0]),
        "covariates": np.array([[1.0], [2], [3], [2.5], [0]]),
    }
    fit = MODEL.fit(data, seed=1)
    assert fit.converged
    assert fit.params["sigma"] > 0.5
