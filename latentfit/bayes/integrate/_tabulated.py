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
    below: np.ndarray, mode: np.ndarray, width: np.ndarray, heights: np.ndarray
) -> np.ndarray:
    """Values below which lie these shares of the probability.

    Parameters
    ----------
    below : ndarray, shape (k, *batch)
    mode, width : ndarray, shape (*batch)
    heights : ndarray, shape (*batch, p)
    """
    batch = np.broadcast_shapes(below.shape[1:], heights.shape[:-1])
    shares = np.broadcast_to(below, (len(below), *batch)).reshape(len(below), -1)
    rows = np.broadcast_to(heights, (*batch, heights.shape[-1])).reshape(-1, heights.shape[-1])
    densities = np.exp(rows - rows.max(axis=1, keepdims=True)) * _JACOBIAN
    density = densities @ _coefficients().T
    mass = chebyshev.chebint(density, lbnd=-1, axis=1)
    total = mass.sum(axis=1, keepdims=True)
    density, mass = density / total, mass / total
    # First guesses, by straight lines between the points.
    grid = np.maximum.accumulate(mass @ _polynomials().T, axis=1)
    guesses = [np.interp(u, p, _CHEBYSHEV) for u, p in zip(shares.T, grid, strict=True)]
    x = np.stack(guesses, axis=1)
    for _ in range(_NEWTON):
        slope = chebyshev.chebval(x, density.T, tensor=False)
        error = chebyshev.chebval(x, mass.T, tensor=False) - shares
        # Where the density is next to nothing, the table has no digits left to improve on.
        step = np.where(slope > 1e-10, error / np.maximum(slope, 1e-10), 0.0)
        x = np.clip(x - step, -1.0, 1.0)
    widths = _REACH * np.sinh(_STRETCH * x) / np.sinh(_STRETCH)
    return np.asarray(mode + width * widths.reshape(len(below), *batch))


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
