"""The catalogue's own steps, in plain NumPy, against the same derivations in primitives."""

from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.em import Stopping, primitives

MODELS = Path(__file__).parents[1] / "models"


def end(e_step, m_step, data, start):
    solution = em.run(e_step, m_step, data, start, stopping=Stopping(max_iterations=2000))
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

    model = latentfit.load("gaussian_mixture")
    table = MODELS / "data" / "faithful.csv"
    data = {"x": np.loadtxt(table, delimiter=",", skiprows=1)}
    start = model.initial(data, np.random.default_rng(1), covariance=covariance)
    agree(model, e_step, m_step, data, start)


@pytest.mark.parametrize("emission", ["poisson", "gaussian"])
def test_hidden_markov(emission):
    def e_step(params, data):
        if emission == "gaussian":
            log_b = primitives.log_normal(data["x"], params["mu"], params["sigma"])
        else:
            # Up to the factorials, which do not depend on the state; as many as the data have.
            factorials = np.array([np.log(np.arange(1, n + 1)).sum() for n in data["x"]])
            log_b = data["x"][:, None] * np.log(params["lam"]) - params["lam"]
            log_b -= factorials[:, None]
        states = len(log_b.T)
        return primitives.forward_backward(
            log_b, params.get("start", np.full(states, 1 / states)), params["P"]
        )._asdict()

    def m_step(expectations, data, params):
        z, transitions = expectations["z"], expectations["transitions"]
        n, m, S = primitives.weighted_moments(z, data["x"])
        new = {"P": transitions / transitions.sum(axis=1, keepdims=True)}
        if emission == "poisson":
            return new | {"lam": m}
        return new | {"mu": m, "sigma": np.sqrt(S / n)}

    model = latentfit.load("hidden_markov")
    data = model.example_data()
    start = model.initial(data, np.random.default_rng(1), emission=emission)
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
