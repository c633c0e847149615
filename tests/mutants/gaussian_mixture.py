"""Mutants of the mixture of normal distributions."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mutants import Mutant, Params, Rows, Truth, Variant, arrays, late

MODEL = "gaussian-mixture"

# Two overlapping groups, so that hard and soft assignments differ in many rows.
_RNG = np.random.default_rng(20)
X = np.concatenate([_RNG.normal(7.0, 1.0, 80), _RNG.normal(9.5, 0.6, 40)])


# The correct derivation, from which the edits are written. Everywhere x is a column.


def _log_phi(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    return -np.log(sigma) - 0.5 * np.log(2 * np.pi) - 0.5 * ((x - mu) / sigma) ** 2


def _log_joint(x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    return np.log(w) + _log_phi(x, mu, sigma)


def _normalised(values: np.ndarray, axis: int | None = -1) -> np.ndarray:
    """Return positive numbers divided by their sum."""
    return values / np.sum(values, axis=axis, keepdims=True)


def _softmax(values: np.ndarray) -> np.ndarray:
    return _normalised(np.exp(values - values.max(axis=-1, keepdims=True)))


def _responsibilities(
    x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    return _softmax(_log_joint(x, w, mu, sigma))


def _mean(r: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.sum(r * x, axis=0) / np.sum(r, axis=0)


def _squares(r: np.ndarray, x: np.ndarray, mu: Any) -> np.ndarray:
    """Return the weighted sums of squares about mu."""
    return np.sum(r * (x - mu) ** 2, axis=0)


def _sd(r: np.ndarray, x: np.ndarray, mu: Any) -> np.ndarray:
    return np.sqrt(_squares(r, x, mu) / np.sum(r, axis=0))


def _best(r: np.ndarray, x: np.ndarray) -> dict[str, np.ndarray]:
    mu = _mean(r, x)
    return {"w": np.mean(r, axis=0), "mu": mu, "sigma": _sd(r, x, mu)}


def _about(r: np.ndarray, x: np.ndarray, mu: Any) -> Params:
    """Return the given means, and the standard deviations about them."""
    return {"mu": mu, "sigma": _sd(r, x, mu)}


def _log_likelihood(x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> float:
    return float(np.sum(np.logaddexp.reduce(_log_joint(x, w, mu, sigma), axis=-1)))


def _q(expectations: Params, data: Params, params: Params) -> float:
    x = data["x"][:, None]
    joint = _log_joint(x, params["w"], params["mu"], params["sigma"])
    return float(np.sum(expectations["z"] * joint))


def _log_prior(params: Params, data: Params) -> float:
    centre, sd_of_x = np.mean(data["x"]), np.std(data["x"])
    mu, log_sigma = params["mu"], np.log(params["sigma"])
    return float(
        np.sum(
            -0.5 * ((mu - centre) / (2 * sd_of_x)) ** 2
            - log_sigma
            - 0.5 * (log_sigma - np.log(sd_of_x)) ** 2
        )
    )


# Edits that are too long for a line of the tables.


def _one_hot(scores: np.ndarray) -> np.ndarray:
    return np.eye(scores.shape[-1])[np.argmax(scores, axis=-1)]


def _stabilised_by_column(
    x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    joint = _log_joint(x, w, mu, sigma)
    return _normalised(np.exp(joint - joint.max(axis=0)))


def _one_iteration_ahead(
    x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    return _responsibilities(x, **_best(_responsibilities(x, w, mu, sigma), x))


def _last_row_forgotten(
    x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    r = _responsibilities(x, w, mu, sigma)
    return r * (np.arange(len(x)) < len(x) - 1)[:, None]


def _drawn(x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    r = _responsibilities(x, w, mu, sigma)
    return np.random.default_rng().multinomial(1, r).astype(float)


def _annealed() -> Callable[..., np.ndarray]:
    calls = [0]

    def responsibilities(
        x: np.ndarray, w: np.ndarray, mu: np.ndarray, sigma: np.ndarray
    ) -> np.ndarray:
        calls[0] += 1
        return _softmax(_log_joint(x, w, mu, sigma) / (1 + 1 / calls[0]))

    return responsibilities


def _squares_params(params: dict[str, Any], data: Params) -> Params:
    variance = params["sigma"]
    variance *= variance
    x = data["x"][:, None]
    return {"z": _responsibilities(x, params["w"], params["mu"], np.sqrt(variance))}


def _centres_data(params: Params, data: dict[str, Any]) -> Params:
    x = data["x"]
    centre = np.mean(x)
    x -= centre
    mu = params["mu"] - centre
    return {"z": _responsibilities(x[:, None], params["w"], mu, params["sigma"])}


def _mean_with_prior(r: np.ndarray, x: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Return the mode under mu ~ N(mean of x, (2 sd of x)²), given sigma."""
    own, prior = np.sum(r, axis=0) / sigma**2, 1 / (2 * np.std(x)) ** 2
    return (own * _mean(r, x) + prior * np.mean(x)) / (own + prior)


