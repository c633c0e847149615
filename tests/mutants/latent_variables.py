"""Mutants of models with a linear latent: probabilistic PCA, local level, censored lifetimes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mutants import Mutant, Params, Rows, Truth, arrays


def _no_map(expectations: Params, data: Params) -> Params:
    raise NotImplementedError("no mutant of this model maximises the posterior density")


def _no_prior(params: Params, data: Params) -> float:
    raise NotImplementedError("no mutant of this model maximises the posterior density")


# Probabilistic PCA with one component. An edit of the E step is a function of (m, v, n), where m
# are the conditional means of z, v is the conditional variance of each, and n their number; of the
# M step, of (x, z, zz, best).

_RNG = np.random.default_rng(4)
_PCA = {
    "x": _RNG.normal(size=(11, 1)) * [1.5, -0.8, 0.6] + _RNG.normal(size=(11, 3)) * 0.5 + [1, 2, 3]
}


def _pca_moments(params: Params, data: Params) -> tuple[np.ndarray, float, int]:
    W, variance, deviations = params["W"][:, 0], params["sigma"] ** 2, data["x"] - params["mu"]
    precision = W @ W + variance
    return deviations @ W / precision, variance / precision, len(deviations)


def _pca_best(x: np.ndarray, z: np.ndarray, zz: float) -> dict[str, np.ndarray]:
    n, centred = len(x), x - x.mean(axis=0)
    S_zz, S_xz = zz / n - z.mean() ** 2, centred.T @ z / n
    W = S_xz / S_zz
    variance = (np.sum(centred**2) / n - W @ S_xz) / x.shape[1]
    return {"mu": x.mean(axis=0) - W * z.mean(), "W": W[:, None], "sigma": np.sqrt(variance)}


def _pca_q(expectations: Params, data: Params, params: Params) -> float:
    z, zz, x = expectations["z"][:, 0], float(np.squeeze(expectations["zz"])), data["x"]
    W, mu, variance = params["W"][:, 0], params["mu"], params["sigma"] ** 2
    squares = np.sum((x - mu) ** 2) - 2 * np.sum((x - mu) @ W * z) + W @ W * zz
    return float(-0.5 * (x.size * np.log(2 * np.pi * variance) + squares / variance + zz))


_PCA_E: Rows = (
    ("variance term", "counted once", lambda m, v, n: {"zz": m @ m + v}, "counted once in place"),
    ("variance term", "left out", lambda m, v, n: {"zz": m @ m}, "without its variance term"),
    ("variance term", "subtracted", lambda m, v, n: {"zz": m @ m - n * v}, "is subtracted"),
    ("factor 2", "in the variance term", lambda m, v, n: {"zz": m @ m + 2 * n * v}, "a factor 2"),
    ("mean for sum", "zz", lambda m, v, n: {"zz": m @ m / n + v}, "divided by n"),
    ("n - 1 for n", "zz", lambda m, v, n: {"zz": (m @ m + n * v) * n / (n - 1)}, "11/10"),
    ("wrong sign", "z", lambda m, v, n: {"z": -m}, "the sign is wrong"),
    ("factor 2", "z", lambda m, v, n: {"z": m / 2}, "half the conditional mean"),
)

_PCA_M: Rows = (
    (
        "n - 1 for n",
        "sigma",
        lambda x, z, zz, best: {"sigma": best["sigma"] * np.sqrt(len(x) / (len(x) - 1))},
        "n (the number of rows of x) - 1 is used",
    ),
    (
        "sum for mean",
        "columns forgotten",
        lambda x, z, zz, best: {"sigma": best["sigma"] * np.sqrt(x.shape[1])},
        "the variance is not divided by the number of columns of x",
    ),
    (
        "n - 1 for n",
        "of all entries",
        lambda x, z, zz, best: {"sigma": best["sigma"] * np.sqrt(x.size / (x.size - 1))},
        "the number of entries of x - 1",
    ),
    ("variance for sd", "", lambda x, z, zz, best: {"sigma": best["sigma"] ** 2}, "the square of"),
    (
        "n - 1 for n",
        "covariance with z",
        lambda x, z, zz, best: {"W": best["W"] * len(x) / (len(x) - 1)},
        "- 1 is used where",
    ),
    (
        "variance term",
        "left out of all",
        lambda x, z, zz, best: _pca_best(x, z, z @ z),
        "their conditional means are used as if they were the latents",
    ),
    (
        "latents ignored",
        "mu is the mean of x",
        lambda x, z, zz, best: {"mu": x.mean(axis=0)},
        "z counts as zero",
    ),
    ("wrong sign", "mu", lambda x, z, zz, best: {"mu": 2 * x.mean(axis=0) - best["mu"]}, ""),
    (
        "regularised",
        "variance",
        lambda x, z, zz, best: {"sigma": np.sqrt(best["sigma"] ** 2 + 0.01)},
        "0.01 is added to the square",
    ),
)


def _pca_e_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def e_step(params: Params, data: Params) -> Params:
        m, v, n = _pca_moments(params, data)
        entries = {"z": m, "zz": m @ m + n * v} | dict(edit(m, v, n))
        return {"z": entries["z"][:, None], "zz": np.reshape(entries["zz"], (1, 1))}

    return e_step


def _pca_m_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def m_step(expectations: Params, data: Params) -> Params:
        x, z, zz = data["x"], expectations["z"][:, 0], float(np.squeeze(expectations["zz"]))
        best = _pca_best(x, z, zz)
        return {**best, **edit(x, z, zz, best)}

    return m_step


# The local level model. An edit is a function of what the right step returns: of the E step with
# the smoothed levels m in front, of the M step with the number of times n behind.

_NILE = {"y": np.array([11.2, 11.6, 9.6, 12.1, 11.6, 11.6, 8.1, 12.3, 13.7, 11.4, 9.9, 9.3])}


def _level_q(expectations: Params, data: Params, params: Params) -> float:
    irregular, level = params["sigma_irregular"] ** 2, params["sigma_level"] ** 2
    errors, steps = expectations["squared_errors"], expectations["squared_steps"]
    return float(
        -0.5 * np.sum(np.log(2 * np.pi * irregular) + errors / irregular)
        - 0.5 * np.sum(np.log(2 * np.pi * level) + steps / level)
    )


_LEVEL_E: Rows = (
    (
        "variance term",
        "of the errors left out",
        lambda m, y, given: {"squared_errors": (y - m) ** 2},
        "without its variance term",
    ),
    (
        "variance term",
        "of the steps left out",
        lambda m, y, given: {"squared_steps": np.diff(m) ** 2},
        "without its variance term",
    ),
    (
        "variance term",
        "of the errors subtracted",
        lambda m, y, given: {"squared_errors": 2 * (y - m) ** 2 - given["squared_errors"]},
        "is subtracted",
    ),
    (
        "mean for sum",
        "errors divided",
        lambda m, y, given: {"squared_errors": given["squared_errors"] / len(y)},
        "divided by the number of its entries",
    ),
)

_LEVEL_M: Rows = (
    (
        "one step too many",
        "T steps",
        lambda best, n: {"sigma_level": best["sigma_level"] * np.sqrt((n - 1) / n)},
        "n (the length of y) is used where n (the length of y) - 1 belongs",
    ),
    (
        "one step too few",
        "T - 1 errors",
        lambda best, n: {"sigma_irregular": best["sigma_irregular"] * np.sqrt(n / (n - 1))},
        "n (the length of y) - 1 is used where n (the length of y) belongs",
    ),
    (
        "variance for sd",
        "",
        lambda best, n: {"sigma_irregular": best["sigma_irregular"] ** 2},
        "the square of the right value",
    ),
    (
        "sum for mean",
        "",
        lambda best, n: {"sigma_irregular": best["sigma_irregular"] * np.sqrt(n)},
        "the variance is not divided by n",
    ),
    (
        "labels",
        "exchanged",
        lambda best, n: {
            "sigma_level": best["sigma_irregular"],
            "sigma_irregular": best["sigma_level"],
        },
        "",
    ),
)


def _level_e_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def e_step(params: Params, data: Params) -> Params:
        given = _right("local-level").e_step(params, data)
        return {**given, **edit(given["level"], data["y"], given)}

    return e_step


def _level_m_step(edit: Callable[..., Params]) -> Callable[..., Params]:
    def m_step(expectations: Params, data: Params) -> Params:
        best = _right("local-level").m_step(expectations, data)
        return {**best, **edit(best, len(data["y"]))}

    return m_step


# Censored exponential lifetimes in two groups. An edit of the E step is a function of (c, s, all),
# where c are the times of censoring and s the scales of the groups; of the M step, of (t, size,
# events, z, best).

_SURVIVAL = {
    "time": np.array([[6.0], [6], [10], [7], [9], [3], [5], [1], [2.5], [4]]),
    "event": np.array([1, 0, 0, 1, 0, 1, 1, 0, 1, 1]),
    "group": np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1]),
}


def _survival_q(expectations: Params, data: Params, params: Params) -> float:
    lifetimes = data["time"][:, 0].copy()
    lifetimes[data["event"] == 0] = expectations["z"]
    scale = params["scale"][data["group"]]
    return float(-np.sum(np.log(scale) + lifetimes / scale))


_SURVIVAL_E: Rows = (
    ("wrong conditional mean", "censoring time", lambda c, s: c, "scale is missing"),
    ("wrong conditional mean", "residual life", lambda c, s: s, "time is missing"),
    ("wrong conditional mean", "scale for rate", lambda c, s: c + 1 / s, "1/scale is used"),
    ("wrong conditional mean", "less the scale", lambda c, s: c - s, ""),
    ("factor 2", "scale twice", lambda c, s: c + 2 * s, "scale is too much"),
    ("factor 2", "half", lambda c, s: (c + s) / 2, "half the conditional mean"),
    ("missing values", "counted as zero", lambda c, s: 0 * c, "counted as zero"),
)

_SURVIVAL_M: Rows = (
    (
        "n of observed only",
        "",
        lambda t, z, group, event: (
            np.bincount(group, _complete(t, z, event)) / np.bincount(group, event)
        ),
        "",
    ),
    (
        "missing values",
        "counted as zero",
        lambda t, z, group, event: np.bincount(group, t * event) / np.bincount(group),
        "",
    ),
    (
        "missing values",
        "counted twice",
        lambda t, z, group, event: (
            np.bincount(group, _complete(t, 2 * z, event)) / np.bincount(group)
        ),
        "z is counted twice",
    ),
    (
        "pooled",
        "",
        lambda t, z, group, event: np.full(2, _complete(t, z, event).mean()),
        "pooled",
    ),
    (
        "rate for scale",
        "",
        lambda t, z, group, event: np.bincount(group) / np.bincount(group, _complete(t, z, event)),
        "1 divided by the right value",
    ),
    (
        "n for n_k",
        "",
        lambda t, z, group, event: np.bincount(group, _complete(t, z, event)) / len(t),
        "n (the length of event and of group) is used where",
    ),
    (
        "labels",
        "reversed",
        lambda t, z, group, event: (
            np.bincount(group, _complete(t, z, event)) / np.bincount(group)
        )[::-1],
        "another order",
    ),
)


def _complete(t: np.ndarray, z: np.ndarray, event: np.ndarray) -> np.ndarray:
    lifetimes = t.copy()
    lifetimes[event == 0] = z
    return lifetimes


def _survival_e_step(edit: Callable[..., np.ndarray]) -> Callable[..., Params]:
    def e_step(params: Params, data: Params) -> Params:
        censored = data["event"] == 0
        scale = params["scale"][data["group"][censored]]
        return {"z": edit(data["time"][censored, 0], scale)}

    return e_step


def _survival_m_step(edit: Callable[..., np.ndarray]) -> Callable[..., Params]:
    def m_step(expectations: Params, data: Params) -> Params:
        t, z = data["time"][:, 0], expectations["z"]
        return {"scale": edit(t, z, data["group"], data["event"])}

    return m_step


def _right(model: str) -> Any:
    import latentfit

    return latentfit.load(model)


def _mutants(
    model: str, step: str, names: Callable[..., Any], rows: Rows, wrap: Callable[..., Any]
) -> Iterator[Mutant]:
    for kind, label, edit, hint in rows:
        yield Mutant(
            model=model,
            kind=kind,
            label=label,
            step=step,
            names=frozenset(names(edit)),
            changes={"e_step" if step == "E" else "m_step": wrap(edit)},
            hint=hint,
        )


_M, _Z = np.arange(3.0), np.arange(1.0, 12.0)
_BEST = _pca_best(_PCA["x"], _Z, 600.0)
_LEVELS = {"squared_errors": np.ones(3), "squared_steps": np.ones(2), "level": _M}
_SIGMAS = {"sigma_level": np.array(1.0), "sigma_irregular": np.array(2.0)}

MUTANTS = (
    *_mutants("probabilistic-pca", "E", lambda edit: edit(_M, 1.0, 3), _PCA_E, _pca_e_step),
    *_mutants(
        "probabilistic-pca",
        "M",
        lambda edit: edit(_PCA["x"], _Z, 600.0, _BEST),
        _PCA_M,
        _pca_m_step,
    ),
    *_mutants("local-level", "E", lambda edit: edit(_M, _M, _LEVELS), _LEVEL_E, _level_e_step),
    *_mutants("local-level", "M", lambda edit: edit(_SIGMAS, 3), _LEVEL_M, _level_m_step),
    *_mutants("censored-survival", "E", lambda edit: ["z"], _SURVIVAL_E, _survival_e_step),
    *_mutants("censored-survival", "M", lambda edit: ["scale"], _SURVIVAL_M, _survival_m_step),
)

TRUTHS = {
    "probabilistic-pca": Truth(
        data=_PCA,
        trials=(
            arrays(mu=[1.2, 1.9, 2.8], W=[[1.0], [-0.5], [0.3]], sigma=0.7),
            arrays(mu=[0.7, 2.2, 3.1], W=[[0.6], [0.4], [0.2]], sigma=1.1),
            arrays(mu=[1.0, 2.0, 3.0], W=[[1.5], [-0.8], [0.6]], sigma=0.5),
        ),
        map_step=_no_map,
        q=_pca_q,
        log_prior=_no_prior,
        options={"components": 1},
    ),
    "local-level": Truth(
        data=_NILE,
        trials=(
            arrays(sigma_irregular=1.2, sigma_level=0.5),
            arrays(sigma_irregular=0.7, sigma_level=1.3),
            arrays(sigma_irregular=2.0, sigma_level=0.2),
        ),
        map_step=_no_map,
        q=_level_q,
        log_prior=_no_prior,
    ),
    "censored-survival": Truth(
        data=_SURVIVAL,
        trials=(arrays(scale=[6.0, 3.0]), arrays(scale=[15.0, 4.0]), arrays(scale=[2.0, 8.0])),
        map_step=_no_map,
        q=_survival_q,
        log_prior=_no_prior,
        options={"distribution": "exponential"},
    ),
}
