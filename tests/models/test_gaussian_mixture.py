"""Mixture of normal distributions in one dimension: one step by hand, known maxima, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("gaussian-mixture")
TABLE = Path(__file__).parents[2] / "models" / "data" / "faithful.csv"
GEYSER = np.loadtxt(TABLE, delimiter=",", skiprows=1)
X = np.array([1.0, 2.0, 2.5, 6.0, 7.0])
PARAMS = {"w": np.array([0.4, 0.6]), "mu": np.array([2.0, 6.0]), "sigma": np.array([1.0, 1.5])}


def start(x, seed=0, **options):
    return MODEL.initial({"x": np.asarray(x)}, np.random.default_rng(seed), **options)


def run(x, params, **options):
    return em.run(
        MODEL.e_step,
        MODEL.maximise,
        {"x": np.asarray(x)},
        params,
        log_likelihood=MODEL.log_likelihood,
        **options,
    )


def joint(params):
    """p(x_i, z_i = k), in loops."""
    sigma = np.broadcast_to(params["sigma"], 2)
    table = np.zeros((len(X), 2))
    for i, x in enumerate(X):
        for k in range(2):
            square = ((x - params["mu"][k]) / sigma[k]) ** 2
            table[i, k] = params["w"][k] * np.exp(-square / 2) / (np.sqrt(2 * np.pi) * sigma[k])
    return table


@pytest.mark.parametrize("sigma", [PARAMS["sigma"], np.array(1.2)], ids=["own", "common"])
def test_one_step_by_hand(sigma):
    params = PARAMS | {"sigma": sigma}
    table = joint(params)
    expected = table / table.sum(axis=1, keepdims=True)
    r = MODEL.e_step(params, {"x": X})["z"]
    np.testing.assert_allclose(r, expected, rtol=1e-12)
    log_likelihood = MODEL.log_likelihood(params, {"x": X})
    assert log_likelihood == pytest.approx(np.sum(np.log(table.sum(axis=1))), rel=1e-12)

    after = MODEL.maximise({"z": r}, {"x": X}, params)
    means = [np.average(X, weights=r[:, k]) for k in range(2)]
    variances = [np.average((X - means[k]) ** 2, weights=r[:, k]) for k in range(2)]
    np.testing.assert_allclose(after["w"], r.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(after["mu"], means, rtol=1e-12)
    if sigma.shape == ():
        variances = np.average(variances, weights=r.sum(axis=0))
    assert after["sigma"].shape == sigma.shape
    np.testing.assert_allclose(after["sigma"], np.sqrt(variances), rtol=1e-12)


@pytest.mark.parametrize("covariance", ["full", "tied"])
def test_one_component_is_the_normal_sample(covariance):
    x = GEYSER[:, 0]
    solution = run(x, start(x, components=1, covariance=covariance))
    assert solution.iterations <= 2
    assert solution.params["sigma"].shape == (() if covariance == "tied" else (1,))
    np.testing.assert_allclose(solution.params["mu"], x.mean())
    np.testing.assert_allclose(solution.params["sigma"], x.std())


def test_a_common_standard_deviation_has_the_maximum_of_mclust():
    # The R package mclust, model E, waiting times, two components, run to 1e-14.
    x = GEYSER[:, 1]
    solution = run(x, start(x, covariance="tied"))
    assert solution.log_likelihood == pytest.approx(-1034.001760, abs=2e-6)
    np.testing.assert_allclose(solution.params["mu"], [54.613627, 80.090304], atol=2e-5)
    assert solution.params["sigma"] == pytest.approx(5.869091, abs=2e-5)


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (GEYSER, {}, r"one column.*shape \(272, 2\).*multivariate-gaussian-mixture"),
        (GEYSER[:, :1], {}, "multivariate-gaussian-mixture"),
        ([7.0], {}, "single value"),
        ([7.0, 7.0], {}, r"all 2 values of x are equal \(7\)"),
        ([7.0, 7.0, 8.0], {"components": 3}, "2 distinct values, too few for 3 components"),
        (X, {"components": 0}, "components must be at least 1, not 0"),
        (X, {"covariance": "diagonal"}, "covariance must be full or tied, not 'diagonal'"),
    ],
)
def test_refusals(x, options, message):
    with pytest.raises(ValueError, match=message):
        start(np.array(x), **options)


def test_the_declaration_refuses_a_matrix():
    with pytest.raises(ValueError, match="multivariate-gaussian-mixture"):
        MODEL.model(GEYSER)


def test_a_table_on_the_command_line(capsys):
    command = ["fit", "gaussian-mixture", "--data", str(TABLE), "--column", "x=waiting"]
    assert main([*command, "--set", "covariance=tied", "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert np.shape(found["sigma"]) == ()
    np.testing.assert_allclose(sorted(found["mu"]), [54.613627, 80.090304], atol=1e-4)


def test_several_columns_on_the_command_line_are_refused(capsys):
    command = ["fit", "gaussian-mixture", "--data", str(TABLE), "--column", "x=eruptions,waiting"]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "multivariate-gaussian-mixture" in error
    assert error.count("\n") == 1
