"""Catalogue models written in primitives: NumPy against compiled, and one-pass statistics."""

import sys
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.em import Stopping, primitives
from latentfit.em.primitives import _dispatch

MODELS = Path(__file__).parents[3] / "models"


def converged_solution(e_step, m_step, data, start):
    solution = em.run(e_step, m_step, data, start, stopping=Stopping(max_iterations=10_000))
    assert solution.converged
    return solution


def assert_same_solution(model, e_step, m_step, data, start):
    """Check that both EM algorithms take as many iterations to the same parameters."""
    found = converged_solution(e_step, m_step, data, start)
    expected = converged_solution(model.e_step, model.maximise, data, start)
    assert abs(found.iterations - expected.iterations) <= 1
    for name, value in expected.params.items():
        np.testing.assert_allclose(found.params[name], value, rtol=1e-7, atol=1e-10)
    log_likelihood = model.log_likelihood(found.params, data)
    assert found.expectations["log_likelihood"] == pytest.approx(log_likelihood, rel=1e-12)


CATALOGUE = [
    ("annotators", None, {}),
    ("coins", None, {}),
    ("gaussian_mixture", None, {"components": 3}),
    ("multivariate_gaussian_mixture", "faithful.csv", {"covariance": "full"}),
    ("multivariate_gaussian_mixture", "faithful.csv", {"covariance": "tied"}),
    ("multivariate_gaussian_mixture", "faithful.csv", {"covariance": "diagonal"}),
    ("multivariate_gaussian_mixture", "faithful.csv", {"covariance": "spherical"}),
    ("hidden_markov", None, {"start": "estimated"}),
    ("hidden_markov", None, {"emission": "gaussian", "states": 3}),
    ("latent_class", None, {}),
    ("mixture_of_regressions", None, {}),
    ("poisson_mixture", None, {}),
]


def uses_primitives(name):
    names = latentfit.load(name).e_step.__globals__.values()
    return any(getattr(one, "__module__", "").startswith(primitives.__name__) for one in names)


def test_eight_models_are_written_in_primitives():
    """The README gives the number, and the next test compares both implementations of each."""
    found = {path.stem for path in MODELS.glob("*.py") if uses_primitives(path.stem)}
    assert found == {name for name, _, _ in CATALOGUE}
    assert len(found) == 8


@pytest.mark.parametrize(("name", "table", "options"), CATALOGUE)
def test_compiled_and_numpy_implementations_agree(monkeypatch, name, table, options):
    """The size of the tables decides which implementation is used, and must not matter."""
    model = latentfit.load(name)
    data = model.example_data()
    if table:
        data = {"x": np.loadtxt(MODELS / "data" / table, delimiter=",", skiprows=1)}
    start = model.initial(data, np.random.default_rng(1), **options)
    found = []
    for threshold in (0, sys.maxsize):
        monkeypatch.setattr(_dispatch, "MIN_COMPILED_ENTRIES", threshold)
        monkeypatch.setattr(_dispatch, "MIN_COMPILED_RECURSION_STEPS", threshold)
        solution = converged_solution(model.e_step, model.maximise, data, start)
        found.append((solution, model.log_likelihood(solution.params, data)))
    (compiled, compiled_log_likelihood), (plain, plain_log_likelihood) = found
    assert abs(compiled.iterations - plain.iterations) <= 1
    assert compiled_log_likelihood == pytest.approx(plain_log_likelihood, rel=1e-12)
    for name, value in plain.params.items():
        np.testing.assert_allclose(compiled.params[name], value, rtol=1e-7, atol=1e-10)


def test_statistics_add_over_parts_in_which_a_component_has_no_members():
    """The statistics of two parts of the data add up to those of all data."""
    model = latentfit.load("gaussian_mixture")
    x = np.concatenate([np.random.default_rng(1).normal(size=50), [1e6, 1e6 + 1]])
    params = {"w": np.full(2, 0.5), "mu": np.array([0.0, 1e6]), "sigma": np.ones(2)}
    parts = [
        model.statistics(model.e_step(params, {"x": part}), {"x": part}, params)
        for part in (x, x[:50], x[50:])
    ]
    assert parts[1]["n"].tolist() == [50, 0]
    for name, whole in parts[0].items():
        np.testing.assert_allclose(parts[1][name] + parts[2][name], whole, rtol=1e-13)


def test_normal_mixture():
    def e_step(params, data):
        return primitives.normal_mixture_statistics(data["x"], **params)._asdict()

    def m_step(expectations, data):
        n, m, S = (expectations[name] for name in ("counts", "means", "scatter"))
        return {"w": n / n.sum(), "mu": m, "sigma": np.sqrt(S / n)}

    model = latentfit.load("gaussian_mixture")
    data = model.example_data()
    assert_same_solution(model, e_step, m_step, data, model.initial(data, np.random.default_rng(1)))


@pytest.mark.parametrize("covariance", ["full", "tied", "diagonal", "spherical"])
def test_normal_mixture_of_vectors(covariance):
    def e_step(params, data):
        w, mu = params["w"], params["mu"]
        if "cov" in params:
            L = np.linalg.cholesky(params["cov"])
            statistics = primitives.multivariate_normal_mixture_statistics
            return statistics(data["x"], w, mu, L)._asdict()
        sigma = params["sigma"][:, None] if covariance == "spherical" else params["sigma"]
        sigma = np.broadcast_to(sigma, mu.shape)
        return primitives.normal_mixture_statistics(data["x"], w, mu, sigma)._asdict()

    def m_step(expectations, data):
        n, m, S = (expectations[name] for name in ("counts", "means", "scatter"))
        new = {"w": n / n.sum(), "mu": m}
        if covariance == "full":
            return new | {"cov": S / n[:, None, None]}
        if covariance == "tied":
            return new | {"cov": S.sum(axis=0) / n.sum()}
        if covariance == "diagonal":
            return new | {"sigma": np.sqrt(S / n[:, None])}
        return new | {"sigma": np.sqrt(S.mean(axis=1) / n)}

    model = latentfit.load("multivariate_gaussian_mixture")
    table = MODELS / "data" / "faithful.csv"
    data = {"x": np.loadtxt(table, delimiter=",", skiprows=1)}
    start = model.initial(data, np.random.default_rng(1), covariance=covariance)
    assert_same_solution(model, e_step, m_step, data, start)


def test_latent_class():
    def e_step(params, data):
        codes = data["x"].astype(int)
        return primitives.latent_class_statistics(codes, params["w"], params["p2"])._asdict()

    def m_step(expectations, data):
        n, counts = expectations["counts"], expectations["category_counts"]
        return {"w": n / n.sum(), "p2": counts / n[:, None, None]}

    model = latentfit.load("latent_class")
    data = model.example_data()
    assert_same_solution(model, e_step, m_step, data, model.initial(data, np.random.default_rng(1)))