def _sd_with_prior(r: np.ndarray, x: np.ndarray, mu: np.ndarray) -> np.ndarray:
    """Return the mode under log sigma ~ N(log sd of x, 1), natural scale, given mu, by Newton."""
    squares, n = _squares(r, x, mu), np.sum(r, axis=0)
    u = 0.5 * np.log(squares / (n + 1))
    for _ in range(8):
        excess = squares * np.exp(-2 * u) - (n + 1) - (u - np.log(np.std(x)))
        u = u + excess / (2 * squares * np.exp(-2 * u) + 1)
    return np.exp(u)


def _map(r: np.ndarray, x: np.ndarray, old: Params) -> Params:
    sigma = _best(r, x)["sigma"]
    for _ in range(10):
        mu = _mean_with_prior(r, x, sigma)
        sigma = _sd_with_prior(r, x, mu)
    return {"mu": mu, "sigma": sigma}


def _backwards(r: np.ndarray, x: np.ndarray, old: Params) -> Params:
    mu, sigma = old["mu"], old["sigma"]
    return {"mu": 2 * mu - _mean(r, x), "sigma": sigma**2 / _best(r, x)["sigma"]}


def _last_forgotten(r: np.ndarray, x: np.ndarray, old: Params) -> Params:
    return {**_best(r[:-1], x[:-1]), "w": np.sum(r[:-1], axis=0) / len(x)}


def _late_sigma() -> Callable[..., Params]:
    """Return an edit with sigma from the responsibilities of the previous call."""
    before = late(_best)
    return lambda r, x, old: _best(r, x) | {"sigma": before(r, x)["sigma"]}


def _equal_components(data: Params, rng: np.random.Generator, components: int = 2) -> Params:
    mean, sd = np.mean(data["x"]), np.std(data["x"])
    return {
        "w": _normalised(np.ones(components)),
        "mu": np.full(components, mean),
        "sigma": np.full(components, sd),
    }


def _equal_but_weights(data: Params, rng: np.random.Generator, components: int = 2) -> Params:
    w = _normalised(np.arange(1.0, components + 1))
    return {**_equal_components(data, rng, components), "w": w}


def _halfway(r: np.ndarray, x: np.ndarray, old: Params) -> Params:
    # -Q is a Bregman divergence in the moments, and decreases along the segment to its minimum.
    best = _best(r, x)
    w, mu, square = (
        (now + before) / 2
        for now, before in (
            (best["w"], old["w"]),
            (best["mu"], old["mu"]),
            (best["mu"] ** 2 + best["sigma"] ** 2, old["mu"] ** 2 + old["sigma"] ** 2),
        )
    )
    return {"w": w, "mu": mu, "sigma": np.sqrt(square - mu**2)}


def _loops(expectations: Params, data: Params) -> Params:
    r, x = expectations["z"], data["x"]
    w, mu, sigma = [], [], []
    for k in range(r.shape[1]):
        n = sum(r[i, k] for i in range(len(x)))
        mean = sum(r[i, k] * x[i] for i in range(len(x))) / n
        w.append(n / len(x))
        mu.append(mean)
        sigma.append((sum(r[i, k] * (x[i] - mean) ** 2 for i in range(len(x))) / n) ** 0.5)
    return {"w": np.array(w), "mu": np.array(mu), "sigma": np.array(sigma)}


def _with_sums(params: Params, data: Params) -> Params:
    x = data["x"]
    r = _responsibilities(x[:, None], params["w"], params["mu"], params["sigma"])
    return {"z": r, "n": r.sum(axis=0), "sum": x @ r, "squares": x**2 @ r}


