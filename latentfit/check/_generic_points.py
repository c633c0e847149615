"""Values of θ at which nothing is special, although EM may start at special ones.

Starting values are often 1, 1/2 or 0, or equal for all components. There a standard deviation
equals its variance, a probability its complement and one component another, so that a wrong step
may return the right numbers. The points made here have no such coincidence: they are random, and
differ from a start in every coordinate.

They are also *moderate*: the data are not much less likely than at the start. Far away a right
formula may under- or overflow, and a comparison would say nothing about the derivation.
"""

from dataclasses import dataclass

import numpy as np
import pymc as pm
from pymc.logprob.utils import ParameterValueError

from latentfit.bayes import CompleteData
from latentfit.bayes.complete_data import Statistics
from latentfit.declaration import Declaration, Space
from latentfit.declaration.compilation import interpreted_compilation
from latentfit.errors import LatentfitError

# Largest decrease of Q from the start, for each observed value. As log p(x | θ) decreases by no
# more than Q (Dempster, Laird & Rubin 1977, section 3), it bounds the log-likelihood as well.
_MAX_DECREASE_NATS_PER_VALUE = 1.0
# In units of `_coordinate_units`: a random step along a coordinate lies between these.
_SHORTEST_STEP_UNITS = 0.4
_LONGEST_STEP_UNITS = 1.0
# Length, on coordinates that are logarithms or log-odds, of one unit.
_LOGARITHM_UNIT = 0.5
# Share of a value that is the unit where Q has no curvature.
_UNIT_WITHOUT_CURVATURE_RELATIVE = 0.1
# Along a coordinate, no more units than this lie between a start and the point towards a draw from
# the prior, which may be vague.
_MAX_UNITS_TO_PRIOR_DRAW = 4.0
# The step along each coordinate is shortened by a random factor, which is at least this.
_LEAST_SHARE_OF_STEP = 0.5
# A scale or probability that one iteration changes by more factors of e is close to a bound.
_MAX_LOGARITHMS_OF_ITERATION = 10.0
# A step is halved until its end is moderate, at most so many times.
_MAX_HALVINGS = 8
# A step is shortened by this factor where Q is not known at the start.
_SHORTENING_WITHOUT_Q = 4
_RANDOM_DIRECTIONS = 4
_PRIOR_DRAWS = 4


@dataclass(frozen=True)
class Neighbourhood:
    """A start and Q(· | start), from which moderate points are made.

    Attributes
    ----------
    complete : CompleteData
    declaration : Declaration
    start : ndarray, shape (size,)
        Unconstrained.
    statistics : mapping
        Of the latents at the start.
    """

    complete: CompleteData
    declaration: Declaration
    start: np.ndarray
    statistics: Statistics

    def random_point(self, rng: np.random.Generator) -> np.ndarray | None:
        """Return a random moderate point; None if there is none in several random directions."""
        size, units = len(self.start), self._coordinate_units()
        for _ in range(_RANDOM_DIRECTIONS):
            steps = rng.uniform(_SHORTEST_STEP_UNITS, _LONGEST_STEP_UNITS, size)
            point = self._moderate(steps * rng.choice([-1.0, 1.0], size) * units)
            if point is not None:
                return point
        return None

    def towards(self, other: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
        """Return a random moderate point between the start and another point, if there is one."""
        limit = _MAX_UNITS_TO_PRIOR_DRAW * self._coordinate_units()
        steps = np.clip(other - self.start, -limit, limit)
        return self._moderate(steps * rng.uniform(_LEAST_SHARE_OF_STEP, 1.0, len(steps)))

    def after_one_iteration(self) -> np.ndarray | None:
        """Return the maximiser of Q(· | start); None if none is found in the interior."""
        space = self.complete.density.space
        maximum = self.complete.maximise(self.statistics, self.start)
        point: np.ndarray = maximum.point
        far = np.abs(point - self.start)[space.bounded] > _MAX_LOGARITHMS_OF_ITERATION
        if not maximum.reached or far.any() or space.on_boundary(space.constrain(point)):
            return None
        return point

    def _moderate(self, step: np.ndarray) -> np.ndarray | None:
        """Return the end of the step, halved until Q there is not much lower than at the start."""
        with np.errstate(all="ignore"):
            lowest = self._q(self.start) - _MAX_DECREASE_NATS_PER_VALUE * self._observed_values()
            if np.isnan(lowest):
                # Q does not show what is moderate, and a short step has to do.
                short: np.ndarray = self.start + step / _SHORTENING_WITHOUT_Q
                return short
            for halvings in range(_MAX_HALVINGS):
                end: np.ndarray = self.start + step / 2**halvings
                if self._q(end) >= lowest:
                    return end
        return None

    def _q(self, point: np.ndarray) -> float:
        try:
            return self.complete.q(self.statistics, point)[0]
        except ParameterValueError:
            # A variable computed from the parameters is outside its support.
            return -np.inf

    def _observed_values(self) -> int:
        data = self.declaration.data
        names = [name.removesuffix("_observed") for name in self.declaration.observed]
        return max(1, sum(int(np.ma.count(data[name])) for name in names if name in data))

    def _coordinate_units(self) -> np.ndarray:
        """Return a typical distance along each coordinate.

        That is 1/2 for logarithms and log-odds. For other coordinates it is the standard error
        that a single observed value would give if the latents were known.
        """
        curvature = np.abs(np.diag(self.complete.hessian(self.statistics, self.start)))
        usable = np.isfinite(curvature) & (curvature > 0)
        units = np.where(
            usable,
            np.sqrt(self._observed_values() / np.where(usable, curvature, 1.0)),
            _UNIT_WITHOUT_CURVATURE_RELATIVE * np.maximum(np.abs(self.start), 1.0),
        )
        space = self.complete.density.space
        return np.where(space.bounded | space.two_sided, _LOGARITHM_UNIT, units)


def prior_draws(declaration: Declaration, space: Space, seed: int) -> list[np.ndarray]:
    """Return a few draws of θ from its prior, unconstrained; none if the prior is improper."""
    variables = [declaration.model[name] for name in declaration.parameters]
    found = []
    with interpreted_compilation(), np.errstate(all="ignore"):
        try:
            draw = pm.pytensorf.compile([], variables, random_seed=seed)
        except (NotImplementedError, ValueError):
            return []
        for _ in range(_PRIOR_DRAWS):
            try:
                values = draw()
                point = space.unconstrain(dict(zip(declaration.parameters, values, strict=True)))
            except (ArithmeticError, NotImplementedError, ValueError, LatentfitError):
                # A vague prior has draws that under- or overflow, an improper one has none.
                continue
            if np.isfinite(point).all():
                found.append(point)
    return found
