"""Mutants of the exponential sample with missing values."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from mutants import Mutant, Params, Rows, Truth, Variant, arrays, late

MODEL = "exponential-missing"
SHAPE, RATE = 1, 1e-3  # of the prior

# More than half is missing, so that a step straight to the maximum of the likelihood decreases Q.
Y = np.ma.masked_invalid([5.0, 1.2, np.nan, 0.7, np.nan, 3.1, np.nan, np.nan, np.nan])


# The correct derivation, from which the edits are written.


def _expected(theta: Any, y: np.ndarray) -> np.ndarray:
    return np.full(np.ma.count_masked(y), 1 / theta)


def _observed(y: np.ndarray) -> np.ndarray:
    return np.ma.compressed(y)


def _total(y: np.ndarray, missing: np.ndarray) -> float:
    return np.sum(_observed(y)) + np.sum(missing)


def _best(y: np.ndarray, missing: np.ndarray) -> float:
    return y.size / _total(y, missing)


def _log_likelihood(theta: Any, y: np.ndarray) -> float:
    return len(_observed(y)) * np.log(theta) - theta * np.sum(_observed(y))


def _q(expectations: Params, data: Params, params: Params) -> float:
    theta, y = params["theta"], data["y"]
    return y.size * np.log(theta) - theta * _total(y, expectations["y_unobserved"])


def _log_prior(params: Params, data: Params) -> float:
    return (SHAPE - 1) * np.log(params["theta"]) - RATE * params["theta"]


# Steps that are too long for a line of the tables.


def _fills_in_place(params: Params, data: Mapping[str, Any]) -> Params:
    y = data["y"]
    missing = _expected(params["theta"], y)
    y[np.ma.getmaskarray(y)] = missing
    return {"y_unobserved": missing}


def _draw(good: np.ndarray, theta: Any, y: np.ndarray) -> np.ndarray:
    return np.random.default_rng().exponential(good)


def _map_step(expectations: Params, data: Params) -> Params:
    y = data["y"]
    shape, rate = SHAPE - 1 + y.size, RATE + _total(y, expectations["y_unobserved"])
    return {"theta": shape / rate}


def _newton(expectations: Params, data: Params, params: Params) -> Params:
    """Return one Newton step on Q, halved until Q increases: a generalised EM step."""
    theta, n = params["theta"], data["y"].size
    total = _total(data["y"], expectations["y_unobserved"])
    step, old_q = theta - total * theta**2 / n, n * np.log(theta) - theta * total
    while theta + step <= 0 or n * np.log(theta + step) - (theta + step) * total < old_q:
        if abs(step) < 1e-12 * theta:
            return {"theta": theta}
        step = step / 2
    return {"theta": theta + step}


def _bisection(expectations: Params, data: Params) -> Params:
    n, total = data["y"].size, _total(data["y"], expectations["y_unobserved"])
    low, high = 0.0, 1.0
    while n / high > total:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if n / middle > total else (low, middle)
    return {"theta": (low + high) / 2}


def _halfway(expectations: Params, data: Params, params: Params) -> Params:
    # -Q is a Bregman divergence in 1/theta, and decreases along the segment to the maximum of Q.
    best = _best(data["y"], expectations["y_unobserved"])
    return {"theta": 2 / (1 / best + 1 / params["theta"])}


def _closed_form(expectations: Params, data: Params, params: Params) -> Params:
    theta, y = params["theta"], data["y"]
    return {"theta": y.size * theta / (np.sum(_observed(y)) * theta + np.ma.count_masked(y))}


def _with_total_twice(params: Params, data: Params) -> Params:
    sums = _with_total(params, data)
    return {**sums, "total": sums["total"] + np.sum(sums["y_unobserved"])}


def _from_total(expectations: Params, data: Params) -> Params:
    return {"theta": expectations["n"] / expectations["total"]}


def _with_total(params: Params, data: Params) -> Params:
    missing = _expected(params["theta"], data["y"])
    return {"y_unobserved": missing, "total": _total(data["y"], missing), "n": data["y"].size}


# The tables. An edit of the E step is a function of (good, theta, y), where `good` is what the
# correct step returns; of the M step, of (y, missing, old); of log p(y | θ), of (good, theta, y).

_E_STEPS: Rows = (
    ("rate for scale", "theta for 1/theta", lambda good, theta, y: np.full_like(good, theta)),
    ("variance for mean", "1/theta²", lambda good, theta, y: good**2),
    ("wrong moment", "second moment", lambda good, theta, y: 2 * good**2),
    ("wrong moment", "median", lambda good, theta, y: np.log(2) * good),
    ("wrong moment", "exp of E log y", lambda good, theta, y: np.exp(-np.euler_gamma) * good),
    ("wrong sign", "-1/theta", lambda good, theta, y: -good),
    ("missing values", "counted as zero", lambda good, theta, y: 0 * good),
    ("missing values", "only the first", lambda good, theta, y: good * (np.arange(good.size) < 1)),
    ("missing values", "taken for censored", lambda good, theta, y: y.max() + good),
    ("right only at the maximum", "data mean", lambda good, theta, y: np.full_like(good, y.mean())),
    ("right only at the maximum", "half data mean", lambda good, theta, y: (y.mean() + good) / 2),
    ("params ignored", "one", lambda good, theta, y: np.ones_like(good)),
    ("sum for mean", "total for each", lambda good, theta, y: good * good.size),
    ("mean for sum", "shared out", lambda good, theta, y: good / good.size),
)

_M_STEPS: Rows = (
    ("n - 1 for n", "", lambda y, missing, old: (y.size - 1) / _total(y, missing)),
    ("n + 1 for n", "", lambda y, missing, old: (y.size + 1) / _total(y, missing)),
    ("n of observed only", "", lambda y, missing, old: y.count() / _total(y, missing)),
    ("missing values", "in n alone", lambda y, missing, old: y.size / y.sum()),
    ("missing values", "dropped", lambda y, missing, old: y.count() / y.sum()),
    ("scale for rate", "mean", lambda y, missing, old: _total(y, missing) / y.size),
    ("sum for mean", "1/sum", lambda y, missing, old: 1 / _total(y, missing)),
    ("mean for sum", "missing", lambda y, missing, old: y.size / (y.sum() + missing.mean())),
    (
        "sd for mean",
        "one over the sd",
        lambda y, missing, old: 1 / np.std(np.append(_observed(y), missing)),
    ),
    ("algebra", "theta lost", lambda y, missing, old: y.size * old / (y.sum() + missing.size)),
    ("algebra", "of n = 2, y = 5", lambda y, missing, old: 2 * old / (5 * old + 1)),
    ("algebra", "m counted twice", lambda y, missing, old: y.size / _total(y, 2 * missing)),
    ("prior", "mode counted", lambda y, missing, old: y.size / (RATE + _total(y, missing))),
    ("prior", "posterior mean", lambda y, missing, old: (SHAPE + y.size) / _total(y, missing)),
    ("not updated", "theta", lambda y, missing, old: old),
    ("backwards", "", lambda y, missing, old: old * np.sqrt(old * _total(y, missing) / y.size)),
    ("overshoot", "", lambda y, missing, old: old * (y.size / _total(y, missing) / old) ** 5),
)

_LOG_LIKELIHOODS: Rows = (
    ("off by a constant", "", lambda good, theta, y: good + 1),
    ("mean for sum", "", lambda good, theta, y: good / y.count()),
    ("factor 2", "", lambda good, theta, y: 2 * good),
    ("wrong sign", "", lambda good, theta, y: -good),
    ("missing values", "in n", lambda good, theta, y: good + np.ma.count_masked(y) * np.log(theta)),
    ("complete data", "", lambda good, theta, y: y.size * (np.log(theta) - 1)),
    ("probability for its log", "", lambda good, theta, y: np.exp(good)),
    ("prior", "counted", lambda good, theta, y: good - RATE * theta),
)

# Here the edit is all that the step returns; then come the wrong names and the other steps at which
# the mistake may be reported.
_RETURNED_BY_M: Rows = (
    ("shape", "of one", lambda y, missing, old: {"theta": [_best(y, missing)]}, "theta", ""),
    ("name", "rate", lambda y, missing, old: {"rate": _best(y, missing)}, "theta rate", ""),
    ("name", "invented", lambda y, missing, old: {"theta": _best(y, missing), "n": 9}, "n", ""),
    ("nothing returned", "M step", lambda y, missing, old: None, "theta m_step", ""),
    ("raises", "M step", lambda y, missing, old: {"theta": missing["y"]}, "theta m_step", ""),
    ("support", "negative", lambda y, missing, old: {"theta": -_best(y, missing)}, "theta", "M"),
    ("support", "NaN in the M step", lambda y, missing, old: {"theta": old * np.nan}, "theta", "M"),
)

_RETURNED_BY_E: Rows = (
    ("shape", "one for all", lambda good, theta, y: {"y_unobserved": good[0]}),
    ("shape", "one for every y", lambda good, theta, y: {"y_unobserved": np.full(y.size, good[0])}),
    ("name", "y", lambda good, theta, y: {"y": good}),
    ("nothing returned", "E step", lambda good, theta, y: None),
    ("raises", "E step", lambda good, theta, y: {"y_unobserved": y["missing"]}),
    ("support", "NaN in the E step", lambda good, theta, y: {"y_unobserved": good * np.nan}),
)


def _e_step(edit: Callable[..., Any]) -> Callable[..., Any]:
    def e_step(params: Params, data: Params) -> Any:
        theta, y = params["theta"], data["y"]
        return edit(_expected(theta, y), theta, y)

    return e_step


def _m_step(edit: Callable[..., Any]) -> Callable[..., Any]:
    def m_step(expectations: Params, data: Params, params: Params) -> Any:
        return edit(data["y"], expectations["y_unobserved"], params["theta"])

    return m_step


def _log_likelihood_of(edit: Callable[..., float]) -> Callable[..., float]:
    def log_likelihood(params: Params, data: Params) -> float:
        theta, y = params["theta"], data["y"]
        return edit(_log_likelihood(theta, y), theta, y)

    return log_likelihood


def _entry(name: str, edit: Callable[..., Any]) -> Callable[..., Params]:
    return lambda *given: {name: edit(*given)}


def _mutant(step: str, names: str, kind: str, label: str, also: str = "", **changes: Any) -> Mutant:
    return Mutant(
        model=MODEL,
        kind=kind,
        label=label,
        step=step,
        also=frozenset(also.split()),
        names=frozenset(names.split()),
        changes=changes,
    )


def _edits() -> Iterator[Mutant]:
    for kind, label, edit in _E_STEPS:
        step = _e_step(_entry("y_unobserved", edit))
        yield _mutant("E", "y_unobserved", kind, label, e_step=step)
    for kind, label, edit in _M_STEPS:
        yield _mutant("M", "theta", kind, label, m_step=_m_step(_entry("theta", edit)))
    for kind, label, edit in _LOG_LIKELIHOODS:
        step = _log_likelihood_of(edit)
        yield _mutant("log_likelihood", "log_likelihood", kind, label, log_likelihood=step)
    for kind, label, edit, names, also in _RETURNED_BY_M:
        yield _mutant("contract", names, kind, label, also, m_step=_m_step(edit))
    for kind, label, edit in _RETURNED_BY_E:
        step = _e_step(edit)
        yield _mutant("contract", "y_unobserved y e_step", kind, label, "E", e_step=step)


MUTANTS = (
    *_edits(),
    _mutant(
        "contract",
        "y_unobserved e_step",
        "random",
        "a draw",
        "E",
        e_step=_e_step(_entry("y_unobserved", _draw)),
    ),
    _mutant(
        "contract",
        "y_unobserved e_step",
        "hidden state",
        "E step one call late",
        "E",
        e_step=late(_e_step(_entry("y_unobserved", lambda good, theta, y: good))),
    ),
    _mutant(
        "contract",
        "y_unobserved e_step",
        "argument changed",
        "filled in in place",
        "E",
        e_step=_fills_in_place,
    ),
    _mutant(
        "log_likelihood",
        "log_likelihood",
        "hidden state",
        "log-likelihood one call late",
        "contract",
        log_likelihood=late(_log_likelihood_of(lambda good, theta, y: good)),
    ),
    _mutant(
        "M",
        "theta",
        "extra entries",
        "a total that counts the missing values twice",
        "E",
        e_step=_with_total_twice,
        m_step=_from_total,
    ),
    _mutant(
        "M",
        "theta",
        "prior",
        "not counted, although the objective is the posterior",
        objective="posterior",
    ),
)

CORRECT = (
    Variant(MODEL, "MAP", {"m_step": _map_step, "objective": "posterior"}),
    Variant(MODEL, "Newton with step halving (GEM)", {"m_step": _newton}),
    Variant(MODEL, "half a step in 1/theta (GEM)", {"m_step": _halfway}),
    Variant(MODEL, "closed form in the old theta", {"m_step": _closed_form}),
    Variant(MODEL, "bisection", {"m_step": _bisection}),
    Variant(MODEL, "a sum among the expectations", {"e_step": _with_total, "m_step": _from_total}),
    Variant(
        MODEL,
        "float32",
        {
            "e_step": _e_step(lambda good, theta, y: {"y_unobserved": np.float32(good)}),
            "m_step": _m_step(lambda y, missing, old: {"theta": np.float32(_best(y, missing))}),
        },
    ),
    Variant(
        MODEL,
        "lists",
        {"e_step": _e_step(lambda good, theta, y: {"y_unobserved": good.tolist()})},
    ),
)

TRUTHS = {
    MODEL: Truth(
        data={"y": Y},
        trials=tuple(arrays(theta=theta) for theta in (0.03, 0.3, 0.41, 0.7, 6.0)),
        map_step=_map_step,
        q=_q,
        log_prior=_log_prior,
    )
}
