r"""A distribution on the real line that is known by its log density at Chebyshev's points.

Between the points the density is the polynomial through them, which for a smooth density is it
to rounding (Trefethen 2019, Approximation Theory and Approximation Practice, chapter 8).
"""

from functools import cache
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.polynomial import chebyshev
from pymc.logprob.abstract import _logprob
from pytensor.tensor.random.op import RandomVariable

# In units of the width at the mode: far enough for tails that are several times as wide.
_REACH = 40.0
_STRETCH = 3.5
_DEGREE = 160
_CHEBYSHEV = -np.cos(np.pi * np.arange(_DEGREE + 1) / _DEGREE)
# Close to one another in the middle, further apart in the tails.
POINTS = _REACH * np.sinh(_STRETCH * _CHEBYSHEV) / np.sinh(_STRETCH)
_JACOBIAN = _REACH * _STRETCH * np.cosh(_STRETCH * _CHEBYSHEV) / np.sinh(_STRETCH)
_ORDERS = np.arange(_DEGREE + 1)


@cache
def _coefficients() -> np.ndarray:
    """From values at the points to coefficients of Chebyshev's polynomials."""
    found: np.ndarray = np.linalg.inv(chebyshev.chebvander(_CHEBYSHEV, _DEGREE))
    return found


@cache
def _weights() -> np.ndarray:
    """Of values at the points in the integral over all of them."""
    even = _ORDERS % 2 == 0
    integrals = np.where(even, 2.0 / (1.0 - np.where(even, _ORDERS, 0.0) ** 2), 0.0)
    return (integrals @ _coefficients()) * _JACOBIAN


@cache
def _polynomials() -> np.ndarray:
    """Those of the integral, at the points."""
    found: np.ndarray = chebyshev.chebvander(_CHEBYSHEV, _DEGREE + 1)
    return found


_NEWTON = 4
# Quantiles that share the processor's cache while they are found.
_TOGETHER = 1000


class TabulatedRV(RandomVariable):
    """Variable of a mode, a width, and log densities at `POINTS` widths from the mode."""

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
        heights: np.ndarray,
        size: Any = None,
    ) -> np.ndarray:
        if size is None:
            size = np.broadcast_shapes(np.shape(mode), np.shape(width), heights.shape[:-1])
        share = rng.random(size=size)
        return quantile(share[None], mode, width, heights)[0]


tabulated = TabulatedRV()


def quantile(
    below: np.ndarray,
    mode: np.ndarray,
    width: np.ndarray,
    heights: np.ndarray,
    which: np.ndarray | None = None,
) -> np.ndarray:
    """Values below which lie these shares of the probability.

    Parameters
    ----------
    below : ndarray, shape (k, *batch)
    mode, width : ndarray, shape (*batch)
    heights : ndarray, shape (*batch, p)
    which : ndarray of int, shape (n,), optional
        The last axis of the batch is of other entries than that of `below`: which of them each
        of these is distributed like. By default they are the same entries.

    Returns
    -------
    ndarray, shape (k, *batch)
        With n entries on its last axis, if `which` is given.
    """
    own = np.broadcast_shapes(np.shape(mode), np.shape(width), heights.shape[:-1])
    if which is None:
        own = batch = np.broadcast_shapes(below.shape[1:], own)
    else:
        mode, width = (np.broadcast_to(part, own)[..., which] for part in (mode, width))
        batch = np.broadcast_shapes(below.shape[1:], mode.shape)
    shares = np.broadcast_to(below, (len(below), *batch)).reshape(len(below), -1)
    rows = np.broadcast_to(heights, (*own, heights.shape[-1])).reshape(-1, heights.shape[-1])
    densities = np.exp(rows - rows.max(axis=1, keepdims=True)) * _JACOBIAN
    # A column for each distribution, so that sums over degrees run along the memory.
    density = _coefficients() @ densities.T
    mass = chebyshev.chebint(density, lbnd=-1)
    total = mass.sum(axis=0)
    density, mass = density / total, mass / total
    grid = np.maximum.accumulate(_polynomials() @ mass, axis=0).T
    row = np.arange(len(rows))
    if which is not None:
        row = np.broadcast_to(row.reshape(own)[..., which], batch).ravel()
    x, step = np.empty(shares.shape), max(1, _TOGETHER // len(shares))
    for begin in range(0, len(row), step):
        some = slice(begin, begin + step)
        # First guesses, by straight lines between the points.
        for j in range(begin, min(begin + step, len(row))):
            x[:, j] = np.interp(shares[:, j], grid[row[j]], _CHEBYSHEV)
        x[:, some] = _improved(
            x[:, some], shares[:, some], density[:, row[some]], mass[:, row[some]]
        )
    widths = _REACH * np.sinh(_STRETCH * x) / np.sinh(_STRETCH)
    return np.asarray(mode + width * widths.reshape(len(below), *batch))


def _improved(x: np.ndarray, shares: np.ndarray, density: np.ndarray, mass: np.ndarray) -> Any:
    """Newton's steps to where the mass below is the share."""
    for _ in range(_NEWTON):
        slope = chebyshev.chebval(x, density, tensor=False)
        error = chebyshev.chebval(x, mass, tensor=False) - shares
        # Where the density is next to nothing, the table has no digits left to improve on.
        step = np.where(slope > 1e-10, error / np.maximum(slope, 1e-10), 0.0)
        x = np.clip(x - step, -1.0, 1.0)
    return x


@_logprob.register(TabulatedRV)
def _logp(
    op: TabulatedRV,
    values: Any,
    rng: Any,
    size: Any,
    mode: Any,
    width: Any,
    heights: Any,
    **kwargs: Any,
) -> Any:
    (value,) = values
    t = (value - mode) / (width * _REACH)
    x = pt.arcsinh(t * np.sinh(_STRETCH)) / _STRETCH
    inside = pt.le(pt.abs(x), 1.0)
    angle = pt.arccos(pt.clip(x, -1.0, 1.0))
    waves = pt.cos(angle[..., None] * _ORDERS)
    top = pt.max(heights, axis=-1)
    # Of the density, not its logarithm, which in one tail may be of any size.
    densities = pt.exp(heights - top[..., None])
    density = pt.sum(pt.dot(densities, _coefficients().T) * waves, axis=-1)
    mass = pt.sum(densities * _weights(), axis=-1)
    some = pt.and_(inside, pt.gt(density, 0.0))
    return pt.switch(some, pt.log(pt.switch(some, density, 1.0) / (width * mass)), -np.inf)
