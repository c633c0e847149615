"""From an information matrix on the free scale to standard errors on the natural one.

In units of the curvature itself, so that its diagonal is 1, the information I is taken apart into
directions. Along most of them the log-likelihood is bent downwards, and there the covariance is
the inverse of I. Two kinds are left out:

- Along a *ridge* the log-likelihood is the same: what moves along it is not identified
  (Rothenberg 1971, Econometrica 39(3), theorem 1).
- Along logarithms of what tends to zero it has *levelled off*: that has no standard error, and the
  others are given it.

Where it is bent upwards the point is no maximum, and there is no standard error at all. The
delta method, V = G I⁻¹ Gᵀ with G the slopes of natural values in free coordinates, carries the
covariance over (van der Vaart 1998, theorem 3.1). With G it respects whatever constraint the
natural values have.

The same G carries the inverse of the complete-data information, which is the covariance that there
would be if the latents were seen. The *fraction of missing information* of an entry is

    1 - (G I_c⁻¹ Gᵀ)_ii / (G I⁻¹ Gᵀ)_ii

(Meng & Rubin 1991; Rubin 1987, Multiple Imputation, chapter 3). It is between 0 and 1,
since I ≤ I_c, and no fraction of a linear combination is larger than EM's rate of convergence.
"""

from dataclasses import dataclass

import numpy as np

from latentfit.em.information._differences import Derivative, jacobian
from latentfit.em.information._result import StandardErrors, every_label, flat, named
from latentfit.em.information._scale import Scale
from latentfit.em.layout import Params

# What is still to be gained where a density has levelled off; the share of such a direction that
# lies along flat logarithms; the curvature of a ridge; by how much a slope across may bend it.
_FLAT = 1e-7
_AMONG = 0.99
_LEVEL = 1e-9
_NEAR = 1e-3
# Share of its slope that an entry may have along a direction in which it counts as unmoved.
_UNMOVED = 1e-5
# From the maximum in standard errors, and relative error of a standard error: more has to be said.
REACHED = 0.01
_PRECISE = 1e-3

NO_MAXIMUM = "not a maximum: a saddle or no end in sight"
NOT_FINITE = (
    "a function is not defined close to these params; kinds can say that they lie at an end of "
    "their range"
)


@dataclass(frozen=True)
class Shape:
    """The information taken apart.

    Attributes
    ----------
    values : ndarray, shape (size,)
        Eigenvalues of the scaled information.
    vectors : ndarray, shape (size, size)
        Directions, one a column, in units of the coordinates.
    units : ndarray, shape (size,)
        Of each coordinate: length over which the curvature is 1.
    level, ridge : ndarray of bool, shape (size,)
        Directions along which the log density has levelled off, or is the same.
    precision : float
        Estimated relative error of standard errors along what is bent.
    distance : float
        To the maximum of the parabola, in standard errors.
    """

    values: np.ndarray
    vectors: np.ndarray
    units: np.ndarray
    level: np.ndarray
    ridge: np.ndarray
    precision: float
    distance: float

    @property
    def bent(self) -> np.ndarray:
        """Directions that are neither level nor a ridge."""
        return ~(self.level | self.ridge)

    @property
    def maximum(self) -> bool:
        """Whether it is bent downwards wherever it is bent."""
        return bool(np.all(self.values[self.bent] > 0))


def shape_of(information: Derivative, score: np.ndarray, bounded: np.ndarray) -> Shape:
    """Take an information matrix apart, in view of its error.

    Parameters
    ----------
    information : Derivative
        Free scale, (size, size).
    score : ndarray, shape (size,)
        First derivatives of the log density.
    bounded : ndarray of bool, shape (size,)
        `Scale.bounded`.
    """
    diagonal = np.abs(np.diag(information.value))
    # A diagonal below its own error is no curvature.
    known = diagonal > np.diag(information.error)
    width = 1 / np.sqrt(np.where(known & (diagonal > 0), diagonal, 1.0))
    units = np.where(bounded, np.minimum(width, 1.0), width)
    values, vectors = np.linalg.eigh(information.value * np.outer(units, units))
    blur = float(np.linalg.norm(information.error * np.outer(units, units), 2))
    slopes = vectors.T @ (score * units)
    # A ridge among logarithms has them bent one by one: what has levelled off is flat by itself.
    alone = bounded & (diagonal <= _FLAT + np.diag(information.error))
    among = np.sum(vectors[alone] ** 2, axis=0) >= _AMONG
    directions = vectors * units[:, None]
    length = np.linalg.norm(directions, axis=0)
    level = (np.abs(values) <= _FLAT * length**2 + blur) & among
    level &= np.abs(slopes) <= _FLAT * length
    slack = min(float(np.linalg.norm(slopes[~level])), _NEAR)
    ridge = (np.abs(values) <= _LEVEL + blur + slack) & ~level
    ridge &= np.abs(slopes) <= _LEVEL + blur + slack**2
    bent = ~(level | ridge)
    least = float(np.min(np.abs(values[bent]), initial=np.inf))
    with np.errstate(all="ignore"):
        distance = float(np.sqrt(np.sum(slopes[bent] ** 2 / values[bent])))
    return Shape(values, directions, units, level, ridge, blur / least / 2, distance)