def _with_one_too_many(params: Params, data: Params) -> Params:
    sums = _with_sums(params, data)
    return {**sums, "n": sums["n"] + 1}


def _from_sums(expectations: Params, data: Params) -> Params:
    n = expectations["n"]
    mu = expectations["sum"] / n
    variance = expectations["squares"] / n - mu**2
    return {"w": n / np.sum(n), "mu": mu, "sigma": np.sqrt(variance)}


# The tables. An edit of the E step is a function of (x, w, mu, sigma) that returns z; of the M
# step, of (r, x, old), that returns the entries of `_best` that it changes; of log p(x | θ), of
# (x, w, mu, sigma).

_E_STEPS: Rows = (
    ("weights", "left out", lambda x, w, mu, sigma: _softmax(_log_phi(x, mu, sigma))),
    ("weights", "twice", lambda x, w, mu, sigma: _responsibilities(x, w**2, mu, sigma)),
    ("weights", "reversed", lambda x, w, mu, sigma: _responsibilities(x, w[::-1], mu, sigma)),
    ("log", "w for log w", lambda x, w, mu, sigma: _softmax(w + _log_phi(x, mu, sigma))),
    ("log", "log r for r", lambda x, w, mu, sigma: np.log(_responsibilities(x, w, mu, sigma))),
    ("log", "shares of logs", lambda x, w, mu, sigma: _normalised(_log_joint(x, w, mu, sigma))),
    (
        "log",
        "density for its log",
        lambda x, w, mu, sigma: _softmax(np.log(w) + np.exp(_log_phi(x, mu, sigma))),
    ),
    (
        "density",
        "1/sigma forgotten",
        lambda x, w, mu, sigma: _softmax(_log_joint(x, w, mu, sigma) + np.log(sigma)),
    ),
    (
        "density",
        "1/sigma² for 1/sigma",
        lambda x, w, mu, sigma: _softmax(_log_joint(x, w, mu, sigma) - np.log(sigma)),
    ),
    (
        "density",
        "1/2 forgotten",
        lambda x, w, mu, sigma: _softmax(np.log(w / sigma) - ((x - mu) / sigma) ** 2),
    ),
    (
        "density",
        "not squared",
        lambda x, w, mu, sigma: _softmax(np.log(w / sigma) - 0.5 * np.abs(x - mu) / sigma),
    ),
    (
        "density",
        "wrong sign",
        lambda x, w, mu, sigma: _softmax(np.log(w / sigma) + 0.5 * ((x - mu) / sigma) ** 2),
    ),
    (
        "density",
        "divided by sigma",
        lambda x, w, mu, sigma: _softmax(np.log(w / sigma) - 0.5 * (x - mu) ** 2 / sigma),
    ),
    ("variance for sd", "", lambda x, w, mu, sigma: _responsibilities(x, w, mu, sigma**2)),
    ("sd for variance", "", lambda x, w, mu, sigma: _responsibilities(x, w, mu, np.sqrt(sigma))),
    ("precision for sd", "", lambda x, w, mu, sigma: _responsibilities(x, w, mu, 1 / sigma)),
    (
        "index",
        "first sigma for all",
        lambda x, w, mu, sigma: _responsibilities(x, w, mu, sigma[:1]),
    ),
    (
        "index",
        "mean sigma",
        lambda x, w, mu, sigma: _responsibilities(x, w, mu, sigma.mean(keepdims=True)),
    ),
    (
        "labels",
        "E step reverses",
        lambda x, w, mu, sigma: _responsibilities(x, w, mu, sigma)[:, ::-1],
    ),
    ("hard", "largest", lambda x, w, mu, sigma: _one_hot(_log_joint(x, w, mu, sigma))),
    ("hard", "nearest mean", lambda x, w, mu, sigma: _one_hot(-np.abs(x - mu))),
    ("not normalised", "", lambda x, w, mu, sigma: np.exp(_log_joint(x, w, mu, sigma))),
    (
        "axis",
        "over rows",
        lambda x, w, mu, sigma: _normalised(np.exp(_log_joint(x, w, mu, sigma)), 0),
    ),
    (
        "axis",
        "over all",
        lambda x, w, mu, sigma: _normalised(np.exp(_log_joint(x, w, mu, sigma)), None),
    ),
    ("axis", "stabilised by column", _stabilised_by_column),
    ("params ignored", "1/K", lambda x, w, mu, sigma: np.full((len(x), 2), 0.5)),
    ("data ignored", "w", lambda x, w, mu, sigma: np.tile(w, (len(x), 1))),
    (
        "tempered",
        "square root",
        lambda x, w, mu, sigma: _softmax(_log_joint(x, w, mu, sigma) / 2),
    ),
    ("rounded", "", lambda x, w, mu, sigma: np.round(_responsibilities(x, w, mu, sigma), 2)),
    (
        "clipped",
        "",
        lambda x, w, mu, sigma: _normalised(np.clip(_responsibilities(x, w, mu, sigma), 0.01, 1)),
    ),
    ("right only at the maximum", "one iteration ahead", _one_iteration_ahead),
    ("off by one", "last row", _last_row_forgotten),
)

