"""The M step's result at one θ', and the declaration's own maximiser of Q(· | θ')."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit import bayes
from latentfit.bayes.maxima import Maximum
from latentfit.check.examination import ByTrial, Examination, TrialPoint
from latentfit.declaration import Params, labels
from latentfit.errors import LatentfitError

# In complete-data standard errors: the standard error that a parameter would have if nothing were
# missing. Rounding makes a smaller difference, in single precision too. A larger one need not be a
# mistake: `_inexact_maximum` has the tolerances of numerical maximisers.
SAME_UPDATE_STANDARD_ERRORS = 1e-4
# Relative to the largest entry of a parameter: a difference that is rounding in any case.
_ROUNDING_RELATIVE = 1e-10
# Natural scale. A value of zero has no unconstrained value, so that a maximum of Q at zero is found
# at 1e-100.
_ZERO_ABSOLUTE = 1e-99
# Difference of two values of Q, relative to their size, that is attributed to rounding.
_SAME_Q_RELATIVE = 1e-12


@dataclass(frozen=True)
class Update:
    """The update of the parameters at one θ': the M step's, and the declaration's.

    Attributes
    ----------
    trial : TrialPoint
        θ'.
    given : dict
        What the M step returned, natural scale.
    expected : dict
        What maximises Q(· | θ'), natural scale. If Q has several maximisers, the one nearest to
        `given`.
    errors : dict
        Complete-data standard errors at the maximum of Q.
    point : ndarray, shape (size,), or None
        What the M step returned, unconstrained; None if it is outside the support.
    maximum : Maximum
        Of Q(· | θ').
    exact : bool
        Whether Q is exact. Otherwise it is a mean over the draws that the expectations come from.
    """

    trial: TrialPoint
    given: Params
    expected: Params
    errors: Params
    point: np.ndarray | None
    maximum: Maximum
    exact: bool

    def differs(self, name: str) -> bool:
        """Return whether an entry of the parameter differs by more than rounding."""
        return bool(np.any(self.difference(name) > SAME_UPDATE_STANDARD_ERRORS))

    def difference(self, name: str) -> np.ndarray:
        """Return the absolute differences in complete-data standard errors."""
        given, expected = self.given[name], self.expected[name]
        if given.shape != expected.shape:
            return np.array(np.inf)
        unit = np.where(np.isfinite(self.errors[name]), self.errors[name], np.abs(expected))
        least = _ROUNDING_RELATIVE / SAME_UPDATE_STANDARD_ERRORS
        unit = np.maximum(unit, least * np.max(np.abs(expected), initial=0.0))
        with np.errstate(all="ignore"):
            ratio = np.abs(given - expected) / unit
        ratio = np.where(np.abs(given - expected) <= _ZERO_ABSOLUTE, 0.0, ratio)
        return np.where(np.isnan(ratio), np.where(given == expected, 0.0, np.inf), ratio)

    def describe(self, name: str) -> str:
        """Return the entry with the largest difference, in words."""
        entry, given, expected = self._worst_entry(name)
        source = "exact" if self.exact else "Q and the expectations are means of the same draws"
        return (
            f"{entry} is {given:.8g}; Q is maximal at {expected:.8g} (difference "
            f"{given - expected:+.2g}; θ' is {self.trial.label}; {source})"
        )

    def evidence(self, name: str) -> dict[str, Any]:
        """Return the figures in `describe`."""
        entry, given, expected = self._worst_entry(name)
        return {
            "entry": entry,
            "given": given,
            "expected": expected,
            "where": self.trial.label,
        }

    def _worst_entry(self, name: str) -> tuple[str, float, float]:
        given, expected = self.given[name], self.expected[name]
        if given.shape != expected.shape:
            return name, float("nan"), float("nan")
        place = int(np.argmax(self.difference(name)))
        entry = labels(name, expected.shape)[place]
        return entry, float(given.flat[place]), float(expected.flat[place])


def updates_of(examination: Examination, returned: ByTrial) -> list[Update]:
    """Return the updates at all trial points at which Q has a maximum.

    Parameters
    ----------
    examination : Examination
    returned : mapping
        ``{TrialPoint.label: params that the M step returned}``.
    """
    found = [
        update_at(examination, trial, returned[trial.label])
        for trial in examination.trial_points
        if trial.label in returned
    ]
    return [update for update in found if update is not None]


def why_not_compared(examination: Examination, returned: ByTrial) -> str:
    """Return why there is no update at any trial point.

    Parameters
    ----------
    examination, returned
        As in `updates_of`, which is empty for them.
    """
    for trial in examination.trial_points:
        if trial.label in returned:
            maximum = _maximum_of_q(examination, trial, None)
            if not maximum.reached:
                return f"no maximum of Q was found to compare with ({maximum.problem})"
    return (
        "the M step does not return finite numbers in the shapes of the parameters when it is "
        "given the conditional expectations under the model"
    )


def worst(updates: Sequence[Update], names: Sequence[str] = ()) -> tuple[Update, str]:
    """Return the update and the parameter with the largest difference.

    Parameters
    ----------
    updates : sequence of Update
    names : sequence of str
        Parameters among which to look; by default all.
    """
    pairs = [(update, name) for update in updates for name in names or update.expected]
    return max(pairs, key=lambda pair: float(np.max(pair[0].difference(pair[1]))))


def update_at(
    examination: Examination, trial: TrialPoint, returned: Mapping[str, Any]
) -> Update | None:
    """Return the update at one trial point; None if Q has no maximum there.

    Parameters
    ----------
    examination : Examination
    trial : TrialPoint
    returned : mapping
        The params that the M step returned.
    """
    space = examination.density.space
    try:
        params = {n: np.asarray(v, float) for n, v in examination.to_model(returned).items()}
    except Exception:  # the author's conversion may fail on what the M step returned
        return None
    if not trial.visited and not all(np.isfinite(value).all() for value in params.values()):
        # EM need not come there, and a right formula may overflow.
        return None
    try:
        point = space.locate(params)
    except LatentfitError:
        point = None
    maximum = _maximum_of_q(examination, trial, point)
    if not maximum.reached:
        return None
    natural = space.constrain(maximum.point)
    # Compared are the derivation's own parameters if the declaration has them too.
    if all(name in natural for name in returned):
        params = {name: np.asarray(value, float) for name, value in returned.items()}
    expected = {name: np.asarray(natural[name]) for name in params if name in natural}
    given = {name: params[name] for name in expected}
    if any(given[name].shape != value.shape for name, value in expected.items()):
        # The contract reports shapes; numbers of different shapes cannot be compared.
        return None
    if not all(np.isfinite(value).all() for value in expected.values()):
        return None
    _, gradient = examination.q(trial)(maximum.point)
    hessian = examination.q_hessian(trial)(maximum.point)
    errors = bayes.information.delta_method_errors(space, maximum.point, hessian, gradient)
    expected = _nearest_maximiser(examination, trial, maximum, expected, given, errors)
    return Update(trial, given, expected, errors, point, maximum, examination.complete.exact)


def _nearest_maximiser(
    examination: Examination,
    trial: TrialPoint,
    maximum: Maximum,
    expected: Params,
    given: Params,
    errors: Params,
) -> Params:
    """Replace what maximises Q by what the M step returned, where Q is the same for both.

    This concerns entries without a standard error. They are on a boundary, as a probability that
    is 0 or 1e-100 within rounding, or the complete data do not identify them.
    """
    space = examination.density.space
    if expected.keys() != set(space.parameters):
        return expected
    q = examination.q(trial)
    least = maximum.value - _SAME_Q_RELATIVE * (1 + abs(maximum.value))
    free = {name: ~np.isfinite(errors[name]) & (given[name] != expected[name]) for name in expected}
    names = [name for name in expected if free[name].any()]
    # Entries that are identified only together have to be replaced together.
    for together in (names, *([name] for name in names)):
        replaced = {
            name: np.where(free[name], given[name], value) if name in together else value
            for name, value in expected.items()
        }
        try:
            value, _ = q(space.locate(replaced))
        except (LatentfitError, ParameterValueError):
            continue
        if value >= least:
            expected = replaced
    return expected


def _maximum_of_q(
    examination: Examination, trial: TrialPoint, returned: np.ndarray | None
) -> Maximum:
    """Search for the maximum of Q from θ', or from the M step's result if Q is larger there."""
    q, start = examination.q(trial), trial.point
    if returned is not None and q(returned)[0] > q(start)[0]:
        start = returned
    return examination.complete.maximise(trial.statistics, start, prior=examination.with_prior)
