"""Normal mixtures, compared with scikit-learn."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sklearn
from sklearn.mixture import GaussianMixture

from engine._case import Case, Fit, Loop, Work
from latentfit.em import primitives

PEER = f"scikit-learn {sklearn.__version__}"


def e_step(params: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    w, mu, sigma = params["w"], params["mu"], params["sigma"]
    return primitives.normal_mixture_statistics(data["x"], w, mu, sigma)._asdict()


def m_step(expectations: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    n, m, S = expectations["counts"], expectations["means"], expectations["scatter"]
    return {"w": n / len(data["x"]), "mu": m, "sigma": np.sqrt(S / n)}


def e_step_of_vectors(params: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    w, mu, L = params["w"], params["mu"], np.linalg.cholesky(params["cov"])
    return primitives.multivariate_normal_mixture_statistics(data["x"], w, mu, L)._asdict()


def m_step_of_vectors(expectations: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    n, m, S = expectations["counts"], expectations["means"], expectations["scatter"]
    return {"w": n / len(data["x"]), "mu": m, "cov": S / n[:, None, None]}


def numbers(n: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """A sample of 0.7 N(7, 1²) + 0.3 N(10, 1²), and starting values away from the maximum."""
    rng = np.random.default_rng(1)
    x = rng.normal(np.where(rng.random(n) < 0.7, 7.0, 10.0), 1.0)
    start = {"w": np.full(2, 0.5), "mu": np.array([6.0, 9.0]), "sigma": np.array([2.0, 2.0])}
    return x, start


def vectors(n: int, components: int, d: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Overlapping groups with different covariances, and starting values away from the maximum."""
    rng = np.random.default_rng(1)
    mu = 2 * rng.normal(size=(components, d)) / np.sqrt(d)
    root = np.eye(d) + 0.2 * rng.normal(size=(components, d, d))
    z = rng.integers(components, size=n)
    x = mu[z] + np.einsum("nij,nj->ni", root[z], rng.normal(size=(n, d)))
    start = {
        "w": np.full(components, 1 / components),
        "mu": mu + 0.3 * rng.normal(size=mu.shape) / np.sqrt(d),
        "cov": np.tile(2 * np.eye(d), (components, 1, 1)),
    }
    return x, start


def scikit_learn(x: np.ndarray, start: Mapping[str, np.ndarray]) -> Fit:
    table = x.reshape(len(x), -1)
    components = len(start["w"])
    cov = start["cov"] if "cov" in start else start["sigma"][:, None, None] ** 2
    model = GaussianMixture(
        components,
        tol=0,
        reg_covar=0,
        weights_init=start["w"],
        means_init=start["mu"].reshape(components, -1),
        precisions_init=np.linalg.inv(cov),
    )

    def fit(iterations: int) -> float:
        model.set_params(max_iter=iterations).fit(table)
        return float(model.score_samples(table).sum())

    return fit


def cases() -> Iterator[Case]:
    for n in (100_000, 1_000_000):
        x, start = numbers(n)
        yield Case(
            model="normal mixture, K = 2, d = 1",
            size=f"n = {n:,}",
            peer=PEER,
            target=10,
            ours=Loop(e_step, m_step, {"x": x}, start),
            theirs=scikit_learn(x, start),
            iterations=(2, 12) if n < 1_000_000 else (2, 6),
            work=Work(bytes=x.nbytes, flops=2 * 15 * n, exponentials=2 * n),
        )
    for n, components, d, target, iterations in (
        (200_000, 8, 8, 6, (2, 6)),
        (20_000, 2, 10, 4, (3, 23)),
        (500, 2, 10, 1, (5, 35)),
    ):
        x, start = vectors(n, components, d)
        each = 2 * d * (d + 1) + 7 * d + 5
        yield Case(
            model=f"normal mixture, K = {components}, d = {d}, full covariances",
            size=f"n = {n:,}",
            peer=PEER,
            target=target,
            ours=Loop(e_step_of_vectors, m_step_of_vectors, {"x": x}, start),
            theirs=scikit_learn(x, start),
            iterations=iterations,
            work=Work(bytes=x.nbytes, flops=components * n * each, exponentials=components * n),
        )
