"""Mutants of the hidden Markov model: eight short sequences of counts, start estimated."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.special import gammaln

from mutants import Mutant, Params, Rows, Truth, Variant, arrays

MODEL = "hidden-markov"
SEQUENCES, TIMES = 8, 8


def _simulated() -> np.ndarray:
    """Simulate counts, shape (time, sequence).

    The states overlap, so that hard and soft assignments differ, and filtered and smoothed
    probabilities, and both directions of a transition.
    """
    rng = np.random.default_rng(6)
    p = np.array([[0.85, 0.15], [0.35, 0.65]])
    z = [(rng.random(SEQUENCES) < 0.4).astype(int)]
    for _ in range(TIMES - 1):
        z.append((rng.random(SEQUENCES) < p[z[-1], 1]).astype(int))
    return rng.poisson(np.array([3.0, 8.0])[np.array(z)]).astype(float)


X = _simulated()


# The correct derivation, from which the edits are written. The first axis is always the sequence,
# the second time; the sequences are short enough to work without logarithms.


def _normalised(values: Any, axis: Any = -1) -> np.ndarray:
    return values / np.sum(values, axis=axis, keepdims=True)


def _one_hot(values: np.ndarray) -> np.ndarray:
    return np.eye(values.shape[-1])[np.argmax(values, axis=-1)]


def _emission(x: np.ndarray, lam: np.ndarray) -> np.ndarray:
    return np.exp(x[..., None] * np.log(lam) - lam - gammaln(x + 1)[..., None])


def _forward(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> np.ndarray:
    alpha = [start * b[:, 0]]
    for t in range(1, b.shape[1]):
        alpha.append(alpha[-1] @ p * b[:, t])
    return np.stack(alpha, axis=1)


def _backward(p: np.ndarray, b: np.ndarray) -> np.ndarray:
    beta = [np.ones_like(b[:, 0])]
    for t in range(b.shape[1] - 1, 0, -1):
        beta.insert(0, (b[:, t] * beta[0]) @ p.T)
    return np.stack(beta, axis=1)


def _pairs(alpha: np.ndarray, p: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Return probabilities of pairs, shape (sequences, times - 1, K, K)."""
    return _normalised(alpha[:, :-1, :, None] * p * following[:, :, None, :], (-2, -1))


def _expectations(alpha: np.ndarray, beta: np.ndarray, p: np.ndarray, b: np.ndarray) -> Params:
    pairs = _pairs(alpha, p, (b * beta)[:, 1:])
    return {"z": _normalised(alpha * beta), "transitions": pairs.sum(axis=(0, 1))}


