"""Data sets of several kinds for every model of the catalogue, on which its derivation passes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from latentfit import LatentModel, load
from latentfit import declaration as declared

Data = Mapping[str, Any]
Draw = Callable[[np.random.Generator], Data]


@dataclass(frozen=True)
class Kind:
    """One kind of data set, and the options with which the model is declared on it."""

    draw: Draw
    options: Mapping[str, Any] = field(default_factory=dict)


def kinds_of(model: str) -> dict[str, Kind]:
    """Return the kinds of data sets for a model.

    For a model that has none in `KINDS`, the example is simulated near the estimate.
    """
    return KINDS.get(model) or {_PERTURBED: Kind(_redrawn(model))}


# Data that every model can simulate.

_PERTURBED = "estimate, perturbed"


def _redrawn(model: str) -> Draw:
    """Return a function that simulates the example with parameters near the estimate."""

    def draw(rng: np.random.Generator) -> Data:
        loaded, space, params, point = _estimated(model)
        # The perturbation is 0.3 on logarithms and log-odds, and a tenth of other coordinates.
        noise = np.where(space.bounded, 0.3, 0.1 * np.abs(point)) * rng.standard_normal(len(point))
        natural = space.constrain(point + noise)
        # Parameters that the declaration does not have stay at the estimate.
        near = {name: natural.get(name, value) for name, value in params.items()}
        (drawn,) = loaded.draw(near, seed=rng)
        return drawn

    return draw


@cache
def _estimated(name: str) -> tuple[LatentModel, Any, Mapping[str, np.ndarray], np.ndarray]:
    """Return the model, its parameter space, and EM's estimate on the example in both scales."""
    model = load(name)
    space, params = declared.parameter_space(model.declare()), model.fit(seed=1).params
    return model, space, params, space.locate(model.to_model(params) if model.to_model else params)


# Data of particular models, unlike those that an estimate on the example leads to.


def _exponential(n: int, missing: int, scale: float = 1.0) -> Draw:
    def draw(rng: np.random.Generator) -> Data:
        y = rng.exponential(scale, n)
        y[rng.permutation(n)[:missing]] = np.nan
        return {"y": y}

    return draw


def _groups(n: int, w: float) -> np.ndarray:
    return (np.arange(n) >= w * n).astype(int)


def _normals(
    n: int,
    w: float = 0.6,
    mu: Any = (7.0, 10.0),
    sigma: Any = (1.0, 0.7),
    unit: Any = 1.0,
) -> Draw:
    def draw(rng: np.random.Generator) -> Data:
        z = _groups(n, w)
        means, deviations = np.array(mu)[z], np.array(sigma)[z]
        return {"x": unit * rng.normal(means, deviations)}

    return draw


def _correlated(n: int) -> Draw:
    def draw(rng: np.random.Generator) -> Data:
        z = _groups(n, 0.5)
        u = rng.standard_normal((n, 2))
        u[:, 1] = np.array([0.8, -0.5])[z] * u[:, 0] + 0.6 * u[:, 1]
        return {"x": u + np.array([[0.0, 0.0], [3.0, 2.0]])[z]}

    return draw


def _chain(rng: np.random.Generator, times: int, moves: np.ndarray, start: Any = None) -> Any:
    z = [rng.choice(len(moves), p=start)]
    while len(z) < times:
        z.append(rng.choice(len(moves), p=moves[z[-1]]))
    return np.array(z)


def _transitions(stay: Any) -> np.ndarray:
    """Return transitions that stay in a state with this probability, all others being equal."""
    stay = np.array(stay)
    leave = (1 - stay) / (len(stay) - 1)
    return np.where(np.eye(len(stay)), stay, leave[:, None])


def _counts_in_time(times: int, lam: Any, stay: Any) -> Draw:
    def draw(rng: np.random.Generator) -> Data:
        return {
            "x": rng.poisson(np.take(lam, _chain(rng, times, _transitions(stay)))).astype(float)
        }

    return draw


def _values_in_time(times: int, mu: Any, sigma: Any, unit: float = 1.0) -> Draw:
    def draw(rng: np.random.Generator) -> Data:
        z = _chain(rng, times, _transitions([0.9, 0.8]))
        return {"x": unit * rng.normal(np.take(mu, z), np.take(sigma, z))}

    return draw