def standard_errors(
    route: str,
    scale: Scale,
    point: np.ndarray,
    information: Derivative,
    score: np.ndarray,
    complete: np.ndarray | None = None,
    notes: tuple[str, ...] = (),
) -> StandardErrors:
    """Standard errors of natural values, by the delta method.

    Parameters
    ----------
    route : str
    scale : Scale
    point : ndarray, shape (size,)
    information : Derivative
        Observed information on the free scale, shape (size, size), and its error.
    score : ndarray, shape (size,)
        Slope of the log-likelihood there, free scale.
    complete : ndarray, shape (size, size), optional
        Complete-data information, free scale.
    notes : tuple of str
    """
    natural = scale.params(point)
    labels = every_label(natural)
    nothing = np.full(len(labels), np.nan)
    if not len(point):
        return _without(route, natural, labels, "every parameter lies at an end of its range")
    whole = np.isfinite(information.value).all() and np.isfinite(information.error).all()
    if not (whole and np.isfinite(score).all()):
        return _without(route, natural, labels, NOT_FINITE)
    shape = shape_of(information, score, scale.bounded)
    if not shape.maximum:
        return _without(route, natural, labels, NO_MAXIMUM)
    slopes = jacobian(lambda where: flat(scale.params(where)), point, shape.units).value
    bent = shape.vectors[:, shape.bent]
    factor = slopes @ bent / np.sqrt(shape.values[shape.bent])
    covariance = factor @ factor.T
    reasons = _reasons(scale, natural, labels, slopes * shape.units, shape)
    usable = np.array([label not in reasons for label in labels])
    covariance[~usable] = covariance[:, ~usable] = np.nan
    errors = np.sqrt(np.diag(covariance))
    missing, rate = nothing, None
    if complete is not None:
        problem = _complete_problem(complete, bent)
        if problem:
            return _without(route, natural, labels, problem)
        seen = np.linalg.cholesky(np.linalg.inv(bent.T @ complete @ bent))
        # In units of what is seen, the information that there is: 1 less what is missing.
        left = np.linalg.eigvalsh(seen.T @ np.diag(shape.values[shape.bent]) @ seen)
        rate = float(1 - left.min(initial=1.0))
        with np.errstate(all="ignore"):
            # Rounding aside it is no less than zero: what is seen says no less than what is seen
            # of it.
            missing = 1 - np.sum((slopes @ bent @ seen) ** 2, axis=1) / errors**2
    return StandardErrors(
        route,
        natural,
        named(errors, natural),
        labels,
        covariance,
        None if complete is None else named(missing, natural),
        shape.distance,
        shape.precision,
        rate,
        reasons,
        _short_of(shape),
        (*notes, *_imprecise(shape)),
    )


def _without(route: str, natural: Params, labels: tuple[str, ...], problem: str) -> StandardErrors:
    nothing = np.full(len(labels), np.nan)
    return StandardErrors(
        route,
        natural,
        named(nothing, natural),
        labels,
        np.full((len(labels), len(labels)), np.nan),
        None,
        np.nan,
        np.nan,
        problem=f"no standard errors: {problem}",
    )


def _reasons(
    scale: Scale,
    natural: Params,
    labels: tuple[str, ...],
    slopes: np.ndarray,
    shape: Shape,
) -> dict[str, str]:
    """Why an entry has no standard error, by label; `slopes` are per unit of the shape."""
    given = "; those of the others are given it"
    found = dict.fromkeys(scale.on_boundary(natural), f"at an end of its range{given}")
    size = np.linalg.norm(slopes, axis=1)
    for which, reason in (
        (shape.level, f"where the log-likelihood has levelled off{given}"),
        (shape.ridge, "not identified"),
    ):
        basis = shape.vectors[:, which] / shape.units[:, None]
        moved = np.linalg.norm(slopes @ basis, axis=1) > _UNMOVED * size
        for position in np.flatnonzero(moved):
            found.setdefault(labels[position], reason)
    return found


def _short_of(shape: Shape) -> str:
    if shape.distance <= REACHED:
        return ""
    return (
        f"not a maximum but {shape.distance:.2g} standard errors from one: the numbers are the "
        f"curvature at these params, and on another scale they would be others"
    )


def _imprecise(shape: Shape) -> list[str]:
    if shape.precision <= _PRECISE:
        return []
    return [f"standard errors are known to a relative error of {shape.precision:.1g} only"]


def _complete_problem(complete: np.ndarray, bent: np.ndarray) -> str:
    if not np.isfinite(complete).all():
        return "the complete-data information is not finite"
    if np.linalg.eigvalsh(bent.T @ complete @ bent).min(initial=np.inf) <= 0:
        return "the complete-data information is not positive definite: q is not at its maximum"
    return ""