def _smoothed(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> Params:
    return _expectations(_forward(start, p, b), _backward(p, b), p, b)


def _mean(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.einsum("stk,st->k", z, x) / z.sum(axis=(0, 1))


def _best(z: np.ndarray, n: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    return {"P": _normalised(n), "lam": _mean(z, x), "start": z[:, 0].mean(axis=0)}


def _log_likelihood(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> float:
    return float(np.log(_forward(start, p, b)[:, -1].sum(axis=-1)).sum())


def _q(expectations: Params, data: Params, params: Params) -> float:
    z, x = expectations["z"], data["x"].T
    return float(
        np.sum(z[:, 0] * np.log(params["start"]))
        + np.sum(expectations["transitions"] * np.log(params["P"]))
        + np.sum(z * np.log(_emission(x, params["lam"])))
    )


def _log_prior(params: Params, data: Params) -> float:
    lam = params["lam"]
    return float(np.sum(np.log(lam) - 2 / np.mean(data["x"]) * lam))


# Edits that are too long for a line of the tables.


def _viterbi(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> Params:
    """Return the most probable path in place of the probabilities of all paths."""
    largest, predecessors = start * b[:, 0], []
    for t in range(1, b.shape[1]):
        candidates = largest[:, :, None] * p
        predecessors.append(candidates.argmax(axis=1))
        largest = candidates.max(axis=1) * b[:, t]
    path = [largest.argmax(axis=-1)]
    for before in reversed(predecessors):
        path.insert(0, before[np.arange(len(before)), path[0]])
    z = np.eye(len(p))[np.stack(path, axis=1)]
    return {"z": z, "transitions": np.einsum("stj,stk->jk", z[:, :-1], z[:, 1:])}


def _emission_too_late(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> Params:
    """Use the emission at the earlier time of each pair in place of the later one."""
    alpha, beta = _forward(start, p, b), _backward(p, b)
    return {"transitions": _pairs(alpha, p, b[:, :-1] * beta[:, 1:]).sum(axis=(0, 1))}


def _beta_off_by_one(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> Params:
    """Use the emission at the same time in the backward pass, which alpha has already."""
    beta = _backward(p, np.concatenate([b[:, :1], b[:, :-1]], axis=1))
    return _expectations(_forward(start, p, b), beta, p, b)


def _joined(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> Params:
    """Treat all sequences as one, each continuing from the end of the one before."""
    whole = _smoothed(start, p, b.reshape(1, -1, len(p)))
    return {**whole, "z": whole["z"].reshape(b.shape)}


# The tables. An edit of the E step is a function of (start, p, b), where p is P and b[s, t, k] the
# probability of x_ts in state k, that returns the entries of `_smoothed` that it changes; of the M
# step, of (z, n, x, old), that returns the entries of `_best` that it changes; of log p(x | θ), of
# (start, p, b).

_E_STEPS: Rows = (
    ("transition", "transposed", lambda start, p, b: _smoothed(start, p.T, b)),
    (
        "transition",
        "transposed in the backward pass",
        lambda start, p, b: _expectations(_forward(start, p, b), _backward(p.T, b), p, b),
    ),
    ("transition", "left out", lambda start, p, b: _smoothed(start, np.full_like(p, 0.5), b)),
    (
        "pairs",
        "pairs transposed",
        lambda start, p, b: {"transitions": _smoothed(start, p, b)["transitions"].T},
    ),
    (
        "pairs",
        "products of marginals",
        lambda start, p, b: {
            "transitions": np.einsum(
                "stj,stk->jk", *(_smoothed(start, p, b)["z"][:, part] for part in _NEIGHBOURS)
            )
        },
    ),
    (
        "pairs",
        "beta left out",
        lambda start, p, b: {
            "transitions": _pairs(_forward(start, p, b), p, b[:, 1:]).sum(axis=(0, 1))
        },
    ),
    (
        "pairs",
        "smoothed times transition",
        lambda start, p, b: {"transitions": np.einsum("stj,jk->jk", _all_but_last(start, p, b), p)},
    ),
    ("pairs", "emission of the wrong time", _emission_too_late),
    (
        "pairs",
        "emission left out",
        lambda start, p, b: {
            "transitions": _pairs(_forward(start, p, b), p, _backward(p, b)[:, 1:]).sum(axis=(0, 1))
        },
    ),
    (
        "mean for sum",
        "over the sequences",
        lambda start, p, b: {"transitions": _smoothed(start, p, b)["transitions"] / len(b)},
    ),
    ("off by one", "beta", _beta_off_by_one),
    ("filtered", "states", lambda start, p, b: {"z": _normalised(_forward(start, p, b))}),
    (
        "filtered",
        "throughout",
        lambda start, p, b: _expectations(_forward(start, p, b), np.ones_like(b), p, b),
    ),
    ("start", "left out", lambda start, p, b: _smoothed(np.ones_like(start), p, b)),
    ("start", "one step late", lambda start, p, b: _smoothed(start @ p, p, b)),
    ("start", "sequences joined into one", _joined),
    ("hard", "states", lambda start, p, b: {"z": _one_hot(_smoothed(start, p, b)["z"])}),
    ("hard", "most probable path", _viterbi),
    (
        "not normalised",
        "alpha beta",
        lambda start, p, b: {"z": _forward(start, p, b) * _backward(p, b)},
    ),
    ("data ignored", "", lambda start, p, b: _smoothed(start, p, np.ones_like(b))),
)

_NEIGHBOURS = (slice(None, -1), slice(1, None))


def _all_but_last(start: np.ndarray, p: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _smoothed(start, p, b)["z"][:, :-1]


_M_STEPS: Rows = (
    ("transition", "counts read transposed", lambda z, n, x, old: {"P": _normalised(n.T)}),
    (
        "pairs",
        "products of marginals",
        lambda z, n, x, old: {
            "P": _normalised(np.einsum("stj,stk->jk", *(z[:, part] for part in _NEIGHBOURS)))
        },
    ),
    ("prior", "one added to each transition", lambda z, n, x, old: {"P": _normalised(n + 1)}),
    ("hard", "states", lambda z, n, x, old: {"lam": _mean(_one_hot(z), x)}),
    ("not updated", "P", lambda z, n, x, old: {"P": old["P"]}),
    ("not updated", "lam", lambda z, n, x, old: {"lam": old["lam"]}),
    ("not updated", "start uniform", lambda z, n, x, old: {"start": np.full(2, 0.5)}),
    ("sum for mean", "lam", lambda z, n, x, old: {"lam": np.einsum("stk,st->k", z, x)}),
    (
        "n for n_k",
        "lam",
        lambda z, n, x, old: {"lam": np.einsum("stk,st->k", z, x) / x.size},
    ),
    (
        "n for n_k",
        "divided by the transitions",
        lambda z, n, x, old: {"lam": np.einsum("stk,st->k", z, x) / n.sum(axis=1)},
    ),
    ("off by one", "weights one late", lambda z, n, x, old: {"lam": _mean(z[:, 1:], x[:, :-1])}),
    (
        "axis",
        "time and sequence confused",
        lambda z, n, x, old: {"lam": _mean(z, x.T.reshape(x.shape))},
    ),
    ("labels", "lam reversed", lambda z, n, x, old: {"lam": _mean(z, x)[::-1]}),
    (
        "labels",
        "all reversed, rows of P not",
        lambda z, n, x, old: {key: value[..., ::-1] for key, value in _best(z, n, x).items()},
    ),
    ("start", "of all times", lambda z, n, x, old: {"start": z.mean(axis=(0, 1))}),
)

# The values of P or start that these return do not sum to one.
_OUTSIDE: Rows = (
    ("transition", "transposed", lambda z, n, x, old: {"P": _normalised(n).T}),
    ("axis", "normalised over columns", lambda z, n, x, old: {"P": _normalised(n, 0)}),
    (
        "n - 1 for n",
        "all T for T - 1",
        lambda z, n, x, old: {"P": n / z.sum(axis=(0, 1))[:, None]},
    ),
    ("axis", "normalised over all", lambda z, n, x, old: {"P": _normalised(n, None)}),
    ("sum for mean", "start", lambda z, n, x, old: {"start": z[:, 0].sum(axis=0)}),
)

_LOG_LIKELIHOODS: Rows = (
    (
        "start",
        "left out",
        lambda start, p, b: _log_likelihood(np.ones_like(start), p, b),
    ),
    ("transition", "transposed", lambda start, p, b: _log_likelihood(start, p.T, b)),
    ("off by one", "one sequence", lambda start, p, b: _log_likelihood(start, p, b[:1])),
    (
        "hard",
        "largest of the last alpha",
        lambda start, p, b: np.log(_forward(start, p, b)[:, -1].max(axis=-1)).sum(),
    ),
    (
        "sum over all times",
        "",
        lambda start, p, b: np.log(_forward(start, p, b).sum(axis=-1)).sum(),
    ),
    ("axis", "log of the sum", lambda start, p, b: np.log(_forward(start, p, b)[:, -1].sum())),
)


# Words that the hints for mistakes with the chain have to contain, by step, kind and label.
_HINTS = {
    ("E", "transition", "transposed"): "the transition matrix is transposed",
    ("E", "transition", "left out"): "the transition matrix is left out",
    ("E", "pairs", "pairs transposed"): "transposed",
    ("E", "pairs", "products of marginals"): "as if neighbours were independent",
    ("E", "filtered", "states"): "filtered",
    ("E", "filtered", "throughout"): "filtered",
    ("E", "start", "left out"): "the initial distribution is left out",
    ("M", "not updated", "P"): "not updated",
    ("M", "transition", "transposed"): "the transition matrix is transposed",
    ("M", "axis", "normalised over columns"): "normalised over the states that are left",
    ("M", "n - 1 for n", "all T for T - 1"): "all T time points in place of T - 1",
    ("M", "axis", "normalised over all"): "divided by their total",
}


def _with_prior(z: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the mode under lam ~ Gamma(2, 2 / mean of x)."""
    return (np.einsum("stk,st->k", z, x) + 1) / (z.sum(axis=(0, 1)) + 2 / np.mean(x))


def _e_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def e_step(params: Params, data: Params) -> Params:
        given = params["start"], params["P"], _emission(data["x"].T, params["lam"])
        return {**_smoothed(*given), **edit(*given)}

    return e_step


def _m_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def m_step(expectations: Params, data: Params, params: Params) -> Params:
        z, n, x = expectations["z"], expectations["transitions"], data["x"].T
        return {**_best(z, n, x), **edit(z, n, x, params)}

    return m_step


def _log_likelihood_of(edit: Callable[..., float]) -> Callable[..., float]:
    def log_likelihood(params: Params, data: Params) -> float:
        return edit(params["start"], params["P"], _emission(data["x"].T, params["lam"]))

    return log_likelihood


def _mutant(step: str, names: Any, kind: str, label: str, also: str = "", **changes: Any) -> Mutant:
    return Mutant(
        hint=_HINTS.get((step, kind, label), ""),
        model=MODEL,
        kind=kind,
        label=label,
        step=step,
        also=frozenset(also.split()),
        names=frozenset(names),
        changes=changes,
    )


def _edits() -> Iterator[Mutant]:
    start, p, lam = (_TRIALS[0][name] for name in ("start", "P", "lam"))
    b = _emission(X.T, lam)
    given = _smoothed(start, p, b)
    z, n = given["z"], given["transitions"]
    for kind, label, edit in _E_STEPS:
        yield _mutant("E", edit(start, p, b), kind, label, e_step=_e_step(edit))
    for kind, label, edit in _M_STEPS:
        names = edit(z, n, X.T, _TRIALS[0])
        yield _mutant("M", names, kind, label, m_step=_m_step(edit))
    for kind, label, edit in _OUTSIDE:
        names = edit(z, n, X.T, _TRIALS[0])
        yield _mutant("M", names, kind, label, "contract", m_step=_m_step(edit))
    for kind, label, edit in _LOG_LIKELIHOODS:
        step = _log_likelihood_of(edit)
        yield _mutant("log_likelihood", ["log_likelihood"], kind, label, log_likelihood=step)


_TRIALS = (
    arrays(start=[0.6, 0.4], P=[[0.8, 0.2], [0.3, 0.7]], lam=[3.0, 7.0]),
    arrays(start=[0.3, 0.7], P=[[0.9, 0.1], [0.4, 0.6]], lam=[4.0, 6.0]),
    arrays(start=[0.8, 0.2], P=[[0.6, 0.4], [0.1, 0.9]], lam=[2.0, 9.0]),
)

MUTANTS = tuple(_edits())


# Right derivations.


def _scaled(params: Params, data: Params) -> Params:
    """Return expectations from passes with every alpha scaled to sum to one (Rabiner 1989)."""
    p, b = params["P"], _emission(data["x"].T, params["lam"])
    z, transitions = [], np.zeros_like(p)
    for seen in b:
        alpha, scale = np.empty_like(seen), np.empty(len(seen))
        for t, density in enumerate(seen):
            alpha[t] = (alpha[t - 1] @ p if t else params["start"]) * density
            scale[t] = alpha[t].sum()
            alpha[t] /= scale[t]
        beta = np.ones_like(seen)
        for t in range(len(seen) - 2, -1, -1):
            beta[t] = p @ (seen[t + 1] * beta[t + 1]) / scale[t + 1]
        z.append(alpha * beta)
        for t in range(len(seen) - 1):
            after = seen[t + 1] * beta[t + 1] / scale[t + 1]
            transitions += np.outer(alpha[t], after) * p
    return {"z": np.array(z), "transitions": transitions}


def _map(expectations: Params, data: Params) -> Params:
    z, n, x = expectations["z"], expectations["transitions"], data["x"].T
    return {**_best(z, n, x), "lam": _with_prior(z, x)}


def _halfway(z: np.ndarray, n: np.ndarray, x: np.ndarray, old: Params) -> Params:
    # Q is concave in each parameter, and increases along the segment to its maximum.
    return {name: (value + old[name]) / 2 for name, value in _best(z, n, x).items()}


CORRECT = (
    Variant(MODEL, "MAP", {"m_step": _map, "objective": "posterior"}),
    Variant(MODEL, "scaled probabilities in place of logarithms", {"e_step": _scaled}),
    Variant(MODEL, "half a step (GEM)", {"m_step": _m_step(_halfway)}),
)

TRUTHS = {
    MODEL: Truth(
        data={"x": X},
        options={"start": "estimated"},
        trials=_TRIALS,
        map_step=_map,
        q=_q,
        log_prior=_log_prior,
    )
}