def _symbols_in_time(times: int, sequences: int) -> Draw:
    B = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]])

    def draw(rng: np.random.Generator) -> Data:
        start = np.array([0.7, 0.3])
        z = [_chain(rng, times, _transitions([0.85, 0.75]), start) for _ in range(sequences)]
        x = np.array([[rng.choice(3, p=B[state]) for state in states] for states in z])
        return {"x": x.T.astype(float)}

    return draw


def _animals(n: int, theta: float) -> Draw:
    p = np.array([2 + theta, 1 - theta, 1 - theta, theta]) / 4
    return lambda rng: {"counts": rng.multinomial(n, p)}


# The phenotype (row) of the genotypes 11, 12, ..., AA (columns).
_ABO = np.array([[1, 0, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 1]])
_MOTHS = np.array([[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1]])
_DOMINANT = np.array([[1, 1, 0], [0, 0, 1]])


def _phenotypes(n: int, p: Any, table: np.ndarray) -> Draw:
    alleles = len(p)
    one, other = np.triu_indices(alleles)
    pi = np.where(one == other, 1, 2) * np.take(p, one) * np.take(p, other)
    return lambda rng: {"count": rng.multinomial(n, table @ pi).astype(float), "table": table}


def _tosses(sets: int, theta: Any, each: Any = 10) -> Draw:
    def draw(rng: np.random.Generator) -> Data:
        tosses = rng.integers(*each, sets) if np.ndim(each) else np.full(sets, each)
        coins = rng.integers(len(theta), size=sets)
        return {"heads": rng.binomial(tosses, np.take(theta, coins)), "tosses": tosses}

    return draw


def _poissons(n: int, lam: Any, w: Any) -> Draw:
    return lambda rng: {"x": rng.poisson(rng.choice(lam, n, p=w)).astype(float)}


def _with_zeros(n: int, p: float, lam: float) -> Draw:
    return lambda rng: {"y": np.where(rng.random(n) < p, 0, rng.poisson(lam, n)).astype(float)}


def _answers(n: int, w: Any, *items: Any) -> Draw:
    """Simulate answers; each item is a table of probabilities with a row for each class."""

    def draw(rng: np.random.Generator) -> Data:
        z = rng.choice(len(w), n, p=w)
        columns = [
            (rng.random(n)[:, None] > np.cumsum(np.array(item)[z], axis=1)).sum(axis=1)
            for item in items
        ]
        return {"x": np.column_stack(columns).astype(float)}

    return draw


def _yes(*probabilities: float) -> list[list[float]]:
    return [[1 - p, p] for p in probabilities]


def _ratings(patients: int, observers: int, share: Any, right: float, times: int = 1) -> Draw:
    classes = len(share)
    pi = _transitions(np.full(classes, right))

    def draw(rng: np.random.Generator) -> Data:
        z = rng.choice(classes, patients, p=share)
        patient, observer, _ = (
            part.ravel() for part in np.indices((patients, observers, times), dtype=int)
        )
        rating = np.array([rng.choice(classes, p=pi[z[i]]) for i in patient])
        return {"patient": patient + 1, "observer": observer + 1, "rating": rating + 1}

    return draw


def _table(n: int, cell: Any, missing: float) -> Draw:
    """Simulate individuals of whom one of two categories is missing with that probability."""
    p = np.array(cell)

    def draw(rng: np.random.Generator) -> Data:
        row, column = np.divmod(rng.choice(p.size, n, p=p.ravel()), p.shape[1]) + np.ones(
            (2, 1), int
        )
        lost = rng.choice(3, n, p=[1 - 2 * missing, missing, missing])
        lines, count = np.unique(
            np.column_stack([np.where(lost == 1, 0, row), np.where(lost == 2, 0, column)]),
            axis=0,
            return_counts=True,
        )
        lines = np.where(lines == 0, np.nan, lines)
        return {"row": lines[:, 0], "column": lines[:, 1], "count": count.astype(float)}

    return draw


