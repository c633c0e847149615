"""log p(x | θ) of a random model by sums over categories and quadrature with many nodes.

The joint density is tabulated on an array with one axis for the units and one for each latent.
Axes of latents that belong to a unit are summed out first, then groups or paths of a chain.
Continuous latents are integrated by composite Gauss-Legendre quadrature in a variable in which the
integrand decays exponentially.
"""

from collections.abc import Mapping
from itertools import pairwise, product

import numpy as np
from scipy import stats
from scipy.special import gammaln, logsumexp, xlogy

from random_declarations._declaration import FIRST, GROUP_OF, TRIALS
from random_declarations._specification import (
    CATEGORICAL,
    EFFECTS,
    GROUPS,
    UNITS,
    Latent,
    Specification,
)

# Nodes in a panel of the composite rule.
NODES = 8
MAX_COUNT = 400


def log_likelihood(
    specification: Specification, params: Mapping[str, np.ndarray], y: np.ndarray
) -> float:
    """Compute log p(x | θ)."""
    latents = specification.latents
    continuous = sum(one.kind in (*EFFECTS, "precision", "rate", "probability") for one in latents)
    panels = 250 if continuous < 2 else 70
    values: dict[str, np.ndarray] = {}
    log_weights: dict[str, np.ndarray] = {}
    axes = {one.name: place + 1 for place, one in enumerate(latents)}
    for one in latents:
        values[one.name], log_weights[one.name] = _tabulate(one, params, axes, len(latents), panels)
    table = _response(specification, params, values, y.reshape(-1, *[1] * len(latents)))
    units = (UNITS, *[1] * len(latents))
    table = np.broadcast_to(table, np.broadcast_shapes(table.shape, units))
    for one in reversed([one for one in latents if one.plate == "unit"]):
        table = logsumexp(table + log_weights[one.name], axis=axes[one.name], keepdims=True)
    coupled = [one for one in latents if one.plate != "unit"]
    if not coupled:
        return float(table.sum())
    if coupled[0].plate == "chain":
        name, size = coupled[0].name, coupled[0].size
        emissions = np.broadcast_to(table.reshape(UNITS, -1), (UNITS, size))
        return _over_paths(emissions, params[f"w_{name}"], FIRST[size])
    total = 0.0
    for group in range(GROUPS):
        of_group = table[group == GROUP_OF].sum(axis=0, keepdims=True)
        for one in reversed(coupled):
            of_group = logsumexp(
                of_group + log_weights[one.name], axis=axes[one.name], keepdims=True
            )
        total += float(of_group.squeeze())
    return total


