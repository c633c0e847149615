"""Probabilistic PCA: the closed form, one step by conditioning, invariances, refusals."""

import json

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("probabilistic-pca")
IRIS = MODEL.example_data()["x"]
PARAMS = {
    "mu": np.array([5.5, 3.0, 4.0, 1.0]),
    "W": np.array([[0.5, 0.1], [-0.2, 0.4], [1.5, 0.3], [0.6, -0.1]]),
    "sigma": 0.4,
}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def covariance(params):
    return params["W"] @ params["W"].T + params["sigma"] ** 2 * np.eye(len(params["W"]))


def closed_form(x, q):
    """Covariance, sigma and log-likelihood at the maximum of Tipping and Bishop."""
    n, d = x.shape
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    values, vectors = values[::-1], vectors[:, ::-1]
    variance = values[q:].mean()
    fitted = np.append(values[:q], np.full(d - q, variance))
    log_likelihood = -n / 2 * (d * np.log(2 * np.pi) + d + np.log(fitted).sum())
    return vectors @ np.diag(fitted) @ vectors.T, np.sqrt(variance), log_likelihood


def test_example_is_that_of_fisher():
    assert IRIS.shape == (150, 4)
    np.testing.assert_allclose(IRIS.mean(axis=0), [5.843333, 3.057333, 3.758, 1.199333], atol=1e-6)


def test_e_step_is_the_conditional_distribution():
    """Conditioning in the joint distribution, which the step avoids."""
    C, W = covariance(PARAMS), PARAMS["W"]
    z = (IRIS - PARAMS["mu"]) @ np.linalg.solve(C, W)
    V = np.eye(2) - W.T @ np.linalg.solve(C, W)
    found = MODEL.e_step(PARAMS, {"x": IRIS})
    np.testing.assert_allclose(found["z"], z, rtol=1e-10)
    np.testing.assert_allclose(found["zz"], 150 * V + z.T @ z, rtol=1e-10)


def test_with_the_latents_known_the_m_step_is_least_squares():
    z = np.random.default_rng(0).normal(size=(150, 2))
    found = MODEL.m_step({"z": z, "zz": z.T @ z}, {"x": IRIS})
    design = np.column_stack([np.ones(150), z])
    coefficients = np.linalg.lstsq(design, IRIS)[0]
    np.testing.assert_allclose(found["mu"], coefficients[0], rtol=1e-10)
    np.testing.assert_allclose(found["W"], coefficients[1:].T, rtol=1e-10)
    assert found["sigma"] == pytest.approx(np.std(IRIS - design @ coefficients))


def test_log_likelihood_is_that_of_the_normal_distribution():
    expected = multivariate_normal.logpdf(IRIS, PARAMS["mu"], covariance(PARAMS)).sum()
    assert MODEL.log_likelihood(PARAMS, {"x": IRIS}) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("components", [1, 2, 3])
def test_the_maximum_is_the_closed_form(components):
    fit = MODEL.fit(IRIS, seed=1, starts=2, components=components)
    C, sigma, log_likelihood = closed_form(IRIS, components)
    assert fit.converged
    for solution in fit.solutions:
        assert solution.decrease is None
        np.testing.assert_allclose(covariance(solution.params), C, atol=1e-6)
        assert solution.params["sigma"] == pytest.approx(sigma, rel=1e-7)
        assert solution.log_likelihood == pytest.approx(log_likelihood, abs=1e-8)
    np.testing.assert_allclose(fit.params["mu"], IRIS.mean(axis=0), rtol=1e-12)


def test_the_rate_in_the_docstring():
    _, sigma, _ = closed_form(IRIS, 2)
    largest = np.linalg.eigvalsh(np.cov(IRIS.T, bias=True))[-1]
    rate = 1 - 2 * sigma**2 * (largest - sigma**2) / largest**2
    assert rate == pytest.approx(0.976, abs=5e-4)
    fit = MODEL.fit(IRIS, seed=1, starts=1, accelerate="none")
    assert fit.best.rate == pytest.approx(rate, abs=1e-3)


@pytest.mark.parametrize("angle", [0.3, 2.0])
def test_rotations_of_the_loadings_do_not_matter(angle):
    R = np.array([[np.cos(angle), np.sin(angle)], [np.sin(angle), -np.cos(angle)]])
    turned = PARAMS | {"W": PARAMS["W"] @ R}
    data = {"x": IRIS}
    assert MODEL.log_likelihood(turned, data) == pytest.approx(MODEL.log_likelihood(PARAMS, data))
    one, other = (MODEL.m_step(MODEL.e_step(p, data), data) for p in (PARAMS, turned))
    np.testing.assert_allclose(other["W"], one["W"] @ R, rtol=1e-9)
    assert other["sigma"] == pytest.approx(one["sigma"])


def test_rotations_of_the_data_do_not_matter():
    Q = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    one, other = (MODEL.fit(x, seed=1, starts=1) for x in (IRIS, 10 * IRIS @ Q + 3))
    assert other.params["sigma"] == pytest.approx(10 * one.params["sigma"], rel=1e-6)
    np.testing.assert_allclose(
        covariance(other.params), 100 * Q.T @ covariance(one.params) @ Q, atol=1e-4
    )


def test_a_plane_of_too_few_dimensions_is_a_saddle():
    values, vectors = np.linalg.eigh(np.cov(IRIS.T, bias=True))
    variance = values[:3].mean()
    W = np.column_stack([vectors[:, 3] * np.sqrt(values[3] - variance), np.zeros(4)])
    saddle = {"mu": IRIS.mean(axis=0), "W": W, "sigma": np.sqrt(variance)}
    after = MODEL.m_step(MODEL.e_step(saddle, {"x": IRIS}), {"x": IRIS})
    np.testing.assert_allclose(after["W"], W, atol=1e-10)
    beside = saddle | {"W": W + 1e-3}
    solution = em.run(
        MODEL.e_step, MODEL.m_step, {"x": IRIS}, beside, log_likelihood=MODEL.log_likelihood
    )
    np.testing.assert_allclose(covariance(solution.params), closed_form(IRIS, 2)[0], atol=1e-5)


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = "\n".join(f"{i},{a},{b},{c}" for i, (a, b, c, _) in enumerate(IRIS))
    command = ["fit", "probabilistic-pca", "--data", csv(tmp_path, "flower,a,b,c\n" + rows)]
    assert main([*command, "--column", "x=a,b,c", "--set", "components=1", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["sigma"] == pytest.approx(closed_form(IRIS[:, :3], 1)[1], rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "components", "message"),
    [
        ("1,2\n2,1\n3,5\n", 2, "components must be between 1 and 1 with 2 columns, not 2"),
        ("1,2\n2,1\n3,5\n", 0, "components must be between 1 and 1 with 2 columns, not 0"),
        ("1,7\n2,7\n3,7\n", 1, "column 2 of x is constant (7)"),
        (
            "1,2\n2,4\n3,6\n",
            1,
            "lie in a plane of 1 dimension: with 1 component the variance about it is zero",
        ),
        ("1,2\n2,1\n,5\n", 1, "x has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, components, message):
    command = ["fit", "probabilistic-pca", "--data", csv(tmp_path, "a,b\n" + rows)]
    assert main([*command, "--set", f"components={components}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_single_column_is_refused():
    with pytest.raises(latentfit.InputError, match="at least 2 columns"):
        MODEL.fit(IRIS[:, :1], components=1)
