"""Student's t errors: one step by hand, closed forms and limits, published figures, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stop

DATA = Path(__file__).parents[2] / "models" / "data"
MODEL = latentfit.load("student-t")
STACK = [
    *("--data", str(DATA / "stack-loss.csv")),
    *("--response", "loss", "--covariates", "air,temperature,acid"),
]


def sample(seed, n=60, nu=3.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    errors = rng.standard_normal(n) / np.sqrt(rng.gamma(nu / 2, 2 / nu, n))
    return {"response": 1 + x @ [2.0, -1.0] + 0.5 * errors, "covariates": x}


def params(data, **others):
    start = MODEL.initial(data, np.random.default_rng(0))
    return {name: np.asarray(value) for name, value in {**start, **others}.items()}


def test_example_holds_the_exchanged_weight():
    data = MODEL.example_data()
    assert data["response"].shape == (183,)
    assert data["covariates"].shape == (183, 1)
    (odd,) = np.flatnonzero(data["response"] == 166)
    assert data["covariates"][odd, 0] == 56
    others = np.delete(np.arange(183), odd)
    assert np.abs(data["response"] - data["covariates"][:, 0])[others].max() == 9


def test_stack_losses_are_those_of_brownlee():
    table = np.loadtxt(DATA / "stack-loss.csv", delimiter=",", skiprows=1)
    assert table.shape == (21, 4)
    assert table.sum(axis=0).tolist() == [1269, 443, 1812, 368]


def test_e_step_integrates_over_the_precision():
    data = sample(1, n=6)
    theta = params(data, nu=2.5)
    found = MODEL.e_step(theta, data)
    x = data["covariates"] - data["covariates"].mean(axis=0)
    residual = data["response"] - theta["alpha"] - x @ theta["beta"]

    def joint(w, r):
        prior = stats.gamma.pdf(w, 1.25, scale=1 / 1.25)
        return prior * stats.norm.pdf(r, 0, theta["sigma"] / np.sqrt(w))

    def integral(f):
        return np.array([integrate.quad(f, 0, np.inf, args=(r,))[0] for r in residual])

    total = integral(joint)
    w = integral(lambda w, r: w * joint(w, r)) / total
    log_w = integral(lambda w, r: np.log(w) * joint(w, r)) / total
    np.testing.assert_allclose(found["w"], w, rtol=1e-6)
    np.testing.assert_allclose(found["log_w"], log_w, rtol=1e-6)
    assert MODEL.log_likelihood(theta, data) == pytest.approx(np.log(total).sum(), rel=1e-7)


def test_m_step_is_weighted_regression_and_the_gamma_likelihood():
    data = sample(2)
    w = np.random.default_rng(2).gamma(1.5, 1 / 1.5, 60)
    found = MODEL.m_step({"w": w, "log_w": np.log(w)}, data, params(data))
    x = data["covariates"] - data["covariates"].mean(axis=0)
    design = np.column_stack([np.ones(60), x])
    b = np.linalg.solve(design.T @ (w[:, None] * design), design.T @ (w * data["response"]))
    np.testing.assert_allclose([found["alpha"], *found["beta"]], b)
    variance = np.mean(w * (data["response"] - design @ b) ** 2)
    assert found["sigma"] ** 2 == pytest.approx(variance)

    def negative_log_likelihood(h):
        return -stats.gamma.logpdf(w, h, scale=1 / h).sum()

    best = optimize.minimize_scalar(
        negative_log_likelihood, bounds=(0.01, 20), options={"xatol": 1e-9}
    )
    assert found["nu"] == pytest.approx(2 * best.x, rel=1e-5)


@pytest.mark.parametrize("h", [1e-6, 0.01, 0.3, 1, 4, 30, 1e4])
def test_degrees_of_freedom_solve_their_equation(h):
    data = sample(3)
    log_w = np.full(60, special.digamma(h) - np.log(h))
    found = MODEL.m_step({"w": np.ones(60), "log_w": log_w}, data, params(data))
    assert found["nu"] == pytest.approx(2 * h, rel=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_weights_average_one_at_the_maximum(seed):
    data = sample(seed)
    fit = MODEL.fit(data, seed=1)
    assert fit.converged
    assert MODEL.e_step(fit.params, data)["w"].mean() == pytest.approx(1, rel=1e-6)


def test_units_do_not_matter():
    data = sample(4)
    scaled = {"response": 10 * data["response"] + 3, "covariates": 1000 * data["covariates"]}
    one, other = (MODEL.fit(d, seed=1).params for d in (data, scaled))
    assert other["alpha"] == pytest.approx(10 * one["alpha"] + 3, rel=1e-6)
    np.testing.assert_allclose(other["beta"], one["beta"] / 100, rtol=1e-6)
    assert other["sigma"] == pytest.approx(10 * one["sigma"], rel=1e-6)
    assert other["nu"] == pytest.approx(one["nu"], rel=1e-5)


# Darwin (1876): height of the cross-fertilised plant less that of the other, in eighths of an inch.
MAIZE = np.array([49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48.0])


@pytest.mark.parametrize("df", [None, 4, 1])
def test_without_covariates_it_is_a_sample(df):
    data = {"response": MAIZE, "covariates": np.empty((15, 0))}
    options = {} if df is None else {"df": df}
    fit = MODEL.fit(data, seed=1, stopping=em.Stopping(distance=1e-10), **options)

    def negative(point):
        nu = np.exp(point[2]) if df is None else df
        return -stats.t.logpdf(MAIZE, nu, point[0], np.exp(point[1])).sum()

    start = [25, 3, 1][: 2 + (df is None)]
    options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000}
    direct = optimize.minimize(negative, start, method="Nelder-Mead", options=options)
    assert "beta" not in fit.params
    assert fit.log_likelihood == pytest.approx(-direct.fun, rel=1e-10)
    assert fit.params["alpha"] == pytest.approx(direct.x[0], rel=1e-6)
    assert fit.params["sigma"] == pytest.approx(np.exp(direct.x[1]), rel=1e-6)
    if df is None:
        assert fit.params["nu"] == pytest.approx(np.exp(direct.x[2]), rel=1e-5)


def test_the_maize_in_the_docstring():
    assert MAIZE.mean() == pytest.approx(20.9, abs=0.05)
    fit = MODEL.fit({"response": MAIZE, "covariates": np.empty((15, 0))}, seed=1)
    assert fit.params["alpha"] == pytest.approx(26.8, abs=0.05)


@pytest.mark.slow
def test_without_covariates_the_steps_are_those_of_the_declaration():
    found = MODEL.check({"response": MAIZE, "covariates": np.empty((15, 0))})
    assert found.passed, str(found)


def test_many_degrees_of_freedom_are_least_squares():
    data = sample(5)
    fit = MODEL.fit(data, seed=1, df=1e8)
    design = np.column_stack([np.ones(60), data["covariates"]])
    b, squares, *_ = np.linalg.lstsq(design, data["response"])
    np.testing.assert_allclose(fit.params["beta"], b[1:], rtol=1e-5)
    assert fit.params["sigma"] == pytest.approx(np.sqrt(squares[0] / 60), rel=1e-5)


def test_fixing_the_degrees_of_freedom_at_their_estimate_gives_the_same_fit():
    data = sample(6)
    estimated = MODEL.fit(data, seed=1)
    given = MODEL.fit(data, seed=1, df=float(estimated.params["nu"]))
    assert "nu" not in given.params
    assert given.log_likelihood == pytest.approx(estimated.log_likelihood, abs=1e-10)


@pytest.mark.slow
def test_light_tails_have_no_finite_degrees_of_freedom():
    x = np.random.default_rng(0).permutation(40) * 1.0
    data = {"response": x / 20 + stats.norm.ppf((np.arange(40) + 0.5) / 40), "covariates": x}
    solution = em.run(MODEL.e_step, MODEL.m_step, data, params(data))
    assert solution.stop is Stop.ITERATION_LIMIT
    assert solution.params["nu"] > 1000


def test_weights_decrease_with_the_distance():
    data = MODEL.example_data()
    theta = MODEL.fit(seed=1).params
    w = MODEL.e_step(theta, data)["w"]
    assert w.argmin() == data["response"].argmax()
    assert w.min() == pytest.approx(6.0e-4, rel=0.01)


def test_a_table_on_the_command_line(capsys):
    assert main(["fit", "student-t", *STACK, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    np.testing.assert_allclose(found["beta"], [0.851990, 0.490247, -0.070565], atol=1e-6)
    assert main(["fit", "student-t", *STACK, "--set", "df=4", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    np.testing.assert_allclose(found["beta"], [0.857091, 0.745269, -0.115125], atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("1,2\n2,3\n3,5\n", [], "3 observations are too few for 2 coefficients and a scale"),
        ("1,2\n2,2\n3,2\n4,2\n", [], "all 4 values of response are equal (2)"),
        ("1,2\n1,3\n1,4\n1,5\n", [], "column 1 of covariates is constant"),
        ("1,2\n2,4\n3,6\n4,8\n5,10\n", [], "a plane passes through all observations"),
        ("1,2\n2,3\n3,5\n4,9\n", ["--set", "df=-1"], "df must be a positive number, not -1"),
        ("1,2\n2,3\n3,5\n4,9\n", ["--set", "df=few"], "df must be a positive number, not few"),
        ("1,2\n2,3\n3,5\n4,\n", [], "response has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, options, message):
    path = tmp_path / "own.csv"
    path.write_text("covariates,response\n" + rows)
    assert main(["fit", "student-t", "--data", str(path), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_dependent_covariates_are_refused():
    x = np.arange(8.0)
    with pytest.raises(latentfit.InputError, match="linearly dependent"):
        MODEL.fit({"response": x**2, "covariates": np.column_stack([x, 2 * x])})
    with pytest.raises(latentfit.InputError, match="each of the 7 rows of covariates"):
        MODEL.fit({"response": x, "covariates": x[:7]})