def _tabulate(
    one: Latent, params: Mapping[str, np.ndarray], axes: Mapping[str, int], count: int, panels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Tabulate the values of a latent, and their log probabilities or log quadrature weights.

    Both have the axis of the latent, and that of its parent where they depend on it.
    """

    def along(values: np.ndarray) -> np.ndarray:
        """Give a table by parent and value, or by value, the axes of the whole array."""
        values = np.asarray(values, float)
        shape = [1] * (count + 1)
        shape[axes[one.name]] = values.shape[-1]
        if values.ndim == 2:
            shape[axes[one.parent or ""]] = values.shape[0]
        return values.reshape(shape)

    match one.kind:
        case "categorical":
            return along(np.arange(one.size)), along(np.log(params[f"w_{one.name}"]))
        case "bernoulli":
            p = float(params[f"w_{one.name}"])
            return along(np.arange(2)), along(np.log([1 - p, p]))
        case "chain":
            return along(np.arange(one.size)), along(np.zeros(one.size))
        case "trials":
            counts = np.arange(MAX_COUNT)
            return along(counts), along(stats.poisson.logpmf(counts, 3 * params["rate"]))
    if one.kind == "normal" and one.parent:
        nodes, weights = _nodes(-14, 14, panels)
        mean = np.asarray(params[f"m_{one.name}"])[:, None]
        return along(mean + params[f"s_{one.name}"] * nodes), along(
            weights + stats.norm.logpdf(nodes)
        )
    if one.kind in ("normal", "noncentred"):
        nodes, weights = _nodes(-14, 14, panels)
        size = params[f"s_{one.name}"] if one.kind == "normal" else 1.0
        return along(size * nodes), along(weights + stats.norm.logpdf(nodes))
    if one.kind == "laplace":
        nodes, weights = _nodes(-45, 45, panels)
        return along(params[f"s_{one.name}"] * nodes), along(weights + stats.laplace.logpdf(nodes))
    if one.kind == "student":
        # sinh makes the tails exponential.
        t, weights = _nodes(-10, 10, panels)
        weights = weights + stats.t.logpdf(np.sinh(t), 5) + np.log(np.cosh(t))
        return along(params[f"s_{one.name}"] * np.sinh(t)), along(weights)
    if one.kind in ("precision", "rate"):
        shape, rate = (2.5, 2.5) if one.kind == "precision" else (2.0, float(params["rate"]))
        t, weights = _nodes(-22, 6, panels)
        weights = weights + stats.gamma.logpdf(np.exp(t), shape) + t
        return along(np.exp(t) / rate), along(weights)
    t, weights = _nodes(-45, 45, panels)
    # log p and log(1 - p) of the logistic function of t, with its derivative p (1 - p).
    a, b = float(params["a"]) + 1, 2.0
    log_p, log_q = -np.logaddexp(0, -t), -np.logaddexp(0, t)
    log_beta = gammaln(a) + gammaln(b) - gammaln(a + b)
    return along(t), along(weights + a * log_p + b * log_q - log_beta)


def _nodes(low: float, high: float, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and log weights of composite Gauss-Legendre quadrature; 0 is the end of a panel."""
    points, weights = np.polynomial.legendre.leggauss(NODES)
    share = round(panels * -low / (high - low))
    edges = np.append(np.linspace(low, 0, share + 1), np.linspace(0, high, panels - share + 1)[1:])
    half = np.diff(edges)[:, None] / 2
    nodes = edges[:-1, None] + half * (1 + points)
    return nodes.ravel(), np.log(half * weights).ravel()


def _response(
    specification: Specification,
    params: Mapping[str, np.ndarray],
    values: Mapping[str, np.ndarray],
    y: np.ndarray,
) -> np.ndarray:
    predictor = np.asarray(params.get("mu", 0.0), float)
    for one in specification.latents:
        value = values[one.name]
        if one.kind in CATEGORICAL and f"mu_{one.name}" in params:
            predictor = predictor + np.asarray(params[f"mu_{one.name}"])[value.astype(int)]
        elif one.kind == "noncentred":
            predictor = predictor + params[f"s_{one.name}"] * value
        elif one.kind in EFFECTS:
            predictor = predictor + value
    special = values.get("u")
    match specification.response:
        case "normal":
            sd = params["sd"] if special is None else params["sd"] / np.sqrt(special)
            return -0.5 * ((y - predictor) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
        case "poisson":
            log_rate = predictor if special is None else predictor + np.log(special)
            return y * log_rate - np.exp(log_rate) - gammaln(y + 1)
        case "bernoulli":
            return -np.logaddexp(0, np.where(y == 1, -predictor, predictor))
        case "exponential":
            return predictor - y * np.exp(predictor)
    if any(one.kind == "trials" for one in specification.latents):
        p = params["p"]
        with np.errstate(invalid="ignore"):
            log_binomial = gammaln(special + 1) - gammaln(y + 1) - gammaln(special - y + 1)
            found = log_binomial + xlogy(y, p) + (special - y) * np.log1p(-p)
        return np.where(special >= y, found, -np.inf)
    log_binomial = gammaln(TRIALS + 1) - gammaln(y + 1) - gammaln(TRIALS - y + 1)
    return log_binomial - y * np.logaddexp(0, -special) - (TRIALS - y) * np.logaddexp(0, special)


def _over_paths(emissions: np.ndarray, transition: np.ndarray, first: np.ndarray) -> float:
    """Sum over all paths one by one, which owes nothing to the forward algorithm."""
    times, states = emissions.shape
    terms = []
    for path in product(range(states), repeat=times):
        term = np.log(first[path[0]]) + emissions[np.arange(times), path].sum()
        terms.append(term + sum(np.log(transition[a, b]) for a, b in pairwise(path)))
    return float(logsumexp(terms))
