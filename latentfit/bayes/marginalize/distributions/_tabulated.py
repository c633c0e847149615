r"""A distribution on the real line that is given by its log density at points of adjacent panels.

Positions are coordinates u, with z = m + s sinh(u) for a location m and a width s: they are close
to one another near m, and reach far into the tails. Within a panel the log density of u is the
polynomial through its values at the nodes of Gauss-Legendre quadrature, which for a density that is
smooth on the panel equals it up to rounding (Trefethen 2019, Approximation Theory and Approximation
Practice, chapter 8). The panels of each distribution may have other positions.
"""

from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.polynomial import legendre
from pymc.logprob.abstract import _logprob
from pytensor.tensor.random.op import RandomVariable

# Number of panels of a table, and nodes and weights of quadrature on each of them, from -1 to 1.
TABLE_PANELS = 40
TABLE_NODES, _WEIGHTS = legendre.leggauss(8)
_COUNT = len(TABLE_NODES)
# Differences of log densities from the largest one beyond which there is no probability.
_LARGEST_DROP = 700.0
# Number of steps of Newton's method, or of bisection, to a quantile within its panel.
_QUANTILE_STEPS = 10
# Number of quantiles that are computed together: few enough to stay in the processor's cache.
_QUANTILES_PER_BATCH = 4000


@cache
def _coefficients() -> np.ndarray:
    """Compute the matrix from values at the nodes to coefficients of Legendre polynomials."""
    matrix: np.ndarray = np.linalg.inv(legendre.legvander(TABLE_NODES, _COUNT - 1))
    return matrix


class TabulatedRV(RandomVariable):
    """Variable with a location, a width, and a table.

    The last axis of the table has the edges of the panels, in increasing order, and then the log
    densities of u, up to a constant, at the nodes of every panel.
    """

    name = "tabulated"
    signature = "(),(),(p)->()"
    dtype = "floatX"
    _print_name = ("Tabulated", "\\operatorname{Tabulated}")

    @classmethod
    def rng_fn(
        cls,
        rng: np.random.Generator,
        location: np.ndarray,
        width: np.ndarray,
        table: np.ndarray,
        size: Any = None,
    ) -> np.ndarray:
        """Draw by inversion of the distribution function."""
        if size is None:
            size = np.broadcast_shapes(np.shape(location), np.shape(width), table.shape[:-1])
        share = rng.random(size=size)
        quantiles = tabulated_quantile(share[None], location, width, table)
        return np.asarray(quantiles[0])


tabulated = TabulatedRV()


def table_of(edges: Any, log_densities: Any) -> Any:
    """Build a table.

    Parameters
    ----------
    edges : ndarray or TensorVariable, shape (*batch, panels + 1)
    log_densities : ndarray or TensorVariable, shape (*batch, panels * nodes)
        Log densities of u, up to a constant: those of z plus log cosh(u).
    """
    join = np.concatenate if isinstance(edges, np.ndarray) else pt.concatenate
    return join([edges, log_densities], axis=-1)


def table_positions(edges: Any) -> Any:
    """Compute the positions u of the nodes from the edges of the panels.

    Parameters
    ----------
    edges : ndarray or TensorVariable, shape (panels + 1, *batch)

    Returns
    -------
    ndarray or TensorVariable, shape (panels, nodes, *batch)
    """
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * (edges[1:] - edges[:-1])
    nodes = TABLE_NODES.reshape(-1, *(1,) * (edges.ndim - 1))
    return middle[:, None] + half[:, None] * nodes


def tabulated_quantile(
    below: np.ndarray,
    location: np.ndarray,
    width: np.ndarray,
    table: np.ndarray,
    which: np.ndarray | None = None,
) -> np.ndarray:
    """Compute quantiles of tabulated distributions.

    Parameters
    ----------
    below : ndarray, shape (k, *batch)
        Probabilities below the quantiles.
    location, width : ndarray, shape (*batch)
    table : ndarray, shape (*batch, p)
        As `TabulatedRV` describes it.
    which : ndarray of int, shape (n,), optional
        For each entry on the last axis of the batch of `below`, the position of its distribution
        on the last axis of the batch of the tables. By default these axes are the same.

    Returns
    -------
    ndarray, shape (k, *batch)
        With n entries on its last axis, if `which` is given.
    """
    table_batch = np.broadcast_shapes(np.shape(location), np.shape(width), table.shape[:-1])
    if which is None:
        table_batch = batch = np.broadcast_shapes(below.shape[1:], table_batch)
    else:
        location, width = (
            np.broadcast_to(part, table_batch)[..., which] for part in (location, width)
        )
        batch = np.broadcast_shapes(below.shape[1:], location.shape)
    shares = np.broadcast_to(below, (len(below), *batch)).reshape(len(below), -1)
    rows = np.broadcast_to(table, (*table_batch, table.shape[-1])).reshape(-1, table.shape[-1])
    edges, values, mass = _masses(rows)
    cumulative = np.cumsum(mass, axis=1)
    cumulative = cumulative / cumulative[:, -1:]
    row = np.arange(len(rows))
    if which is not None:
        row = np.broadcast_to(row.reshape(table_batch)[..., which], batch).ravel()
    panel = np.empty(shares.shape, dtype=int)
    for column, distribution in enumerate(row):
        panel[:, column] = np.searchsorted(cumulative[distribution], shares[:, column])
    panel = np.minimum(panel, TABLE_PANELS - 1)
    of_row = np.broadcast_to(row, shares.shape)
    end = cumulative[of_row, panel]
    begin = np.where(panel > 0, cumulative[of_row, np.maximum(panel - 1, 0)], 0.0)
    # The part of the panel's own probability that lies below the quantile.
    share = np.clip((shares - begin) / np.maximum(end - begin, np.finfo(float).tiny), 0.0, 1.0)
    x = np.empty(shares.size)
    flat = share.ravel(), of_row.ravel(), panel.ravel()
    for first in range(0, shares.size, _QUANTILES_PER_BATCH):
        some = slice(first, first + _QUANTILES_PER_BATCH)
        part, own_row, own_panel = (one[some] for one in flat)
        x[some] = _quantile_in_panel(part, values[own_row, own_panel])
    low, high = edges[of_row, panel], edges[of_row, panel + 1]
    u = low + 0.5 * (high - low) * (x.reshape(shares.shape) + 1.0)
    return np.asarray(location + width * np.sinh(u).reshape(len(below), *batch))


