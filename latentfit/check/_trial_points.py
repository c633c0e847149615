"""Where the steps are examined: at the starts, near the maximum, and at the maximum.

A step can be right at the maximum and wrong elsewhere, so most trial points lie away from it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from latentfit import bayes
from latentfit.bayes import CompleteData, Density
from latentfit.bayes.complete_data import Statistics
from latentfit.check._derivation import Derivation
from latentfit.check._reference import Reference
from latentfit.check.examination import Examination, TrialPoint
from latentfit.declaration import Params
from latentfit.em.calls import three_argument_m_step
from latentfit.em.information import curvature_of
from latentfit.errors import DeclarationError

# Distance of the trial point near the maximum, in standard errors; on coordinates that are
# logarithms or log-odds it is limited besides.
_NEAR_MAXIMUM_STANDARD_ERRORS = 2.0
_MAX_DISTANCE_LOGARITHM = 2.0
# A maximum at infinity is replaced by a point at which the gradient along a logarithm, in units of
# the log density, is at least the first figure; at most so many factors of e away.
_MIN_GRADIENT_LOGARITHM = 1e-2
_MAX_FACTORS_OF_E = 60
# Log-odds beyond which the distance to a bound has lost half of its digits in double precision.
_MAX_LOG_ODDS = 18.0


def examination_of(derivation: Derivation, against: Reference, seed: int) -> Examination:
    """Find the maximum of the objective, choose trial points and evaluate the declaration there.

    Parameters
    ----------
    derivation : Derivation
        All its starts lie inside the support.
    against : Reference
    seed : int

    Raises
    ------
    DeclarationError
        A function in `Derivation.expectations` raised an error.
    """
    density = against.density
    space, rng = density.space, np.random.default_rng(seed)
    starts = [space.locate(derivation.to_model(params)) for params in derivation.starts]
    maximum = _maximum(density, starts, prior=derivation.objective == "posterior")

    names = tuple(derivation.starts[0])
    from_model = None
    if all(name in space.shapes for name in names):

        def from_model(natural: Params) -> Params:
            return {name: natural[name] for name in names}

    expectations = _Expectations(derivation.expectations, against.complete, rng)
    complete = against.complete
    if complete.exact and not expectations.at(starts[0]).keys() >= derivation.expectations.keys():
        # One expectation is not known exactly. The M step needs all its entries from one source.
        complete = against.by_draws

    def trial_point(label: str, params: Params, point: np.ndarray) -> TrialPoint:
        statistics = complete.statistics(point, rng)
        return TrialPoint(label, params, point, statistics, expectations.at(point))

    trial_points = [
        trial_point(f"start {number}", params, point)
        for number, (params, point) in enumerate(
            zip(derivation.starts, starts, strict=True), start=1
        )
    ]
    if maximum is not None and from_model is not None:
        errors = _coordinate_errors(density, maximum)
        centre = _finite_maximum(density, maximum)
        for label, distance in (
            ("near the maximum", _NEAR_MAXIMUM_STANDARD_ERRORS),
            ("at the maximum", 0.0),
        ):
            steps = distance * errors * rng.standard_normal(space.size)
            # Where the data say little, a standard error reaches values that lose all digits.
            limited = np.clip(steps, -_MAX_DISTANCE_LOGARITHM, _MAX_DISTANCE_LOGARITHM)
            point = centre + np.where(space.bounded, limited, steps)
            trial_points.append(trial_point(label, from_model(space.constrain(point)), point))

    def trial_at(label: str, point: np.ndarray) -> TrialPoint:
        assert from_model is not None
        return trial_point(label, from_model(space.constrain(point)), point)

    return Examination(
        name=derivation.name,
        declaration=against.declaration,
        density=density,
        complete=complete,
        e_step=derivation.e_step,
        m_step=_of_three_arguments(derivation.m_step),
        log_likelihood=derivation.log_likelihood,
        objective="posterior" if derivation.objective == "posterior" else "likelihood",
        expectations=derivation.expectations,
        draws=lambda trial: against.by_draws.statistics(trial.point, np.random.default_rng(seed)),
        to_model=derivation.to_model,
        from_model=from_model,
        trial_points=tuple(trial_points),
        maximum=maximum,
        data=against.declaration.data,
        seed=seed,
        trial_at=trial_at if from_model is not None and complete.exact else None,
    )


@dataclass(frozen=True)
class _Expectations:
    """The exact expectations of the entries that an E step may return.

    Attributes
    ----------
    functions : mapping
        `Derivation.expectations`.
    complete : CompleteData
    rng : Generator
    """

    functions: Mapping[str, Callable[..., Any]]
    complete: CompleteData
    rng: np.random.Generator

    def at(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """Return ``{entry: expectation}`` for those entries whose expectation is exact."""
        if not self.complete.exact:
            return {}
        return self._given(self.complete.statistics(point, self.rng))

    def _given(self, statistics: Statistics) -> dict[str, np.ndarray]:
        found = {name: statistics[name] for name in self.complete.latents}
        for name, function in self.functions.items():
            try:
                value = self.complete.expectation(function, statistics)
            except Exception as error:  # the author's function may raise anything
                raise DeclarationError(
                    f"expectations[{name!r}] raised {type(error).__name__}: {error}"
                ) from error
            if value is not None:
                found[name] = value
        return found


def _maximum(density: Density, starts: Sequence[np.ndarray], *, prior: bool) -> np.ndarray | None:
    """Return the highest maximum of the objective found from the starts; None if there is none."""
    found = bayes.maximum_likelihood(density, starts) if density.tractable else []
    reached = [maximum for maximum in found if maximum.reached]
    if not reached:
        return None
    point = max(reached, key=lambda maximum: maximum.value).point
    if not prior:
        return point
    hessian = partial(density.hessian, prior=True)
    mode = bayes.maxima.maximise(density.log_posterior, hessian, point, density.space.bounded)
    return mode.point if mode.reached else None


def _of_three_arguments(
    m_step: Callable[..., Mapping[str, Any]],
) -> Callable[..., Mapping[str, Any]]:
    """Return the M step as a function of three arguments.

    An M step that takes a wrong number of arguments raises a TypeError when it is called, so that
    this is a finding among others.
    """
    try:
        return three_argument_m_step(m_step)
    except DeclarationError as error:
        reason = str(error)

        def refused(*arguments: Any) -> Mapping[str, Any]:
            raise TypeError(reason)

        return refused


def _finite_maximum(density: Density, maximum: np.ndarray) -> np.ndarray:
    """Return the maximum, or a finite point with a non-zero gradient if it lies at infinity.

    How far out an optimiser stops is chance, and a covariance may be singular there but for
    rounding.
    """
    _, gradient = density.log_likelihood(maximum)
    shape = curvature_of(density.hessian(maximum), gradient, density.space.bounded)
    point, origin = maximum.copy(), density.space.origin
    for axis in np.flatnonzero(shape.boundary_coordinates):
        # The sign of the gradient is only that of its rounding error at this point.
        inwards = np.sign(origin[axis] - point[axis])
        for _ in range(_MAX_FACTORS_OF_E):
            if abs(density.log_likelihood(point)[1][axis]) >= _MIN_GRADIENT_LOGARITHM:
                break
            point[axis] += inwards
    confined = density.space.two_sided
    point[confined] = np.clip(point[confined], -_MAX_LOG_ODDS, _MAX_LOG_ODDS)
    return point


def _coordinate_errors(density: Density, point: np.ndarray) -> np.ndarray:
    """Return the standard error of each unconstrained coordinate."""
    _, gradient = density.log_likelihood(point)
    covariance = curvature_of(density.hessian(point), gradient, density.space.bounded).covariance()
    assert covariance is not None  # the point is a maximum
    return np.sqrt(np.diag(covariance))