def _lines(
    n: int,
    intercepts: Any,
    slopes: Any,
    sigma: Any = (0.5, 0.5),
    w: float = 0.5,
    units: tuple[float, float] = (1.0, 1.0),
) -> Draw:
    """Simulate regressions with a row of slopes for each component."""

    def draw(rng: np.random.Generator) -> Data:
        z, beta = _groups(n, w), np.array(slopes)
        x = rng.normal(1.0, 1.0, (n, beta.shape[1]))
        y = np.array(intercepts)[z] + (beta[z] * x).sum(axis=1) + rng.normal(0, np.array(sigma)[z])
        return {"response": units[0] * y, "covariates": units[1] * x}

    return draw


_THREE_ANSWERS = [
    [[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]],
    [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]],
]
_THREE_CLASSES = [_yes(*p) for p in ([0.9, 0.2, 0.3], [0.8, 0.1, 0.6], [0.9, 0.7, 0.2])] + [
    _yes(0.7, 0.3, 0.9),
    _yes(0.6, 0.9, 0.1),
    _yes(0.8, 0.2, 0.4),
]

KINDS: dict[str, dict[str, Kind]] = {
    "allele-frequencies": {
        "small": Kind(_phenotypes(40, [0.3, 0.2, 0.5], _ABO)),
        "blood groups": Kind(_phenotypes(500, [0.21, 0.05, 0.74], _ABO)),
        "large": Kind(_phenotypes(5000, [0.07, 0.19, 0.74], _MOTHS)),
        "a rare allele": Kind(_phenotypes(500, [0.25, 0.004, 0.746], _ABO)),
        "two alleles": Kind(_phenotypes(100, [0.4, 0.6], _DOMINANT)),
    },
    "annotators": {
        "small": Kind(_ratings(12, 3, [0.5, 0.5], 0.8)),
        "large": Kind(_ratings(200, 5, [0.5, 0.3, 0.2], 0.75)),
        "a rare class": Kind(_ratings(60, 4, [0.9, 0.1], 0.85)),
        "heavy overlap": Kind(_ratings(60, 4, [0.5, 0.5], 0.6)),
        "rated twice": Kind(_ratings(40, 3, [0.4, 0.3, 0.3], 0.8, times=2)),
    },
    "coins": {
        _PERTURBED: Kind(_redrawn("coins")),
        "large": Kind(_tosses(400, (0.7, 0.4))),
        "heavy overlap": Kind(_tosses(40, (0.55, 0.5))),
        "nearly all heads": Kind(_tosses(20, (0.99, 0.3))),
        "sets of many sizes": Kind(_tosses(20, (0.8, 0.45), (1, 60))),
    },
    "exponential-missing": {
        "two values": Kind(_exponential(2, 1)),
        "small": Kind(_exponential(12, 5)),
        "nearly all missing": Kind(_exponential(40, 38)),
        "nearly complete": Kind(_exponential(40, 1)),
        "large": Kind(_exponential(2000, 700)),
        "small units": Kind(_exponential(30, 10, 1e-6)),
        "large units": Kind(_exponential(30, 10, 1e6)),
    },
    "gaussian-mixture": {
        _PERTURBED: Kind(_redrawn("gaussian-mixture")),
        "small": Kind(_normals(30)),
        "textbook": Kind(_normals(200, 0.7, (7.0, 10.0), (0.5, 0.5))),
        "large": Kind(_normals(2000)),
        "small units": Kind(_normals(120, unit=1e-6)),
        "large units": Kind(_normals(120, unit=1e6)),
        "a rare component": Kind(_normals(300, 0.95)),
        "heavy overlap": Kind(_normals(300, mu=(7.0, 8.0), sigma=(1.0, 1.0))),
    },
    "genetic-linkage": {
        "small": Kind(_animals(20, 0.5)),
        "textbook": Kind(_animals(197, 0.63)),
        "large": Kind(_animals(4000, 0.63)),
        "close linkage": Kind(_animals(197, 0.97)),
        "repulsion": Kind(_animals(197, 0.02)),
    },
    "hidden-markov": {
        _PERTURBED: Kind(_redrawn("hidden-markov")),
        "short": Kind(_counts_in_time(30, (3, 12), (0.8, 0.8))),
        "long": Kind(_counts_in_time(200, (5, 15), (0.95, 0.9))),
        "a rare state": Kind(_counts_in_time(150, (4, 15), (0.97, 0.5))),
        "heavy overlap": Kind(_counts_in_time(150, (8, 11), (0.9, 0.9))),
        "small units": Kind(
            _values_in_time(100, (7.0, 10.0), (1.0, 0.7), 1e-6), {"emission": "gaussian"}
        ),
        "sequences": Kind(
            _symbols_in_time(15, 12), {"emission": "categorical", "start": "estimated"}
        ),
    },
    "latent-class": {
        "small": Kind(_answers(40, [0.6, 0.4], *4 * [_yes(0.9, 0.2)])),
        "large": Kind(_answers(1500, [0.3, 0.7], *4 * [_yes(0.8, 0.2)])),
        "a rare class": Kind(_answers(300, [0.95, 0.05], *4 * [_yes(0.1, 0.8)])),
        "heavy overlap": Kind(_answers(200, [0.5, 0.5], *4 * [_yes(0.6, 0.4)])),
        "items of two sizes": Kind(
            _answers(200, [0.5, 0.5], *2 * [_yes(0.8, 0.2)], *_THREE_ANSWERS)
        ),
        "three classes": Kind(_answers(400, [0.4, 0.3, 0.3], *_THREE_CLASSES), {"classes": 3}),
    },
    "missing-categories": {
        "small": Kind(_table(40, [[0.4, 0.2], [0.1, 0.3]], 0.1)),
        "large": Kind(_table(5000, [[0.4, 0.2], [0.1, 0.3]], 0.1)),
        "nearly complete": Kind(_table(200, [[0.4, 0.2], [0.1, 0.3]], 0.01)),
        "mostly missing": Kind(_table(200, [[0.4, 0.2], [0.1, 0.3]], 0.4)),
        "a rare cell": Kind(_table(200, [[0.6, 0.01], [0.09, 0.3]], 0.15)),
        "three by three": Kind(
            _table(300, [[0.2, 0.1, 0.05], [0.05, 0.2, 0.1], [0.1, 0.05, 0.15]], 0.15)
        ),
    },
    "mixture-of-regressions": {
        _PERTURBED: Kind(_redrawn("mixture-of-regressions")),
        "small": Kind(_lines(25, (0, 3), [[1.0], [-1.0]])),
        "large": Kind(_lines(1500, (0, 3), [[1.0], [-1.0]])),
        "other units": Kind(_lines(120, (0, 3), [[1.0], [-1.0]], units=(1e6, 1e-3))),
        "a rare component": Kind(_lines(300, (0, 3), [[1.0], [-1.0]], w=0.94)),
        "heavy overlap": Kind(_lines(200, (0, 0.5), [[1.0], [0.5]], (1.0, 1.0))),
        "three covariates": Kind(_lines(150, (0, 2), [[1, 0, 2], [-1, 1, 0]], (0.6, 0.3))),
    },
    "multivariate-gaussian-mixture": {
        _PERTURBED: Kind(_redrawn("multivariate-gaussian-mixture")),
        "two columns": Kind(_correlated(150)),
    },
    "poisson-mixture": {
        _PERTURBED: Kind(_redrawn("poisson-mixture")),
        "small": Kind(_poissons(30, (2, 9), (0.6, 0.4))),
        "large": Kind(_poissons(3000, (1, 4), (0.5, 0.5))),
        "a rare component": Kind(_poissons(300, (2, 12), (0.96, 0.04))),
        "heavy overlap": Kind(_poissons(300, (4, 5.5), (0.5, 0.5))),
        "high counts": Kind(_poissons(100, (9000, 11000), (0.3, 0.7))),
        "three components": Kind(_poissons(300, (1, 8, 20), (0.3, 0.4, 0.3)), {"components": 3}),
    },
    "zero-inflated-poisson": {
        _PERTURBED: Kind(_redrawn("zero-inflated-poisson")),
        "small": Kind(_with_zeros(20, 0.3, 2.0)),
        "large": Kind(_with_zeros(3000, 0.3, 2.0)),
        "few structural zeros": Kind(_with_zeros(200, 0.02, 1.5)),
        "mostly zeros": Kind(_with_zeros(200, 0.9, 2.0)),
        "small rate": Kind(_with_zeros(200, 0.3, 0.2)),
        "large rate": Kind(_with_zeros(200, 0.3, 30.0)),
    },
}