def _masses(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Split tables, and compute the probability of every panel up to a constant.

    Returns
    -------
    edges : ndarray, shape (rows, panels + 1)
    values : ndarray, shape (rows, panels, nodes)
        Log densities, the largest of which is zero.
    mass : ndarray, shape (rows, panels)
    """
    edges = rows[:, : TABLE_PANELS + 1]
    values = rows[:, TABLE_PANELS + 1 :]
    values = np.maximum(values - values.max(axis=1, keepdims=True), -_LARGEST_DROP)
    values = values.reshape(len(rows), TABLE_PANELS, _COUNT)
    mass = 0.5 * np.diff(edges, axis=1) * (np.exp(values) @ _WEIGHTS)
    return edges, values, mass


def _quantile_in_panel(share: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Solve for the points x in [-1, 1] below which given shares of the mass of a panel lie.

    Parameters
    ----------
    share : ndarray, shape (n,)
    values : ndarray, shape (n, nodes)
    """
    coefficients = (values @ _coefficients().T).T
    wanted = share * (np.exp(values) @ _WEIGHTS)
    low, high = np.full(len(share), -1.0), np.ones(len(share))
    x = 2.0 * share - 1.0
    nodes, weights = TABLE_NODES[:, None], _WEIGHTS[:, None]
    for _ in range(_QUANTILE_STEPS):
        half = 0.5 * (x + 1.0)
        inner = legendre.legval(half * (nodes + 1.0) - 1.0, coefficients, tensor=False)
        error = half * np.sum(weights * np.exp(inner), axis=0) - wanted
        low, high = np.where(error < 0, x, low), np.where(error < 0, high, x)
        density = np.exp(legendre.legval(x, coefficients, tensor=False))
        step = x - error / np.maximum(density, np.finfo(float).tiny)
        x = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
    return x


@_logprob.register(TabulatedRV)
def _tabulated_logp(
    op: TabulatedRV,
    values: Any,
    rng: Any,
    size: Any,
    location: Any,
    width: Any,
    table: Any,
    **kwargs: Any,
) -> Any:
    (value,) = values
    u = pt.arcsinh((value - location) / width)[..., None]
    edges, logs = table[..., : TABLE_PANELS + 1], table[..., TABLE_PANELS + 1 :]
    low, high = edges[..., :-1], edges[..., 1:]
    largest = pt.max(logs, axis=-1)
    drops = pt.maximum(logs - largest[..., None], -_LARGEST_DROP)
    by_panel = pt.stack([drops[..., k::_COUNT] for k in range(_COUNT)], axis=-1)
    mass = pt.sum(0.5 * (high - low) * pt.dot(pt.exp(by_panel), _WEIGHTS), axis=-1)
    own = pt.and_(pt.ge(u, low), pt.lt(u, high))
    inside = pt.any(own, axis=-1)
    # Outside of all panels any finite numbers do.
    chosen = pt.sum(pt.switch(own[..., None], by_panel, 0.0), axis=-2)
    begin, end = (pt.sum(pt.switch(own, limit, 0.0), axis=-1) for limit in (low, high))
    length = pt.switch(inside, end - begin, 1.0)
    x = pt.switch(inside, 2.0 * (u[..., 0] - begin) / length - 1.0, 0.0)
    basis = _legendre_polynomials(x)
    log_density = pt.sum(pt.dot(chosen, _coefficients().T) * basis, axis=-1)
    log_cosh = pt.logaddexp(u[..., 0], -u[..., 0]) - np.log(2.0)
    return pt.switch(inside, log_density - log_cosh - pt.log(width * mass), -np.inf)


def _legendre_polynomials(x: Any) -> Any:
    """Evaluate the polynomials, along a new last axis."""
    found = [pt.ones_like(x), x]
    for k in range(1, _COUNT - 1):
        found.append(((2 * k + 1) * x * found[-1] - k * found[-2]) / (k + 1))
    return pt.stack(found, axis=-1)
