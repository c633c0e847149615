r"""A distribution on the real line that is given by its log density at Chebyshev points.

Between the points the density is the polynomial through them, which for a smooth density equals the
density up to rounding (Trefethen 2019, Approximation Theory and Approximation Practice, chapter 8).
The points are Chebyshev points x on [-1, 1], mapped to t = R sinh(s x) / sinh(s) in units of a
width about a mode, so that they are close to one another near the mode and further apart in the
tails.
"""

from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.polynomial import chebyshev
from pymc.logprob.abstract import _logprob
from pytensor.tensor.random.op import RandomVariable

# R: the distance of the outermost points from the mode, in widths. It covers tails that are
# several times as wide as the curvature at the mode suggests.
_REACH = 40.0
# s: how much denser the points are near the mode.
_STRETCH = 3.5
_DEGREE = 160
_CHEBYSHEV = -np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)
TABLE_POINTS = _REACH * np.sinh(_STRETCH * _CHEBYSHEV) / np.sinh(_STRETCH)
_JACOBIAN = _REACH * _STRETCH * np.cosh(_STRETCH * _CHEBYSHEV) / np.sinh(_STRETCH)
_ORDERS = np.arange(_DEGREE + 1)

_NEWTON_STEPS = 4
# Density, relative to x in [-1, 1], below which a quantile is not improved: the table then has no
# digits left for it.
_SMALLEST_DENSITY = 1e-10
# Number of quantiles that are computed together: few enough to stay in the processor's cache.
_QUANTILES_PER_BATCH = 1000


@cache
def _coefficients() -> np.ndarray:
    """Compute the matrix from values at the points to coefficients of Chebyshev polynomials."""
    matrix: np.ndarray = np.linalg.inv(chebyshev.chebvander(_CHEBYSHEV, _DEGREE))
    return matrix


@cache
def _integration_weights() -> np.ndarray:
    """Compute the weights of the values at the points in the integral over all of them."""
    even = _ORDERS % 2 == 0
    integrals = np.where(even, 2.0 / (1.0 - np.where(even, _ORDERS, 0.0) ** 2), 0.0)
    weights: np.ndarray = (integrals @ _coefficients()) * _JACOBIAN
    return weights


@cache
def _integral_polynomials() -> np.ndarray:
    """Evaluate Chebyshev polynomials up to the degree of an integral at the points."""
    matrix: np.ndarray = chebyshev.chebvander(_CHEBYSHEV, _DEGREE + 1)
    return matrix


class TabulatedRV(RandomVariable):
    """Variable with a mode, a width, and log densities at `TABLE_POINTS` widths from the mode."""

    name = "tabulated"
    signature = "(),(),(p)->()"
    dtype = "floatX"
    _print_name = ("Tabulated", "\\operatorname{Tabulated}")

    @classmethod
    def rng_fn(
        cls,
        rng: np.random.Generator,
        mode: np.ndarray,
        width: np.ndarray,
        table: np.ndarray,
        size: Any = None,
    ) -> np.ndarray:
        """Draw by inversion of the distribution function."""
        if size is None:
            size = np.broadcast_shapes(np.shape(mode), np.shape(width), table.shape[:-1])
        share = rng.random(size=size)
        quantiles = tabulated_quantile(share[None], mode, width, table)
        return np.asarray(quantiles[0])


tabulated = TabulatedRV()