_M_STEPS: Rows = (
    (
        "n - 1 for n",
        "sigma",
        lambda r, x, old: {"sigma": np.sqrt(_squares(r, x, _mean(r, x)) / (r.sum(axis=0) - 1))},
    ),
    (
        "n + 1 for n",
        "sigma",
        lambda r, x, old: {"sigma": np.sqrt(_squares(r, x, _mean(r, x)) / (r.sum(axis=0) + 1))},
    ),
    (
        "n for n_k",
        "sigma",
        lambda r, x, old: {"sigma": np.sqrt(_squares(r, x, _mean(r, x)) / len(x))},
    ),
    ("n for n_k", "mu", lambda r, x, old: _about(r, x, np.mean(r * x, axis=0))),
    ("n - 1 for n", "mu", lambda r, x, old: _about(r, x, (r * x).sum(0) / (r.sum(0) - 1))),
    ("variance for sd", "", lambda r, x, old: {"sigma": _best(r, x)["sigma"] ** 2}),
    ("sd for variance", "root twice", lambda r, x, old: {"sigma": np.sqrt(_best(r, x)["sigma"])}),
    ("precision for sd", "", lambda r, x, old: {"sigma": 1 / _best(r, x)["sigma"]}),
    (
        "sum for mean",
        "sigma",
        lambda r, x, old: {"sigma": np.sqrt(_squares(r, x, _mean(r, x)))},
    ),
    (
        "sum for mean",
        "root before division",
        lambda r, x, old: {"sigma": np.sqrt(_squares(r, x, _mean(r, x))) / r.sum(axis=0)},
    ),
    ("sum for mean", "mu", lambda r, x, old: _about(r, x, np.sum(r * x, axis=0))),
    (
        "moment",
        "mean absolute deviation",
        lambda r, x, old: {"sigma": np.sum(r * np.abs(x - _mean(r, x)), 0) / r.sum(0)},
    ),
    ("moment", "not centred", lambda r, x, old: {"sigma": _sd(r, x, 0)}),
    ("moment", "about the grand mean", lambda r, x, old: {"sigma": _sd(r, x, np.mean(x))}),
    (
        "old parameters",
        "E x² less the old mean squared",
        lambda r, x, old: {"sigma": np.sqrt(np.abs(_mean(r, x**2) - old["mu"] ** 2))},
    ),
    ("not weighted", "mu", lambda r, x, old: _about(r, x, np.mean(x) + 0 * old["mu"])),
    (
        "not weighted",
        "squares",
        lambda r, x, old: {"sigma": np.sqrt(np.sum((x - _mean(r, x)) ** 2, 0) / r.sum(0))},
    ),
    ("weighted twice", "mu", lambda r, x, old: _about(r, x, _mean(r**2, x))),
    (
        "weighted twice",
        "sigma",
        lambda r, x, old: {"sigma": np.sqrt(_squares(r**2, x, _mean(r, x)) / r.sum(axis=0))},
    ),
    ("hard", "all", lambda r, x, old: _best(_one_hot(r), x)),
    ("hard", "w", lambda r, x, old: {"w": np.mean(_one_hot(r), axis=0)}),
    ("log", "exp of r", lambda r, x, old: _best(_normalised(np.exp(r)), x)),
    (
        "pooled",
        "sigma",
        lambda r, x, old: {
            "sigma": np.full(2, np.sqrt(_squares(r, x, _mean(r, x)).sum() / len(x)))
        },
    ),
    ("labels", "mu reversed", lambda r, x, old: {"mu": _mean(r, x)[::-1]}),
    ("labels", "w reversed", lambda r, x, old: {"w": np.mean(r, axis=0)[::-1]}),
    ("labels", "M step reverses", lambda r, x, old: _best(r[:, ::-1], x)),
    ("not updated", "w", lambda r, x, old: {"w": old["w"]}),
    ("not updated", "sigma", lambda r, x, old: {"sigma": old["sigma"]}),
    ("not updated", "mu", lambda r, x, old: _about(r, x, old["mu"])),
    (
        "not updated",
        "mu[1]",
        lambda r, x, old: _about(r, x, np.append(_mean(r, x)[:-1], old["mu"][-1])),
    ),
    ("not updated", "w equal", lambda r, x, old: {"w": np.full(2, 0.5)}),
    ("prior", "mean and sd counted", _map),
    (
        "prior",
        "mean counted",
        lambda r, x, old: _about(r, x, _mean_with_prior(r, x, old["sigma"])),
    ),
    ("prior", "sd counted", lambda r, x, old: {"sigma": _sd_with_prior(r, x, _mean(r, x))}),
    ("prior", "one added", lambda r, x, old: {"w": (r.sum(axis=0) + 1) / (len(x) + 2)}),
    (
        "regularised",
        "variance",
        lambda r, x, old: {"sigma": np.sqrt(_best(r, x)["sigma"] ** 2 + 1e-3)},
    ),
    ("regularised", "floor", lambda r, x, old: {"sigma": np.maximum(_best(r, x)["sigma"], 0.9)}),
    ("backwards", "", _backwards),
    ("overshoot", "mu", lambda r, x, old: {"mu": 5 * _mean(r, x) - 4 * old["mu"]}),
)

