"""Factor analysis: direct maximisation, one step by conditioning, invariances, refusals."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("factor-analysis")
TESTS = MODEL.example_data()["x"]
PARAMS = {
    "mu": np.array([5.0, 6.0, 2.0, 3.0, 5.0, 2.0]),
    "W": np.array([[0.5, 0.4], [0.3, 0.5], [0.4, 0.6], [0.9, 0.0], [1.0, -0.1], [0.8, 0.1]]),
    "psi": np.array([0.8, 0.9, 0.5, 0.3, 0.4, 0.6]),
}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def covariance(params):
    return params["W"] @ params["W"].T + np.diag(params["psi"])


def direct(x, q):
    """Specific variances and maximal log-likelihood by BFGS, without loadings (Jöreskog 1967)."""
    (n, d), S = x.shape, np.cov(x.T, bias=True)

    def log_likelihood(log_psi):
        scale = np.exp(-log_psi / 2)
        values = np.linalg.eigvalsh(S * np.outer(scale, scale))[::-1]
        fitted = log_psi.sum() + np.log(values[:q]).sum() + q + values[q:].sum()
        return -n / 2 * (d * np.log(2 * np.pi) + fitted)

    found = minimize(lambda p: -log_likelihood(p), np.log(np.diag(S) / 2), options={"gtol": 1e-7})
    return np.exp(found.x), -found.fun


def simulated(rng, n, loadings, psi):
    z = rng.normal(size=(n, loadings.shape[1]))
    return z @ loadings.T + rng.normal(size=(n, len(psi))) * np.sqrt(psi)


def test_example_is_grant_white_school():
    assert TESTS.shape == (145, 6)
    S = np.cov(TESTS.T)
    # The values that R prints, with divisor n - 1.
    np.testing.assert_allclose(np.diag(S)[:3], [1.3278044, 1.2348958, 1.0808190], rtol=1e-6)
    assert S[3, 4] == pytest.approx(0.9397789, rel=1e-6)


def test_e_step_is_the_conditional_distribution():
    """Conditioning in the joint distribution, which the step avoids."""
    C, W = covariance(PARAMS), PARAMS["W"]
    z = (TESTS - PARAMS["mu"]) @ np.linalg.solve(C, W)
    V = np.eye(2) - W.T @ np.linalg.solve(C, W)
    found = MODEL.e_step(PARAMS, {"x": TESTS})
    np.testing.assert_allclose(found["z"], z, rtol=1e-10)
    np.testing.assert_allclose(found["zz"], 145 * V + z.T @ z, rtol=1e-10)


def test_with_the_factors_known_the_m_step_is_least_squares():
    z = np.random.default_rng(0).normal(size=(145, 2))
    found = MODEL.m_step({"z": z, "zz": z.T @ z}, {"x": TESTS})
    design = np.column_stack([np.ones(145), z])
    coefficients = np.linalg.lstsq(design, TESTS)[0]
    np.testing.assert_allclose(found["mu"], coefficients[0], rtol=1e-10)
    np.testing.assert_allclose(found["W"], coefficients[1:].T, rtol=1e-9)
    residuals = TESTS - design @ coefficients
    np.testing.assert_allclose(found["psi"], np.mean(residuals**2, axis=0), rtol=1e-10)


def test_log_likelihood_is_that_of_the_normal_distribution():
    expected = multivariate_normal.logpdf(TESTS, PARAMS["mu"], covariance(PARAMS)).sum()
    assert MODEL.log_likelihood(PARAMS, {"x": TESTS}) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("factors", [1, 2])
def test_the_maximum_is_that_of_direct_maximisation(factors):
    fit = MODEL.fit(TESTS, seed=1, starts=2, factors=factors)
    psi, log_likelihood = direct(TESTS, factors)
    assert fit.converged
    for solution in fit.solutions:
        assert solution.decrease is None
        np.testing.assert_allclose(solution.params["psi"], psi, rtol=1e-4)
        assert solution.log_likelihood == pytest.approx(log_likelihood, abs=1e-7)


def test_published():
    fit = MODEL.fit(TESTS, seed=1, starts=1)
    uniqueness = fit.params["psi"] / np.diag(covariance(fit.params))
    figures = [0.63815182, 0.68876371, 0.43091983, 0.25314461, 0.30411038, 0.31802906]
    np.testing.assert_allclose(uniqueness, figures, atol=1e-6)
    assert fit.log_likelihood == pytest.approx(-1169.03059151, abs=1e-7)


def test_numbers_in_the_docstring():
    fit = MODEL.fit(TESTS, seed=1, starts=1, accelerate="none")
    S = np.cov(TESTS.T, bias=True)
    np.testing.assert_allclose(np.diag(covariance(fit.params)), np.diag(S), rtol=1e-7)
    saturated = multivariate_normal.logpdf(TESTS, TESTS.mean(axis=0), S).sum()
    assert saturated == pytest.approx(-1168.491, abs=5e-4)
    assert 2 * (saturated - fit.log_likelihood) == pytest.approx(1.08, abs=5e-3)
    assert fit.best.rate == pytest.approx(0.92, abs=5e-3)


@pytest.mark.parametrize("angle", [0.3, 2.0])
def test_rotations_do_not_matter(angle):
    R = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    turned = PARAMS | {"W": PARAMS["W"] @ R}
    data = {"x": TESTS}
    assert MODEL.log_likelihood(turned, data) == pytest.approx(MODEL.log_likelihood(PARAMS, data))
    one, other = (MODEL.m_step(MODEL.e_step(p, data), data) for p in (PARAMS, turned))
    np.testing.assert_allclose(other["W"], one["W"] @ R, rtol=1e-9)
    np.testing.assert_allclose(other["psi"], one["psi"], rtol=1e-10)


def test_units_and_origin_do_not_matter():
    units = np.array([1, 10, 0.1, 3, 1, 100])
    one, other = (MODEL.fit(x, seed=1, starts=1).params for x in (TESTS, TESTS * units + 7))
    np.testing.assert_allclose(other["psi"], one["psi"] * units**2, rtol=1e-6)
    np.testing.assert_allclose(
        covariance(other), covariance(one) * np.outer(units, units), rtol=1e-6
    )


def test_simulated_covariances_are_recovered():
    x = simulated(np.random.default_rng(0), 20_000, PARAMS["W"], PARAMS["psi"])
    fit = MODEL.fit(x, seed=0, starts=1)
    np.testing.assert_allclose(covariance(fit.params), covariance(PARAMS), atol=0.05)
    np.testing.assert_allclose(fit.params["psi"], PARAMS["psi"], atol=0.05)


def test_one_factor_of_three_variables_has_a_closed_form():
    """Three covariances determine three loadings: w1 w2, w1 w3 and w2 w3."""
    x = TESTS[:, 3:]
    S = np.cov(x.T, bias=True)
    squares = [S[0, 1] * S[0, 2] / S[1, 2], S[0, 1] * S[1, 2] / S[0, 2], 0]
    squares[2] = S[0, 2] * S[1, 2] / S[0, 1]
    fit = MODEL.fit(x, seed=0, starts=1, factors=1)
    np.testing.assert_allclose(fit.params["psi"], np.diag(S) - squares, rtol=1e-5)
    np.testing.assert_allclose(covariance(fit.params), S, rtol=1e-6)


def test_a_heywood_case_converges_to_the_boundary():
    """The second and third variable correlate more weakly than either does with the first."""
    S = np.array([[1, 0.8, 0.8], [0.8, 1, 0.5], [0.8, 0.5, 1]])
    normal = np.random.default_rng(0).normal(size=(60, 3))
    white = np.linalg.qr(normal - normal.mean(axis=0))[0] * np.sqrt(60)
    x = white @ np.linalg.cholesky(S).T
    stopping = em.Stopping(max_iterations=3000, distance=None, parameters=None)
    fit = MODEL.fit(x, seed=0, starts=1, stopping=stopping, factors=1)
    assert 0 <= fit.params["psi"][0] < 1e-2
    np.testing.assert_allclose(fit.params["psi"][1:], 1 - 0.8**2, atol=1e-2)


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = "\n".join(f"{i},{a},{b},{c}" for i, (*_, a, b, c) in enumerate(TESTS))
    command = ["fit", "factor-analysis", "--data", csv(tmp_path, "pupil,a,b,c\n" + rows)]
    assert main([*command, "--column", "x=a,b,c", "--set", "factors=1", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["mu"] == pytest.approx(TESTS[:, 3:].mean(axis=0))


@pytest.mark.parametrize(
    ("rows", "factors", "message"),
    [
        (
            "1,2,3\n2,1,0\n3,5,1\n0,1,4\n",
            2,
            "the covariances of 3 columns do not determine 2 factors",
        ),
        ("1,2,3\n2,1,0\n3,5,1\n0,1,4\n", 0, "factors must be at least 1, not 0"),
        ("1,7,3\n2,7,0\n3,7,1\n0,7,4\n", 1, "column 2 of x is constant (7)"),
        ("1,2,3\n2,1,0\n3,5,1\n", 1, "the 3 rows of x span 2 dimensions of 3"),
        ("1,2,3\n2,1,3\n3,5,8\n0,1,1\n", 1, "the 4 rows of x span 2 dimensions of 3"),
        ("1,2,3\n2,,0\n3,5,1\n0,1,4\n", 1, "x has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, factors, message):
    command = ["fit", "factor-analysis", "--data", csv(tmp_path, "a,b,c\n" + rows)]
    assert main([*command, "--set", f"factors={factors}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
