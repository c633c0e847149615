"""Unconstrained coordinates in which EM's iterates are extrapolated.

A point on the straight line through two iterates of EM may have a negative scale, or probabilities
that do not sum to one. In the coordinates of this module every point is feasible: logarithms for
positive arrays, log-odds for probabilities, normalised logarithms for probabilities that sum to
one, and log-Cholesky coordinates for covariance matrices. The constraint of each array is inferred
from all iterates at hand (`latentfit.em.constraints`), so that an array which happened to be
positive at first is treated as real once an iterate has a negative entry.
"""

from dataclasses import dataclass

import numpy as np

from latentfit.em.constraints import SUM_AXES, Constraint, infer_constraint
from latentfit.em.layout import Layout
from latentfit.em.log_cholesky import from_log_cholesky, to_log_cholesky

# In order of precedence. Sums to one come first: the transition matrix of a Markov chain may also
# be symmetric and positive definite, whereas a covariance does not sum to one at all iterates.
_CANDIDATES: tuple[Constraint, ...] = (
    "simplex",
    "columns",
    "table",
    "covariance",
    "probability",
    "positive",
)
# Largest relative asymmetry of a covariance matrix that EM computed.
_SYMMETRY_RELATIVE = 1e-12

# Stands for a probability or scale of zero, whose logarithm would be infinite.
_ZERO_SUBSTITUTE = 1e-300
# Steps below this share of an array's largest coordinate are rounding error. They are no unit of
# length: dividing by them would magnify the rounding error of the array.
_ROUNDING_RELATIVE = 1e-10


@dataclass(frozen=True)
class Coordinates:
    """Coordinates of the parameters in a neighbourhood of given iterates.

    Attributes
    ----------
    layout : Layout
    kinds : tuple of str
        The constraint of each array.
    """

    layout: Layout
    kinds: tuple[Constraint, ...]

    @classmethod
    def of(cls, layout: Layout, rows: np.ndarray) -> "Coordinates":
        """Choose coordinates for the constraints that every iterate satisfies.

        Parameters
        ----------
        layout : Layout
        rows : ndarray, shape (n, p)
            Iterates on the natural scale, one flat vector a row.
        """
        kinds = [
            infer_constraint(array, _CANDIDATES, symmetry_tolerance=_SYMMETRY_RELATIVE)
            for array in layout.unpack(rows).values()
        ]
        return cls(layout, tuple(kinds))

    def chart(self, rows: np.ndarray) -> list[np.ndarray]:
        """Return the coordinates of each array of parameters, shape (n, size).

        Parameters
        ----------
        rows : ndarray, shape (n, p)
            Natural scale, one flat vector a row.
        """
        arrays = self.layout.unpack(rows).values()
        return [
            _forward(array, kind).reshape(len(rows), -1)
            for array, kind in zip(arrays, self.kinds, strict=True)
        ]

    def params(self, parts: list[np.ndarray]) -> np.ndarray:
        """Invert `chart` for one point: return a flat, read-only vector of parameters, (p,).

        Parameters
        ----------
        parts : list of ndarray
            For each array its coordinates, shape (size,).
        """
        shapes = self.layout.shapes.values()
        values = [
            np.ravel(_backward(part, shape, kind))
            for part, shape, kind in zip(parts, shapes, self.kinds, strict=True)
        ]
        flat = np.concatenate(values)
        flat.setflags(write=False)
        return flat


def units(points: list[np.ndarray], images: list[np.ndarray]) -> np.ndarray:
    """Return a unit of length for each coordinate, shape (q,): the latest step of its array.

    In these units all arrays carry the same weight, whatever their units of measurement. A step
    that is rounding error is replaced by a minimum length.

    Parameters
    ----------
    points, images : list of ndarray
        For each array its coordinates before and after an iteration of EM, shape (1, size).
    """
    sizes = []
    for before, after in zip(points, images, strict=True):
        step = float(np.max(np.abs(after - before)))
        least = _ROUNDING_RELATIVE * max(1.0, float(np.max(np.abs(after))))
        sizes.append(np.full(before.shape[1], max(step, least)))
    return np.concatenate(sizes)


def _forward(array: np.ndarray, kind: Constraint) -> np.ndarray:
    if kind == "real":
        return array
    if kind == "covariance":
        return to_log_cholesky(array)
    logarithm: np.ndarray = np.log(np.maximum(array, _ZERO_SUBSTITUTE))
    return logarithm - np.log1p(-array) if kind == "probability" else logarithm


def _backward(part: np.ndarray, shape: tuple[int, ...], kind: Constraint) -> np.ndarray:
    if kind == "covariance":
        return from_log_cholesky(part.reshape(*shape[:-2], -1), shape[-1])
    array = part.reshape(shape)
    if kind == "real":
        return array
    if kind in SUM_AXES:
        array = array - np.max(array, axis=SUM_AXES[kind], keepdims=True)
    value = np.exp(array) if kind != "probability" else 1 / (1 + np.exp(-array))
    # The substitute for zero becomes zero again, as does every value that has underflowed.
    value = np.where(value <= 2 * _ZERO_SUBSTITUTE, 0.0, value)
    if kind in SUM_AXES:
        return value / np.sum(value, axis=SUM_AXES[kind], keepdims=True)
    return value
