"""Hidden Markov models, compared with both implementations of hmmlearn."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import hmmlearn
import numpy as np
from hmmlearn.hmm import CategoricalHMM, GaussianHMM

from engine._case import Case, Fit, Loop, Work
from latentfit.em import primitives

STATES = 4
SYMBOLS = 6
ROWS = 100_000


def e_step_of(rows: int) -> Callable[..., dict[str, Any]]:
    """The E step for a number of rows, with tables that are allocated once."""
    log_b, z = np.empty((2, rows, STATES))

    def e_step(params: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
        if "B" in params:
            primitives.log_categorical(data["x"], params["B"], out=log_b)
        else:
            primitives.log_normal(data["x"], params["mu"], params["sigma"], out=log_b)
        chain = params["start"], params["P"], data["lengths"]
        return primitives.forward_backward(log_b, *chain, out=z)._asdict()

    return e_step


def m_step(
    expectations: Mapping[str, Any], data: Mapping[str, Any], params: Mapping[str, Any]
) -> dict[str, Any]:
    transitions, z = expectations["transitions"], expectations["z"]
    new = {
        "start": expectations["starts"] / len(data["lengths"]),
        "P": transitions / transitions.sum(axis=1, keepdims=True),
    }
    if "B" in params:
        counts = primitives.weighted_counts(z, data["x"], SYMBOLS)
        return new | {"B": counts / counts.sum(axis=1, keepdims=True)}
    n, m, S = primitives.weighted_moments(z, data["x"])
    return new | {"mu": m, "sigma": np.sqrt(S / n)}


def states(rng: np.random.Generator, lengths: np.ndarray, P: np.ndarray) -> np.ndarray:  # noqa: N803
    z = np.empty(lengths.sum(), dtype=int)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    u, below = rng.random(len(z)), P.cumsum(axis=1)
    for t in range(len(z)):
        z[t] = np.searchsorted(below[z[t - 1]], u[t]) if t else 0
    z[first] = rng.integers(STATES, size=len(first))
    return z


def start_of(emission: str) -> dict[str, np.ndarray]:
    stay = 0.7 * np.eye(STATES) + 0.3 / STATES
    start = {"start": np.full(STATES, 1 / STATES), "P": stay}
    if emission == "normal":
        return start | {"mu": np.array([0.5, 2.5, 3.5, 6.5]), "sigma": np.full(STATES, 1.5)}
    return start | {"B": np.random.default_rng(2).dirichlet(np.full(SYMBOLS, 3), size=STATES)}


def sample(emission: str, lengths: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(1)
    z = states(rng, lengths, 0.8 * np.eye(STATES) + 0.2 / STATES)
    if emission == "normal":
        return rng.normal(2.0 * z, 1.0)
    B = rng.dirichlet(np.full(SYMBOLS, 0.5), size=STATES).cumsum(axis=1)
    return (rng.random(len(z))[:, None] > B[z]).sum(axis=1)


def hmmlearn_of(
    emission: str,
    implementation: str,
    x: np.ndarray,
    lengths: np.ndarray,
    start: Mapping[str, np.ndarray],
) -> Fit:
    table = x[:, None]

    def fit(iterations: int) -> float:
        common = {
            "n_iter": iterations,
            "tol": -np.inf,
            "init_params": "",
            "implementation": implementation,
        }
        if emission == "normal":
            # By default hmmlearn has a prior for the covariances.
            model = GaussianHMM(STATES, covariance_type="diag", covars_prior=0, **common)
            model.n_features = 1
            model.means_, model.covars_ = start["mu"][:, None], start["sigma"][:, None] ** 2
        else:
            model = CategoricalHMM(STATES, n_features=SYMBOLS, **common)
            model.emissionprob_ = start["B"]
        model.startprob_, model.transmat_ = start["start"], start["P"]
        model.fit(table, lengths)
        return float(model.score(table, lengths))

    return fit


def cases() -> Iterator[Case]:
    for emission in ("normal", "categorical"):
        for lengths, target in ((np.array([ROWS]), 4), (np.full(1000, ROWS // 1000), 15)):
            x, start = sample(emission, lengths), start_of(emission)
            size = f"{len(lengths):,} sequence{'s' * (len(lengths) > 1)} of {lengths[0]:,}"
            each = 8 * STATES**2 + 8 * STATES
            exponentials = STATES * ROWS
            if emission == "normal":
                each += 15 * STATES
            for implementation, named in (("log", "its default"), ("scaling", "its fastest")):
                yield Case(
                    model=f"hidden Markov, {STATES} states, {emission}",
                    size=size,
                    peer=f"hmmlearn {hmmlearn.__version__}, {implementation} ({named})",
                    target=target,
                    ours=Loop(e_step_of(ROWS), m_step, {"x": x, "lengths": lengths}, start),
                    theirs=hmmlearn_of(emission, implementation, x, lengths, start),
                    iterations=(2, 8),
                    work=Work(bytes=x.nbytes, flops=each * ROWS, exponentials=exponentials),
                )
