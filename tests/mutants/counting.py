"""Mutants of models in which EM is counting: coins, genetic linkage, allele frequencies."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from mutants import Mutant, Params, Rows, Truth, arrays


def _normalised(values: Any, axis: int = -1) -> Any:
    return values / np.sum(values, axis=axis, keepdims=True)


# Coins. An edit of the E step is a function of (heads, tosses, theta) that returns z; of the M
# step, of (r, heads, tosses).

_COINS = {"heads": np.array([5, 9, 8, 4, 7, 14]), "tosses": np.array([10, 10, 10, 10, 10, 30])}


def _kernel(heads: np.ndarray, tosses: np.ndarray, theta: np.ndarray) -> np.ndarray:
    return theta ** heads[:, None] * (1 - theta) ** (tosses - heads)[:, None]


def _coins_q(expectations: Params, data: Params, params: Params) -> float:
    density = _kernel(data["heads"], data["tosses"], params["theta"])
    return float(np.sum(expectations["z"] * np.log(density)))


def _coins_map(expectations: Params, data: Params) -> Params:
    r = expectations["z"]
    return {"theta": (data["heads"] @ r + 1) / (data["tosses"] @ r + 2)}


_COINS_E: Rows = (
    ("prior for posterior", "one half", lambda h, m, theta: np.full((len(h), 2), 0.5)),
    ("tails forgotten", "", lambda h, m, theta: _normalised(theta ** h[:, None])),
    ("not normalised", "", _kernel),
    ("heads of one toss", "", lambda h, m, theta: _normalised(np.tile(theta, (len(h), 1)))),
    ("hard", "", lambda h, m, theta: np.eye(2)[_kernel(h, m, theta).argmax(axis=1)]),
)

_COINS_M: Rows = (
    ("mean for sum", "of ratios", lambda r, h, m: (h / m) @ r / r.sum(axis=0)),
    ("sum for mean", "divided by sets", lambda r, h, m: h @ r / (m.mean() * len(h))),
    ("tails for heads", "", lambda r, h, m: (m - h) @ r / (m @ r)),
    ("prior for posterior", "counted", lambda r, h, m: (h @ r + 1) / (m @ r + 2)),
    ("odds", "", lambda r, h, m: h @ r / ((m - h) @ r + m @ r)),
    ("hard", "", lambda r, h, m: h @ np.round(r) / (m @ np.round(r))),
)


# Genetic linkage. An edit of the E step is a function of (y, theta), of the M step of (x2, y).

_LINKAGE = {"counts": np.array([125, 18, 20, 34])}


def _linkage_q(expectations: Params, data: Params, params: Params) -> float:
    x2, (_, y2, y3, y4), theta = expectations["x2"], data["counts"], params["theta"]
    return float((x2 + y4) * np.log(theta) + (y2 + y3) * np.log(1 - theta))


def _linkage_m(expectations: Params, data: Params) -> Params:
    x2, (_, y2, y3, y4) = expectations["x2"], data["counts"]
    return {"theta": (x2 + y4) / (x2 + y2 + y3 + y4)}


_LINKAGE_E: Rows = (
    ("wrong split", "the other part", lambda y, theta: y[0] * 2 / (2 + theta)),
    ("wrong split", "even", lambda y, theta: y[0] / 2),
    ("factor 2", "forgotten", lambda y, theta: y[0] * theta / (1 + theta)),
    ("factor 2", "too much", lambda y, theta: y[0] * theta / (4 + theta)),
    ("prior for posterior", "of all", lambda y, theta: y.sum() * theta / 4),
    ("prior for posterior", "of its class", lambda y, theta: y[0] * theta / 4),
    ("mean for sum", "", lambda y, theta: theta / (2 + theta)),
)

_LINKAGE_M: Rows = (
    ("wrong split", "all of the class", lambda x2, y: (x2 + y[3]) / (y.sum())),
    ("wrong split", "y4 alone", lambda x2, y: y[3] / (y[1] + y[2] + y[3])),
    ("factor 2", "", lambda x2, y: (x2 + 2 * y[3]) / (x2 + y[1] + y[2] + 2 * y[3])),
    ("1 minus it", "", lambda x2, y: (y[1] + y[2]) / (x2 + y[1] + y[2] + y[3])),
    ("off by one", "", lambda x2, y: (x2 + y[3]) / (x2 + y[1] + y[3])),
)


# Allele frequencies. An edit of the E step is a function of (count, table, p), of the M step of the
# genotype counts.

_ABO = {
    "count": np.array([186.0, 38, 13, 284]),
    "table": np.array(
        [[1.0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]]
    ),
}
_COPIES = np.array([[2, 0, 0], [1, 1, 0], [1, 0, 1], [0, 2, 0], [0, 1, 1], [0, 0, 2]])
_ONE, _OTHER = np.triu_indices(3)


def _pi(p: np.ndarray, twice: float = 2.0) -> np.ndarray:
    return np.where(_ONE == _OTHER, 1, twice) * p[_ONE] * p[_OTHER]


def _split(count: np.ndarray, table: np.ndarray, pi: np.ndarray) -> np.ndarray:
    return count @ _normalised(table * pi)


def _alleles_q(expectations: Params, data: Params, params: Params) -> float:
    return float(expectations["genotype_counts"] @ _COPIES @ np.log(params["p"]))


def _alleles_m(expectations: Params, data: Params) -> Params:
    return {"p": _normalised(expectations["genotype_counts"] @ _COPIES)}


_ALLELES_E: Rows = (
    ("factor 2", "forgotten", lambda n, table, p: _split(n, table, _pi(p, 1.0))),
    ("wrong split", "even", lambda n, table, p: _split(n, table, np.ones(6))),
    ("wrong split", "all homozygous", lambda n, table, p: _split(n, table, _pi(p, 1e-9))),
    ("prior for posterior", "", lambda n, table, p: n.sum() * _pi(p)),
    ("mean for sum", "", lambda n, table, p: _split(n, table, _pi(p)) / n.sum()),
)

_ALLELES_M: Rows = (
    ("factor 2", "copies counted once", lambda n: _normalised(n @ np.minimum(_COPIES, 1))),
    ("wrong split", "homozygous alone", lambda n: _normalised(n[[0, 3, 5]])),
    ("wrong split", "root of the homozygous", lambda n: _normalised(np.sqrt(n[[0, 3, 5]]))),
    ("prior for posterior", "one added", lambda n: _normalised(n @ _COPIES + 1)),
    ("labels", "reversed", lambda n: _normalised(n @ _COPIES)[::-1]),
)

_OUTSIDE: Rows = (
    ("factor 2", "n for 2 n", lambda n: n @ _COPIES / n.sum()),
    ("sum for mean", "", lambda n: n @ _COPIES),
)


def _mutants(
    model: str, step: str, name: str, rows: Rows, wrap: Callable[..., Any], also: str = ""
) -> Iterator[Mutant]:
    for kind, label, edit in rows:
        yield Mutant(
            model=model,
            kind=kind,
            label=label,
            step=step,
            also=frozenset(also.split()),
            names=frozenset([name]),
            changes={"e_step" if step == "E" else "m_step": wrap(edit)},
        )


def _uniform(params: Params, data: Params) -> float:
    return 0.0


def _coins_prior(params: Params, data: Params) -> float:
    return float(np.sum(np.log(params["theta"] * (1 - params["theta"]))))


MUTANTS = (
    *_mutants(
        "coins",
        "E",
        "z",
        _COINS_E,
        lambda edit: (
            lambda params, data: {"z": edit(data["heads"], data["tosses"], params["theta"])}
        ),
    ),
    *_mutants(
        "coins",
        "M",
        "theta",
        _COINS_M,
        lambda edit: (
            lambda expectations, data: {
                "theta": edit(expectations["z"], data["heads"], data["tosses"])
            }
        ),
    ),
    *_mutants(
        "genetic-linkage",
        "E",
        "x2",
        _LINKAGE_E,
        lambda edit: lambda params, data: {"x2": edit(data["counts"], params["theta"])},
    ),
    *_mutants(
        "genetic-linkage",
        "M",
        "theta",
        _LINKAGE_M,
        lambda edit: lambda expectations, data: {"theta": edit(expectations["x2"], data["counts"])},
    ),
    *_mutants(
        "allele-frequencies",
        "E",
        "genotype_counts",
        _ALLELES_E,
        lambda edit: (
            lambda params, data: {
                "genotype_counts": edit(data["count"], data["table"], params["p"])
            }
        ),
    ),
    *(
        mutant
        for rows, also in ((_ALLELES_M, ""), (_OUTSIDE, "contract"))
        for mutant in _mutants(
            "allele-frequencies",
            "M",
            "p",
            rows,
            lambda edit: lambda expectations, data: {"p": edit(expectations["genotype_counts"])},
            also,
        )
    ),
)

TRUTHS = {
    "coins": Truth(
        data=_COINS,
        trials=tuple(arrays(theta=theta) for theta in ([0.6, 0.5], [0.8, 0.3], [0.45, 0.7])),
        map_step=_coins_map,
        q=_coins_q,
        log_prior=_coins_prior,
    ),
    "genetic-linkage": Truth(
        data=_LINKAGE,
        trials=tuple(arrays(theta=theta) for theta in (0.1, 0.5, 0.9)),
        map_step=_linkage_m,
        q=_linkage_q,
        log_prior=_uniform,
    ),
    "allele-frequencies": Truth(
        data=_ABO,
        trials=tuple(arrays(p=p) for p in ([0.3, 0.2, 0.5], [0.2, 0.05, 0.75], [0.6, 0.3, 0.1])),
        map_step=_alleles_m,
        q=_alleles_q,
        log_prior=_uniform,
    ),
}