_LOG_LIKELIHOODS: Rows = (
    (
        "constant",
        "2 pi dropped",
        lambda x, w, mu, sigma: _log_likelihood(x, w, mu, sigma) + 0.5 * len(x) * np.log(2 * np.pi),
    ),
    ("mean for sum", "", lambda x, w, mu, sigma: _log_likelihood(x, w, mu, sigma) / len(x)),
    ("factor 2", "deviance", lambda x, w, mu, sigma: -2 * _log_likelihood(x, w, mu, sigma)),
    ("factor 2", "", lambda x, w, mu, sigma: 2 * _log_likelihood(x, w, mu, sigma)),
    (
        "weights",
        "left out",
        lambda x, w, mu, sigma: _log_likelihood(x, np.ones_like(w), mu, sigma),
    ),
    (
        "axis",
        "log of the sum of all",
        lambda x, w, mu, sigma: np.log(np.sum(np.exp(_log_joint(x, w, mu, sigma)))),
    ),
    ("log", "sum of logs", lambda x, w, mu, sigma: np.sum(_log_joint(x, w, mu, sigma))),
    ("log", "base 10", lambda x, w, mu, sigma: _log_likelihood(x, w, mu, sigma) / np.log(10)),
    ("hard", "largest", lambda x, w, mu, sigma: np.sum(_log_joint(x, w, mu, sigma).max(axis=1))),
    (
        "complete data",
        "Q",
        lambda x, w, mu, sigma: np.sum(
            _responsibilities(x, w, mu, sigma) * _log_joint(x, w, mu, sigma)
        ),
    ),
    ("variance for sd", "", lambda x, w, mu, sigma: _log_likelihood(x, w, mu, sigma**2)),
    (
        "prior",
        "counted",
        lambda x, w, mu, sigma: (
            _log_likelihood(x, w, mu, sigma) + _log_prior({"mu": mu, "sigma": sigma}, {"x": x})
        ),
    ),
)

