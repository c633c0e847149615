"""Normal sample with missing values: steps by conditioning, closed forms, two maxima, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import optimize, stats

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("multivariate-normal-missing")
DATA = Path(__file__).parents[2] / "models" / "data"
TIGHT = em.Stopping(distance=1e-11)
N = np.nan
INCOMPLETE = np.array([[1, 2, 0.5], [N, 1, 3], [2, N, N], [0, -1, 1], [N, N, 0.3], [1.5, 0.2, N]])
PARAMS = {
    "mu": np.array([0.5, 1.0, -0.3]),
    "cov": np.array([[2, 0.6, -0.4], [0.6, 1, 0.2], [-0.4, 0.2, 1.5]]),
}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def masked(x):
    """The data with masked missing values, as the steps get them."""
    return {"x": np.ma.masked_invalid(x)}


def murray():
    return np.genfromtxt(DATA / "murray.csv", delimiter=",", skip_header=1)


def sample(seed, n=60):
    rng = np.random.default_rng(seed)
    x = rng.multivariate_normal(PARAMS["mu"], PARAMS["cov"], n)
    return np.where(rng.random(x.shape) < 0.25, N, x)


def test_example_is_the_air_of_new_york():
    x = MODEL.example_data()["x"]
    assert x.shape == (153, 4)
    assert np.isnan(x).sum(axis=0).tolist() == [37, 7, 0, 0]
    assert np.isnan(x).all(axis=1).sum() == 0
    assert (np.isnan(x).sum(axis=1) == 2).sum() == 2


def test_e_step_is_the_regression_on_the_observed_entries():
    data = masked(INCOMPLETE)
    found = MODEL.e_step(PARAMS, data)
    mu, cov, centre = PARAMS["mu"], PARAMS["cov"], np.nanmean(INCOMPLETE, axis=0)
    completed, products = INCOMPLETE.copy(), np.zeros((3, 3))
    for row in completed:
        m, o = np.isnan(row), ~np.isnan(row)
        gain = cov[m][:, o] @ np.linalg.inv(cov[o][:, o])
        row[m] = mu[m] + gain @ (row[o] - mu[o])
        products += np.outer(row - centre, row - centre)
        products[np.ix_(m, m)] += cov[m][:, m] - gain @ cov[o][:, m]
    np.testing.assert_allclose(found["products"], products, rtol=1e-12)
    expected = [[completed[1, 0], 0], completed[2, 1:], completed[4, :2], [completed[5, 2], 0]]
    np.testing.assert_allclose(found["x_unobserved"], expected, rtol=1e-12)
    after = MODEL.m_step(found, data)
    np.testing.assert_allclose(after["mu"], completed.mean(axis=0))
    difference = completed.mean(axis=0) - centre
    np.testing.assert_allclose(
        after["cov"], products / 6 - np.outer(difference, difference), rtol=1e-12
    )


def test_m_step_with_nothing_missing_is_the_maximum_of_a_sample():
    completed = np.where(np.isnan(INCOMPLETE), 0.7, INCOMPLETE)
    filled = np.array([[0.7, 0], [0.7, 0.7], [0.7, 0.7], [0.7, 0]])
    data = masked(INCOMPLETE)
    products = MODEL.expectations["products"]({"x_unobserved": filled}, data)
    found = MODEL.m_step({"x_unobserved": filled, "products": products}, data)
    np.testing.assert_allclose(found["mu"], completed.mean(axis=0))
    np.testing.assert_allclose(found["cov"], np.cov(completed.T, bias=True), atol=1e-14)


def test_log_likelihood_is_the_sum_over_rows():
    mu, cov = PARAMS["mu"], PARAMS["cov"]
    expected = 0.0
    for row in INCOMPLETE:
        o = ~np.isnan(row)
        expected += stats.multivariate_normal(mu[o], cov[o][:, o]).logpdf(row[o])
    assert MODEL.log_likelihood(PARAMS, masked(INCOMPLETE)) == pytest.approx(expected, rel=1e-13)


def test_a_row_without_values_does_not_change_the_log_likelihood():
    data, more = (masked(x) for x in (INCOMPLETE, np.vstack([INCOMPLETE, [N, N, N]])))
    same = MODEL.log_likelihood(PARAMS, data)
    assert MODEL.log_likelihood(PARAMS, more) == pytest.approx(same, rel=1e-14)
    np.testing.assert_allclose(MODEL.e_step(PARAMS, more)["x_unobserved"][-1], PARAMS["mu"])
    one, two = (
        MODEL.fit(d["x"], seed=0, starts=1, stopping=TIGHT).params
        for d in map(masked, (sample(1), np.vstack([sample(1), [N, N, N]])))
    )
    np.testing.assert_allclose(one["cov"], two["cov"], rtol=1e-7)


def test_monotone_patterns_have_a_closed_form():
    x = sample(3)
    x = np.where(np.isnan(x), PARAMS["mu"] + 0.5, x)
    x[20:, 2], x[40:, 1] = N, N
    x[40:, 2] = N
    # Anderson (1957): regressions of each column on the columns before it.
    mu, cov = np.array([x[:, 0].mean()]), np.array([[x[:, 0].var()]])
    for j, n in ((1, 40), (2, 20)):
        design = np.column_stack([np.ones(n), x[:n, :j]])
        b = np.linalg.lstsq(design, x[:n, j], rcond=None)[0]
        error = np.mean((x[:n, j] - design @ b) ** 2)
        mu = np.append(mu, b[0] + b[1:] @ mu)
        cross = cov @ b[1:]
        corner = error + b[1:] @ cross
        cov = np.block([[cov, cross[:, None]], [cross[None], np.array([[corner]])]])
    fit = MODEL.fit(x, seed=0, starts=1, stopping=TIGHT)
    np.testing.assert_allclose(fit.params["mu"], mu, rtol=1e-7)
    np.testing.assert_allclose(fit.params["cov"], cov, rtol=1e-7)


def test_example_is_at_the_maximum_of_the_likelihood():
    x = MODEL.example_data()["x"]
    data, sd = masked(x), np.nanstd(x, axis=0)
    below = np.tril_indices(4)

    def descent(t):
        L = np.zeros((4, 4))
        L[below] = t[4:]
        L = sd[:, None] * L
        params = {"mu": np.nanmean(x, axis=0) + sd * t[:4], "cov": L @ L.T}
        return -MODEL.log_likelihood(params, data), params

    start = np.concatenate([np.zeros(4), np.eye(4)[below]])
    found = optimize.minimize(lambda t: descent(t)[0], start, options={"gtol": 1e-3})
    fit = MODEL.fit(seed=0, starts=1)
    assert fit.log_likelihood == pytest.approx(-found.fun, abs=1e-5)
    np.testing.assert_allclose(fit.params["mu"], descent(found.x)[1]["mu"], rtol=1e-3)
    assert fit.log_likelihood >= -found.fun - 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_log_likelihood_never_decreases(seed):
    fit = MODEL.fit(sample(seed), seed=seed, starts=3)
    assert fit.converged
    assert all(solution.decrease is None for solution in fit.solutions)
    np.testing.assert_allclose(fit.params["cov"], fit.params["cov"].T, rtol=1e-12)


def test_murray_has_two_maxima_and_a_saddle():
    fit = MODEL.fit(murray(), seed=0, starts=8, stopping=TIGHT)
    covariances = sorted(float(s.params["cov"][0, 1]) for s in fit.solutions)
    assert covariances[0] == pytest.approx(-4 / 3, abs=1e-8)
    assert covariances[-1] == pytest.approx(4 / 3, abs=1e-8)
    start = {"mu": np.zeros(2), "cov": np.eye(2)}
    solution = em.run(MODEL.e_step, MODEL.m_step, masked(murray()), start)
    np.testing.assert_allclose(solution.params["cov"], 2.5 * np.eye(2), atol=1e-6)
    assert MODEL.log_likelihood(solution.params, masked(murray())) < fit.log_likelihood - 0.05


def test_units_and_order_of_columns_do_not_matter():
    x, order = sample(5), [2, 0, 1]
    one = MODEL.fit(x, seed=0, starts=1, stopping=TIGHT).params
    by, moved = np.array([10, 0.01, 3]), np.array([100, 0, -5])
    two = MODEL.fit(x[:, order] * by + moved, seed=0, starts=1, stopping=TIGHT).params
    np.testing.assert_allclose(two["mu"], one["mu"][order] * by + moved, rtol=1e-6, atol=1e-9)
    expected = one["cov"][np.ix_(order, order)] * np.outer(by, by)
    np.testing.assert_allclose(two["cov"], expected, rtol=1e-6)


def test_new_data_have_the_same_missing_values():
    (new,) = MODEL.draw(PARAMS, sample(2, 4000), seed=1)
    np.testing.assert_array_equal(np.isnan(new["x"]), np.isnan(sample(2, 4000)))
    np.testing.assert_allclose(np.nanmean(new["x"], axis=0), PARAMS["mu"], atol=0.1)
    np.testing.assert_allclose(np.nanvar(new["x"], axis=0), np.diag(PARAMS["cov"]), rtol=0.1)


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = "\n".join(",".join("" if np.isnan(v) else f"{v}" for v in row) for row in sample(7))
    own = csv(tmp_path, "a,b,c\n" + rows + "\n")
    command = ["fit", "multivariate-normal-missing", "--data", own, "--seed", "0", "--json", "-"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    expected = MODEL.fit(sample(7), seed=0).params
    np.testing.assert_allclose(found["cov"], expected["cov"], rtol=1e-8)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,2\n3,4\n5,1\n", "x has no missing values"),
        ("1,7\n3,7\n5,\n", "column 2 of x is constant (7)"),
        ("1,\n3,\n,2\n,4\n", "columns 1 and 2 of x are never observed in the same row"),
        (
            "1,2\n3,4\n,5\n",
            "the rows in which columns 1 and 2 of x are both observed lie on a line",
        ),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    command = ["fit", "multivariate-normal-missing", "--data", csv(tmp_path, "a,b\n" + rows)]
    assert main(command) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_single_column_is_refused():
    with pytest.raises(latentfit.InputError, match="at least 2 columns"):
        MODEL.fit(np.array([1.0, 2.0, np.nan]))


def test_a_column_without_values_is_refused():
    with pytest.raises(latentfit.InputError, match="column 2 of x has no values"):
        MODEL.fit(np.array([[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]]))
