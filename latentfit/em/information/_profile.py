"""Confidence intervals from the profile likelihood (Venzon & Moolgavkar 1988, Applied Statistics
37(1), 87-94).

The profile of an entry ψ of the parameters is the log-likelihood maximised over all others,
L_p(ψ) = max L(ψ, λ). Twice what it falls by is in large samples chi-squared with one degree of
freedom (Wilks 1938), and the interval of level 1 - α holds the values for which

    L_p(ψ) ≥ L(θ̂) - χ²₁(1 - α) / 2 .

It is the same whatever scale ψ is on, need not be symmetric and never leaves the range of ψ: the
better interval where the log-likelihood is no parabola. Venzon and Moolgavkar solve for the end
points by Newton's method in all parameters at once. Here the maximisation is an inner one (BFGS, in
units of the curvature, from the last maximum found) and the search is one in ψ alone: it costs more
evaluations, but is not led astray where the parabola is a poor guide, and can tell why there is no
end point. The signed root sqrt(2 (L(θ̂) - L_p(ψ))) is nearly straight, so that few steps do.

From the estimate outwards the search doubles its steps until the profile has fallen far enough, and
then closes in. If the profile rises again further out, that is not seen.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np

from latentfit.em.information._covariance import NO_MAXIMUM, REACHED
from latentfit.em.information._differences import curvature_units, gradient
from latentfit.em.information._functions import Height, OnStep, counted, finite, height_on
from latentfit.em.information._observed import observed
from latentfit.em.information._pin import Pin, pin
from latentfit.em.information._result import StandardErrors, every_label
from latentfit.em.information._scale import FreeScale, Kind
from latentfit.errors import InputError

# How far out is as good as infinity: in logarithms, and in first steps where there is no range.
_FAR_LOGARITHM = 35.0
_FAR = 2.0**20
# Of the signed root, in standard errors; and of a step.
_ROOT = 1e-7
_WIDTH = 1e-10
_TRIES = 60
# In nats: the profile found a place that is higher by more than this.
_HIGHER = 1e-6
# Inner gradients: a thousandth of a unit, twice.
_LONGEST = 2e-3
_IMPOSSIBLE = -1e100


class End(enum.Enum):
    """What an end of an interval is. The value of a member is the sentence that the reader sees."""

    CROSSING = "the profile falls below the limit there"
    BOUNDARY = "the end of the range: the profile does not fall below the limit before"
    UNBOUNDED = "no end: the profile does not fall below the limit, however far out"
    UNDEFINED = "the log-likelihood is not defined beyond, and has not fallen below the limit"

    @property
    def found(self) -> bool:
        """Whether this is a confidence limit."""
        return self is End.CROSSING


@dataclass(frozen=True)
class ProfileInterval:
    """A confidence interval.

    Attributes
    ----------
    label : str
        Which entry: ``theta``, ``mu[0]``.
    estimate : float
    lower, upper : float
        Natural scale. An end that is `End.BOUNDARY` belongs to the range, not to the interval;
        infinite where there is no end.
    level : float
    ends : tuple of End
        What `lower` and `upper` are.
    problem : str
        Empty unless the profile is higher elsewhere: then the params are no maximum, the limit
        is too low, and the interval too wide.
    notes : tuple of str
    """

    label: str
    estimate: float
    lower: float
    upper: float
    level: float
    ends: tuple[End, End]
    problem: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        text = (
            f"ProfileInterval: {self.label} = {self.estimate:.6g}, {100 * self.level:g} % from "
            f"{self.lower:.6g} to {self.upper:.6g}"
        )
        told = [
            f"  {side}: {end.value}"
            for side, end in zip(("lower", "upper"), self.ends, strict=True)
            if not end.found
        ]
        return "\n".join(
            [text, *told, *(f"  {line}" for line in (self.problem, *self.notes) if line)]
        )


def profile(
    log_likelihood: Height,
    params: Mapping[str, Any],
    entries: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    kinds: Mapping[str, Kind] | None = None,
    on_interval: OnStep | None = None,
) -> tuple[ProfileInterval, ...]:
    """Profile likelihood intervals.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(params)``, log p(x | θ) up to a constant.
    params : mapping
        ``{name: array_like}``, natural scale: its maximum.
    entries : sequence of str, optional
        Labels such as ``"mu[0]"``, or names for all their entries; by default all.
    level : float
    kinds : mapping, optional
        As `FreeScale.of` takes them. An array that is positive at the maximum is taken to be
        positive throughout unless stated to be real: for a mean, say so.
    on_interval : callable, optional
        ``on_interval(done, total)``, after each interval.

    Returns
    -------
    tuple of ProfileInterval
        In the order of the entries.

    Raises
    ------
    InputError
        The level is not between 0 and 1, there is no such entry, the log-likelihood is not finite
        at `params`; or as in `FreeScale.of`.
    StepError
        The log-likelihood raised an error that does not say that a value is out of range.
    """
    if not 0 < level < 1:
        raise InputError(f"level is between 0 and 1, not {level!r}")
    scale = FreeScale.of(params, kinds)
    natural = scale.params(scale.point(params))
    top = height_on(scale, log_likelihood, "log_likelihood")(scale.point(params))
    finite(top, "log_likelihood")
    positions = _positions(natural, entries)
    advance = counted(on_interval, len(positions))
    problem = _no_maximum(observed(log_likelihood, natural, kinds=scale.kinds))
    found = []
    for position in positions:
        interval = _interval(scale, log_likelihood, natural, position, top, level)
        found.append(interval if interval.problem else replace(interval, problem=problem))
        advance()
    return tuple(found)


def _no_maximum(found: StandardErrors) -> str:
    """What the curvature at the params says: the profile itself looks further out."""
    if NO_MAXIMUM in found.problem:
        return f"{NO_MAXIMUM}; the limit is below a log-likelihood that is not the highest"
    if found.distance > REACHED:
        return f"not a maximum but {found.distance:.2g} standard errors from one"
    return ""


def _positions(natural: Mapping[str, np.ndarray], entries: Sequence[str] | None) -> list[int]:
    labels = every_label(natural)
    if entries is None:
        return list(range(len(labels)))
    owners = [name for name, value in natural.items() for _ in range(np.size(value))]
    found: list[int] = []
    for entry in [entries] if isinstance(entries, str) else entries:
        those = [i for i in range(len(labels)) if entry in (labels[i], owners[i])]
        if not those:
            raise InputError(f"there is no parameter {entry!r}; there are {', '.join(labels)}")
        found += those
    return found


def _interval(
    scale: FreeScale,
    log_likelihood: Height,
    natural: Mapping[str, np.ndarray],
    position: int,
    top: float,
    level: float,
) -> ProfileInterval:
    apart = pin(scale, natural, position)
    curve = _Profile(apart, scale, log_likelihood, top)
    z = NormalDist().inv_cdf((1 + level) / 2)
    (lower, low), (upper, high) = (_end(curve, sign, z) for sign in (-1.0, 1.0))
    name = list(natural)[int(np.searchsorted(scale.layout.offsets, position, side="right")) - 1]
    notes = []
    if End.BOUNDARY in (low, high) and name not in scale.stated and scale.kinds[name] != "real":
        notes.append(f"{name} was taken to be {scale.kinds[name]}; kinds can say otherwise")
    problem = ""
    if curve.highest > top + _HIGHER + 1e-12 * abs(top):
        problem = (
            f"not a maximum: the log-likelihood is higher by {curve.highest - top:.3g} where "
            f"{scale.layout.label(position)} = {curve.where:.6g}"
        )
    return ProfileInterval(
        scale.layout.label(position),
        apart.estimate,
        lower,
        upper,
        level,
        (low, high),
        problem,
        tuple(notes),
    )


class _Profile:
    """The profile of an entry; remembers where it was, to begin there next time."""

    def __init__(self, apart: Pin, scale: FreeScale, function: Height, top: float) -> None:
        self.pin = apart
        self.top = top
        self.highest, self.where = top, apart.estimate
        self._scale = scale
        self._function = function
        # At the end of its range an entry may be where others have no curvature.
        begin = apart.value(apart.position())
        self._units = curvature_units(self._at(begin), apart.rest, apart.bounded)
        moved = lambda where: self._at(apart.value(float(where[0])))(apart.rest)  # noqa: E731
        bounded = np.array([apart.link != "identity"])
        self.step = float(curvature_units(moved, np.array([apart.position()]), bounded)[0])

    def __call__(self, position: float, rest: np.ndarray) -> tuple[float, np.ndarray]:
        """L_p and where the others are, from a start for them; minus infinity where undefined."""
        value = self.pin.value(position)
        height, rest = _maximum(self._at(value), rest, self._units)
        if height > self.highest:
            self.highest, self.where = height, value
        return height, rest

    def _at(self, value: float) -> Callable[[np.ndarray], float]:
        return height_on(_Joined(self.pin, value), self._function, "log_likelihood")


@dataclass(frozen=True)
class _Joined:
    """The scale of the rest while the entry has a value."""

    pin: Pin
    value: float

    def params(self, rest: np.ndarray) -> dict[str, np.ndarray]:
        return self.pin.params(self.value, rest)


def _maximum(
    function: Callable[[np.ndarray], float], start: np.ndarray, units: np.ndarray
) -> tuple[float, np.ndarray]:
    begin = function(start)
    if not len(start) or not np.isfinite(begin):
        return (begin if np.isfinite(begin) else -np.inf), start
    from scipy.optimize import minimize

    def descent(steps: np.ndarray) -> float:
        height = function(start + units * steps)
        return -height if np.isfinite(height) else -_IMPOSSIBLE

    def slope(steps: np.ndarray) -> np.ndarray:
        found = gradient(function, start + units * steps, units, longest=_LONGEST, levels=2)
        return np.where(np.isfinite(found.value), -units * found.value, 0.0)

    found = minimize(
        descent, np.zeros_like(start), jac=slope, method="BFGS", options={"gtol": 1e-6}
    )
    if -found.fun < begin:
        return begin, start
    return float(-found.fun), start + units * found.x


def _end(curve: _Profile, sign: float, z: float) -> tuple[float, End]:
    """One end of the interval."""
    begin, link = curve.pin.position(), curve.pin.link
    far = _FAR_LOGARITHM if link != "identity" else _FAR * curve.step

    def root(height: float) -> float:
        # In standard errors beyond the limit; a place higher than the top is well inside.
        return float(np.sqrt(max(2 * (curve.top - height), 0.0))) - z

    inside, rest, inner = begin, curve.pin.rest, -z
    length = z * curve.step
    while True:
        length = min(length, far)
        outside = begin + sign * length
        height, moved = curve(outside, rest)
        outer = root(height)
        if outer > 0:
            break
        inside, rest, inner = outside, moved, outer
        if length == far:
            return _no_crossing(curve, sign)
        length *= 2
    for _ in range(_TRIES):
        if abs(inner) <= _ROOT or abs(outside - inside) <= _WIDTH * max(length, 1e-3):
            break
        share = 0.5
        if np.isfinite(outer):
            # Linear interpolation, a little to the outside: the inside, whose maximum is known,
            # then comes up to the limit from both directions.
            share = min(max(-inner / (outer - inner), 0.02), 0.98)
        middle = inside + share * (outside - inside)
        height, moved = curve(middle, rest)
        between = root(height)
        if abs(between) <= _ROOT:
            inside, inner = middle, between
            break
        if between > 0:
            outside, outer = middle, between
        else:
            inside, rest, inner = middle, moved, between
    value = curve.pin.value(inside)
    crossed = abs(inner) <= 1e-4
    return value, End.CROSSING if crossed else End.UNDEFINED


def _no_crossing(curve: _Profile, sign: float) -> tuple[float, End]:
    link = curve.pin.link
    if link == "logit":
        return (1.0 if sign > 0 else 0.0), End.BOUNDARY
    if link == "log" and sign < 0:
        return 0.0, End.BOUNDARY
    return float(sign * np.inf), End.UNBOUNDED
