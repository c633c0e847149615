"""The catalogue in primitives: in NumPy and compiled, and against passes that store nothing."""

import sys
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.em import Stopping, primitives
from latentfit.em.primitives import _worth

MODELS = Path(__file__).parents[1] / "models"


def end(e_step, m_step, data, start):
    solution = em.run(e_step, m_step, data, start, stopping=Stopping(max_iterations=10_000))
    assert solution.converged
    return solution


def agree(model, e_step, m_step, data, start):
    """Both go the same way and end in the same place, at the same height."""
    ours, theirs = end(e_step, m_step, data, start), end(model.e_step, model.maximise, data, start)
    assert abs(ours.iterations - theirs.iterations) <= 1
    for name, value in theirs.params.items():
        np.testing.assert_allclose(ours.params[name], value, rtol=1e-7, atol=1e-10)
    height = model.log_likelihood(ours.params, data)
    assert ours.expectations["log_likelihood"] == pytest.approx(height, rel=1e-12)


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


def in_primitives(name):
    names = latentfit.load(name).e_step.__globals__.values()
    return any(getattr(one, "__module__", "").startswith(primitives.__name__) for one in names)


def test_eight_models_are_written_in_primitives():
    """As the README says: those that both ways are tried on."""
    found = {path.stem for path in MODELS.glob("*.py") if in_primitives(path.stem)}
    assert found == {name for name, _, _ in CATALOGUE}
    assert len(found) == 8


@pytest.mark.parametrize(("name", "table", "options"), CATALOGUE)
def test_compiled_and_in_numpy_alone(monkeypatch, name, table, options):
    """How large tables are decides who computes, and nothing else."""
    model = latentfit.load(name)
    data = model.example_data()
    if table:
        data = {"x": np.loadtxt(MODELS / "data" / table, delimiter=",", skiprows=1)}
    start = model.initial(data, np.random.default_rng(1), **options)
    found = []
    for most in (0, sys.maxsize):
        monkeypatch.setattr(_worth, "ENTRIES", most)
        monkeypatch.setattr(_worth, "TIMES", most)
        one = end(model.e_step, model.maximise, data, start)
        found.append((one, model.log_likelihood(one.params, data)))
    (compiled, height), (plain, same) = found
    assert abs(compiled.iterations - plain.iterations) <= 1
    assert height == pytest.approx(same, rel=1e-12)
    for name, value in plain.params.items():
        np.testing.assert_allclose(compiled.params[name], value, rtol=1e-7, atol=1e-10)


def test_a_group_without_members_in_some_rows_adds_nothing_there():
    """Sums over parts of the data are the sums over all, whoever is absent from a part."""
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
    agree(model, e_step, m_step, data, model.initial(data, np.random.default_rng(1)))


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
    agree(model, e_step, m_step, data, start)


def test_latent_class():
    def e_step(params, data):
        codes = data["x"].astype(int)
        return primitives.latent_class_statistics(codes, params["w"], params["p2"])._asdict()

    def m_step(expectations, data):
        n, counts = expectations["counts"], expectations["category_counts"]
        return {"w": n / n.sum(), "p2": counts / n[:, None, None]}

    model = latentfit.load("latent_class")
    data = model.example_data()
    agree(model, e_step, m_step, data, model.initial(data, np.random.default_rng(1)))