def tabulated_quantile(
    below: np.ndarray,
    mode: np.ndarray,
    width: np.ndarray,
    table: np.ndarray,
    which: np.ndarray | None = None,
) -> np.ndarray:
    """Compute quantiles of tabulated distributions.

    Parameters
    ----------
    below : ndarray, shape (k, *batch)
        Probabilities below the quantiles.
    mode, width : ndarray, shape (*batch)
    table : ndarray, shape (*batch, p)
        Log densities, up to a constant, at `TABLE_POINTS` widths from the mode.
    which : ndarray of int, shape (n,), optional
        For each entry on the last axis of the batch of `below`, the position of its distribution
        on the last axis of the batch of the tables. By default these axes are the same.

    Returns
    -------
    ndarray, shape (k, *batch)
        With n entries on its last axis, if `which` is given.
    """
    table_batch = np.broadcast_shapes(np.shape(mode), np.shape(width), table.shape[:-1])
    if which is None:
        table_batch = batch = np.broadcast_shapes(below.shape[1:], table_batch)
    else:
        mode, width = (np.broadcast_to(part, table_batch)[..., which] for part in (mode, width))
        batch = np.broadcast_shapes(below.shape[1:], mode.shape)
    shares = np.broadcast_to(below, (len(below), *batch)).reshape(len(below), -1)
    rows = np.broadcast_to(table, (*table_batch, table.shape[-1])).reshape(-1, table.shape[-1])
    densities = np.exp(rows - rows.max(axis=1, keepdims=True)) * _JACOBIAN
    # One column for each distribution, so that sums over degrees run along contiguous memory.
    density = _coefficients() @ densities.T
    mass = chebyshev.chebint(density, lbnd=-1)
    total = mass.sum(axis=0)
    density, mass = density / total, mass / total
    grid = np.maximum.accumulate(_integral_polynomials() @ mass, axis=0).T
    row = np.arange(len(rows))
    if which is not None:
        row = np.broadcast_to(row.reshape(table_batch)[..., which], batch).ravel()
    x, step = np.empty(shares.shape), max(1, _QUANTILES_PER_BATCH // len(shares))
    for begin in range(0, len(row), step):
        some = slice(begin, begin + step)
        # The starts of Newton's method are interpolated linearly between the points.
        for j in range(begin, min(begin + step, len(row))):
            x[:, j] = np.interp(shares[:, j], grid[row[j]], _CHEBYSHEV)
        x[:, some] = _newton(x[:, some], shares[:, some], density[:, row[some]], mass[:, row[some]])
    widths = _REACH * np.sinh(_STRETCH * x) / np.sinh(_STRETCH)
    return np.asarray(mode + width * widths.reshape(len(below), *batch))


def _newton(x: np.ndarray, shares: np.ndarray, density: np.ndarray, mass: np.ndarray) -> Any:
    """Solve for the points below which the given shares of the mass lie, by Newton's method."""
    for _ in range(_NEWTON_STEPS):
        slope = chebyshev.chebval(x, density, tensor=False)
        error = chebyshev.chebval(x, mass, tensor=False) - shares
        step = np.where(
            slope > _SMALLEST_DENSITY, error / np.maximum(slope, _SMALLEST_DENSITY), 0.0
        )
        x = np.clip(x - step, -1.0, 1.0)
    return x


@_logprob.register(TabulatedRV)
def _tabulated_logp(
    op: TabulatedRV,
    values: Any,
    rng: Any,
    size: Any,
    mode: Any,
    width: Any,
    table: Any,
    **kwargs: Any,
) -> Any:
    (value,) = values
    t = (value - mode) / (width * _REACH)
    x = pt.arcsinh(t * np.sinh(_STRETCH)) / _STRETCH
    inside = pt.le(pt.abs(x), 1.0)
    angle = pt.arccos(pt.clip(x, -1.0, 1.0))
    waves = pt.cos(angle[..., None] * _ORDERS)
    largest = pt.max(table, axis=-1)
    # The density is interpolated, not its logarithm, which may have any size in one of the tails.
    densities = pt.exp(table - largest[..., None])
    density = pt.sum(pt.dot(densities, _coefficients().T) * waves, axis=-1)
    mass = pt.sum(densities * _integration_weights(), axis=-1)
    some = pt.and_(inside, pt.gt(density, 0.0))
    return pt.switch(some, pt.log(pt.switch(some, density, 1.0) / (width * mass)), -np.inf)
