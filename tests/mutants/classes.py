"""Mutants of models with latent classes: latent class analysis, a mixture of Poisson counts."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mutants import Mutant, Params, Rows, Truth, arrays


def _no_map(expectations: Params, data: Params) -> Params:
    raise NotImplementedError("no mutant of this model maximises the posterior density")


def _no_prior(params: Params, data: Params) -> float:
    raise NotImplementedError("no mutant of this model maximises the posterior density")


def _normalised(values: Any, axis: Any = -1) -> Any:
    return values / np.sum(values, axis=axis, keepdims=True)


def _softmax(values: np.ndarray) -> np.ndarray:
    return _normalised(np.exp(values - values.max(axis=-1, keepdims=True)))


# Latent class analysis of four items with two answers, two classes. The answers are coded 0 and 1.
# An edit of the E step is a function of (log w, log density of each item), of the M step of (r,
# counts), where counts[k, j, a] is the expected number of answers a to item j in class k.

_RNG = np.random.default_rng(12)
_CLASS = (_RNG.random(40) < 0.4).astype(int)
_ANSWERS = {
    "x": (
        _RNG.random((40, 4)) < np.array([[0.2, 0.3, 0.25, 0.4], [0.8, 0.7, 0.9, 0.6]])[_CLASS]
    ).astype(float)
}


def _item_densities(params: Params, data: Params) -> np.ndarray:
    """Return the log probability of each answer in each class, shape (respondents, items, K)."""
    x = data["x"].astype(int)
    log_p = np.log(params["p2"])
    return np.stack([log_p[:, j, x[:, j]].T for j in range(x.shape[1])], axis=1)


def _answer_counts(r: np.ndarray, data: Params) -> np.ndarray:
    return np.einsum("ik,ija->kja", r, np.eye(2)[data["x"].astype(int)])


def _classes_q(expectations: Params, data: Params, params: Params) -> float:
    r = expectations["z"]
    joint = np.log(params["w"]) + _item_densities(params, data).sum(axis=1)
    return float(np.sum(r * joint))


_CLASSES_E: Rows = (
    ("weights", "left out", lambda w, items: _softmax(items.sum(axis=1)), "p(z) are left out"),
    ("weights", "twice", lambda w, items: _softmax(2 * w + items.sum(axis=1)), "are used twice"),
    ("items", "mean for sum", lambda w, items: _softmax(w + items.mean(axis=1)), ""),
    ("items", "last forgotten", lambda w, items: _softmax(w + items[:, :-1].sum(axis=1)), ""),
    (
        "hard",
        "",
        lambda w, items: np.eye(2)[(w + items.sum(axis=1)).argmax(axis=1)],
        "hard assignments",
    ),
    (
        "rounded",
        "",
        lambda w, items: np.round(_softmax(w + items.sum(axis=1)), 1),
        "rounded to 1 decimals",
    ),
    (
        "smoothed",
        "",
        lambda w, items: _normalised(np.maximum(_softmax(w + items.sum(axis=1)), 0.05)),
        "not allowed to be smaller than 0.05, and then normalised",
    ),
    (
        "axis",
        "over respondents",
        lambda w, items: _normalised(np.exp(w + items.sum(axis=1)), 0),
        "over the observations instead of the categories",
    ),
)

_CLASSES_M: Rows = (
    ("smoothed", "one added", lambda r, n: {"p2": _normalised(n + 1)}, "1 is added to each count"),
    (
        "smoothed",
        "half added to the weights",
        lambda r, n: {"w": _normalised(r.sum(axis=0) + 0.5)},
        "0.5 is added to each count",
    ),
    ("hard", "", lambda r, n: {"w": np.eye(2)[r.argmax(axis=1)].mean(axis=0)}, "hard assignments"),
    ("weighted twice", "", lambda r, n: {"w": _normalised((r**2).sum(axis=0))}, "squared"),
    ("not weighted", "w", lambda r, n: {"w": np.full(2, 0.5)}, ""),
    (
        "pooled",
        "p2",
        lambda r, n: {"p2": np.broadcast_to(_normalised(n.sum(axis=0)), n.shape)},
        "the responsibilities are left out",
    ),
    ("labels", "of answers", lambda r, n: {"p2": _normalised(n)[..., ::-1]}, "another order"),
    ("not updated", "w", lambda r, n: {"w": None}, "not updated"),
)

# The values that these return do not sum to one over the answers.
_CLASSES_OUTSIDE: Rows = (
    (
        "axis",
        "normalised over the classes",
        lambda r, n: {"p2": _normalised(n, 0)},
        "normalised over axis 0",
    ),
    (
        "axis",
        "normalised over the items",
        lambda r, n: {"p2": _normalised(n, 1)},
        "normalised over axis 1",
    ),
    (
        "axis",
        "normalised over all",
        lambda r, n: {"p2": _normalised(n, None)},
        "normalised over all axes",
    ),
    (
        "smoothed",
        "one added to the divisor",
        lambda r, n: {"p2": n / (n.sum(axis=-1, keepdims=True) + 1)},
        "1 is added to the sum of the counts",
    ),
)


def _classes_e_step(edit: Callable[..., np.ndarray]) -> Callable[..., Params]:
    def e_step(params: Params, data: Params) -> Params:
        return {"z": edit(np.log(params["w"]), _item_densities(params, data))}

    return e_step


def _classes_m_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def m_step(expectations: Params, data: Params, params: Params) -> Params:
        r = expectations["z"]
        counts = _answer_counts(r, data)
        changed = {k: params[k] if v is None else v for k, v in edit(r, counts).items()}
        return {"w": r.mean(axis=0), "p2": _normalised(counts), **changed}

    return m_step


# A mixture of Poisson distributions. An edit of the E step is a function of (x, w, lam), where x is
# a column; of the M step, of (r, x).

_COUNTS = {"x": _RNG.poisson(np.where(np.arange(40) < 25, 2.0, 6.0)).astype(float)}


def _poisson_log_joint(x: np.ndarray, w: np.ndarray, lam: np.ndarray) -> np.ndarray:
    return np.log(w) + x * np.log(lam) - lam


def _poisson_q(expectations: Params, data: Params, params: Params) -> float:
    joint = _poisson_log_joint(data["x"][:, None], params["w"], params["lam"])
    return float(np.sum(expectations["z"] * joint))


_POISSON_E: Rows = (
    (
        "density",
        "exp(-lam) left out",
        lambda x, w, lam: _softmax(np.log(w) + x * np.log(lam)),
        "exp(lam)",
    ),
    (
        "density",
        "lam for lam to the x",
        lambda x, w, lam: _softmax(np.log(w) + np.log(lam) - lam + 0 * x),
        "",
    ),
    (
        "factor 2",
        "lam twice",
        lambda x, w, lam: _softmax(_poisson_log_joint(x, w, 2 * lam)),
        "2 lam is used in place of lam",
    ),
    (
        "rate for scale",
        "",
        lambda x, w, lam: _softmax(_poisson_log_joint(x, w, 1 / lam)),
        "1/lam is used in place of lam",
    ),
    (
        "index",
        "weights reversed",
        lambda x, w, lam: _softmax(_poisson_log_joint(x, w[::-1], lam)),
        "an index is wrong",
    ),
    (
        "rounded",
        "",
        lambda x, w, lam: np.round(_softmax(_poisson_log_joint(x, w, lam))),
        "hard assignments",
    ),
)

_POISSON_M: Rows = (
    (
        "n for n_k",
        "",
        lambda r, x: {"lam": x @ r / len(x)},
        "n (the length of x) is used where the responsibilities' sum belongs",
    ),
    (
        "n - 1 for n",
        "",
        lambda r, x: {"lam": x @ r / (r.sum(axis=0) - 1)},
        "the responsibilities' sum - 1 is used",
    ),
    (
        "smoothed",
        "divisor",
        lambda r, x: {"lam": x @ r / (r.sum(axis=0) + 0.1)},
        "0.1 is added to the responsibilities' sum in the divisor",
    ),
    ("not weighted", "", lambda r, x: {"lam": np.full(2, x.mean())}, "responsibilities are left"),
    ("hard", "", lambda r, x: {"lam": x @ np.round(r) / np.round(r).sum(axis=0)}, "hard"),
    (
        "moment",
        "second",
        lambda r, x: {"lam": x**2 @ r / r.sum(axis=0)},
        "",
    ),
    (
        "smoothed",
        "one added to each weight",
        lambda r, x: {"w": _normalised(r.sum(axis=0) + 1)},
        "1 is added to each count",
    ),
)


def _poisson_e_step(edit: Callable[..., np.ndarray]) -> Callable[..., Params]:
    return lambda params, data: {"z": edit(data["x"][:, None], params["w"], params["lam"])}


def _poisson_m_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def m_step(expectations: Params, data: Params) -> Params:
        r, x = expectations["z"], data["x"]
        return {"w": r.mean(axis=0), "lam": x @ r / r.sum(axis=0), **edit(r, x)}

    return m_step


_R = np.array([[0.3, 0.7], [0.6, 0.4]])


def _mutants(
    model: str,
    step: str,
    names: Callable[..., Any],
    rows: Rows,
    wrap: Callable[..., Any],
    also: str = "",
) -> Iterator[Mutant]:
    for kind, label, edit, hint in rows:
        yield Mutant(
            model=model,
            kind=kind,
            label=label,
            step=step,
            also=frozenset(also.split()),
            names=frozenset(names(edit)),
            changes={"e_step" if step == "E" else "m_step": wrap(edit)},
            hint=hint,
        )


MUTANTS = (
    *_mutants("latent-class", "E", lambda edit: ["z"], _CLASSES_E, _classes_e_step),
    *_mutants(
        "latent-class", "M", lambda edit: edit(_R, np.ones((2, 4, 2))), _CLASSES_M, _classes_m_step
    ),
    *_mutants(
        "latent-class",
        "M",
        lambda edit: edit(_R, np.ones((2, 4, 2))),
        _CLASSES_OUTSIDE,
        _classes_m_step,
        "contract",
    ),
    *_mutants("poisson-mixture", "E", lambda edit: ["z"], _POISSON_E, _poisson_e_step),
    *_mutants(
        "poisson-mixture", "M", lambda edit: edit(_R, np.arange(2.0)), _POISSON_M, _poisson_m_step
    ),
)


def _both(p: Any) -> np.ndarray:
    """Return probabilities of both answers, shape (classes, items, 2)."""
    return np.stack([1 - np.array(p), p], axis=-1)


TRUTHS = {
    "latent-class": Truth(
        data=_ANSWERS,
        trials=(
            arrays(w=[0.6, 0.4], p2=_both([[0.2, 0.3, 0.25, 0.4], [0.8, 0.7, 0.9, 0.6]])),
            arrays(w=[0.3, 0.7], p2=_both([[0.1, 0.6, 0.35, 0.3], [0.5, 0.4, 0.7, 0.8]])),
            arrays(w=[0.8, 0.2], p2=_both([[0.4, 0.2, 0.15, 0.7], [0.9, 0.6, 0.6, 0.3]])),
        ),
        map_step=_no_map,
        q=_classes_q,
        log_prior=_no_prior,
    ),
    "poisson-mixture": Truth(
        data=_COUNTS,
        trials=(
            arrays(w=[0.6, 0.4], lam=[2.0, 6.0]),
            arrays(w=[0.3, 0.7], lam=[1.0, 4.0]),
            arrays(w=[0.8, 0.2], lam=[3.0, 8.0]),
        ),
        map_step=_no_map,
        q=_poisson_q,
        log_prior=_no_prior,
    ),
}