# Here the edit is all that the step returns; then come the wrong names and the other steps at which
# the mistake may be reported.
_RETURNED_BY_M: Rows = (
    ("sum for mean", "w", lambda r, x, old: _best(r, x) | {"w": r.sum(axis=0)}, "w", "M"),
    ("n - 1 for n", "w", lambda r, x, old: _best(r, x) | {"w": r.sum(0) / (len(x) - 1)}, "w", "M"),
    ("off by one", "last", lambda r, x, old: _last_forgotten(r, x, old), "w mu sigma", "M"),
    ("support", "negative", lambda r, x, old: _best(r, x) | {"sigma": -old["sigma"]}, "sigma", "M"),
    (
        "support",
        "NaN in the M step",
        lambda r, x, old: _best(r, x) | {"mu": old["mu"] * np.nan},
        "mu",
        "M",
    ),
    ("shape", "mu a row", lambda r, x, old: _best(r, x) | {"mu": _mean(r, x)[None]}, "mu", ""),
    ("shape", "one sigma", lambda r, x, old: _best(r, x) | {"sigma": 1.0}, "sigma", ""),
    ("axis", "w", lambda r, x, old: _best(r, x) | {"w": np.mean(r, axis=1)}, "w", ""),
    ("name", "forgotten", lambda r, x, old: {"w": r.mean(axis=0), "mu": _mean(r, x)}, "sigma", ""),
    ("name", "invented", lambda r, x, old: _best(r, x) | {"n": r.sum(axis=0)}, "n", ""),
    ("not a mapping", "tuple", lambda r, x, old: tuple(_best(r, x).values()), "m_step", ""),
    ("nothing returned", "", lambda r, x, old: None, "m_step", ""),
    ("raises", "M step", lambda r, x, old: _best(r.T, x), "m_step", ""),
)

_RETURNED_BY_E: Rows = (
    ("shape", "labels", lambda r: {"z": np.argmax(r, axis=1)}),
    ("shape", "one column", lambda r: {"z": r[:, 0]}),
    ("shape", "transposed", lambda r: {"z": r.T}),
    ("name", "r", lambda r: {"r": r}),
    ("not a mapping", "array", lambda r: r),
    ("raises", "E step", lambda r: {"z": r[:, 2]}),
    ("support", "NaN in the E step", lambda r: {"z": np.where(r < 0.01, np.nan, r)}),
)


def _e_step(edit: Callable[..., Any]) -> Callable[..., Params]:
    def e_step(params: Params, data: Params) -> Params:
        return {"z": edit(data["x"][:, None], params["w"], params["mu"], params["sigma"])}

    return e_step


def _m_step(edit: Callable[..., Any]) -> Callable[..., Any]:
    def m_step(expectations: Params, data: Params, params: Params) -> Any:
        return edit(expectations["z"], data["x"][:, None], params)

    return m_step


def _e_returning(edit: Callable[..., Any]) -> Callable[..., Any]:
    """Return an E step that returns an edit of the correct responsibilities."""
    return lambda params, data: edit(_e_step(_responsibilities)(params, data)["z"])


def _log_likelihood_of(edit: Callable[..., float]) -> Callable[..., float]:
    def log_likelihood(params: Params, data: Params) -> float:
        return edit(data["x"][:, None], params["w"], params["mu"], params["sigma"])

    return log_likelihood


def _changed(edit: Callable[..., Params]) -> Callable[..., Params]:
    return lambda r, x, old: _best(r, x) | dict(edit(r, x, old))


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
    x = X[:, None]
    for kind, label, edit in _E_STEPS:
        yield _mutant("E", "z", kind, label, e_step=_e_step(edit))
    for kind, label, edit in _M_STEPS:
        names = " ".join(edit(_responsibilities(x, **_TRIALS[0]), x, _TRIALS[0]))
        yield _mutant("M", names, kind, label, m_step=_m_step(_changed(edit)))
    for kind, label, edit in _LOG_LIKELIHOODS:
        step = _log_likelihood_of(edit)
        yield _mutant("log_likelihood", "log_likelihood", kind, label, log_likelihood=step)
    for kind, label, edit, names, also in _RETURNED_BY_M:
        yield _mutant("contract", names, kind, label, also, m_step=_m_step(edit))
    for kind, label, edit in _RETURNED_BY_E:
        step = _e_returning(edit)
        yield _mutant("contract", "z e_step", kind, label, "E", e_step=step)


def _specials() -> Iterator[Mutant]:
    state = "z e_step", "hidden state"
    yield _mutant("contract", *state, "E step late", "E", e_step=late(_e_step(_responsibilities)))
    yield _mutant("contract", *state, "annealed", "E", e_step=_e_step(_annealed()))
    yield _mutant("contract", "z e_step", "random", "drawn", "E", e_step=_e_step(_drawn))
    yield _mutant(
        "contract", "sigma m_step", "hidden state", "sigma late", "M", m_step=_m_step(_late_sigma())
    )
    yield _mutant(
        "log_likelihood",
        "log_likelihood",
        "hidden state",
        "late",
        "contract",
        log_likelihood=late(_log_likelihood_of(_log_likelihood)),
    )
    changed = "z e_step", "argument changed"
    yield _mutant("contract", *changed, "params", "E", e_step=_squares_params)
    yield _mutant("contract", *changed, "data", "E", e_step=_centres_data)
    yield _mutant(
        "M",
        "mu sigma",
        "prior",
        "not counted, although the objective is the posterior",
        objective="posterior",
    )
    yield _mutant(
        "M",
        "w mu sigma",
        "extra entries",
        "n + 1 among the expectations",
        "E",
        e_step=_with_one_too_many,
        m_step=_from_sums,
    )
    # The limit point is wrong as a whole, so that a finding may name it by its kind.
    limit = "mu sigma saddle", "start"
    yield _mutant("fixed_point", *limit, "components equal", initial=_equal_components)
    yield _mutant("fixed_point", *limit, "equal but for the weights", initial=_equal_but_weights)


_TRIALS = (
    arrays(w=[0.5, 0.5], mu=[6.5, 9.0], sigma=[1.2, 0.8]),
    arrays(w=[0.3, 0.7], mu=[5.8, 8.6], sigma=[0.5, 1.6]),
    arrays(w=[0.65, 0.35], mu=[7.05, 9.45], sigma=[0.95, 0.65]),
    arrays(w=[0.9, 0.1], mu=[7.6, 7.9], sigma=[1.5, 1.4]),
)

MUTANTS = (*_edits(), *_specials())

CORRECT = (
    Variant(MODEL, "MAP", {"m_step": _m_step(_changed(_map)), "objective": "posterior"}),
    # Q is maximised in sigma at the old mu, and then in mu. The second does not depend on sigma.
    Variant(
        MODEL,
        "sigma about the old mu (ECM)",
        {"m_step": _m_step(_changed(lambda r, x, old: {"sigma": _sd(r, x, old["mu"])}))},
    ),
    Variant(MODEL, "half a step in the moments (GEM)", {"m_step": _m_step(_halfway)}),
    Variant(
        MODEL,
        "softmax weights",
        {"m_step": _m_step(_changed(lambda r, x, old: {"w": _softmax(np.log(r.sum(axis=0)))}))},
    ),
    Variant(
        MODEL,
        "short-cut variance",
        {
            "m_step": _m_step(
                _changed(
                    lambda r, x, old: {"sigma": np.sqrt(_mean(r, x**2) - _mean(r, x) ** 2)},
                )
            )
        },
    ),
    Variant(MODEL, "loops", {"m_step": _loops}),
    Variant(MODEL, "sums among the expectations", {"e_step": _with_sums, "m_step": _from_sums}),
    Variant(
        MODEL,
        "labels reversed in both steps",
        {
            "e_step": _e_step(lambda x, w, mu, sigma: _responsibilities(x, w, mu, sigma)[:, ::-1]),
            "m_step": _m_step(lambda r, x, old: _best(r[:, ::-1], x)),
        },
    ),
    Variant(
        MODEL,
        "float32",
        {
            "e_step": _e_step(lambda *given: np.float32(_responsibilities(*given))),
            "m_step": _m_step(
                lambda r, x, old: {name: np.float32(v) for name, v in _best(r, x).items()}
            ),
        },
    ),
    Variant(
        MODEL,
        "densities without logarithms",
        {"e_step": _e_step(lambda *given: _normalised(np.exp(_log_joint(*given))))},
    ),
    Variant(
        MODEL,
        "lists",
        {"m_step": _m_step(lambda r, x, old: {n: v.tolist() for n, v in _best(r, x).items()})},
    ),
)

TRUTHS = {
    MODEL: Truth(
        data={"x": X}, trials=_TRIALS, map_step=_m_step(_changed(_map)), q=_q, log_prior=_log_prior
    )
}
