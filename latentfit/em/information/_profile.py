"""Confidence intervals from the profile likelihood.

The profile of an entry ψ of the parameters is the log-likelihood maximised over all others,
L_p(ψ) = max L(ψ, λ). Twice its distance from the maximum is in large samples chi-squared
distributed with one degree of freedom (Wilks 1938, Annals of Mathematical Statistics 9(1), 60-62),
and the interval of level 1 - α contains the values for which

    L_p(ψ) ≥ L(θ̂) - χ²₁(1 - α) / 2 .

It does not depend on the scale of ψ, need not be symmetric and stays within the range of ψ, which
makes it better than estimate ± z standard errors where the log-likelihood is not quadratic.

Venzon & Moolgavkar (1988, Applied Statistics 37(1), 87-94) solve for the ends of the interval by
Newton's method in all parameters at once. Here the maximisation over the others is an inner one,
which starts from the last maximum found, and the search is in ψ alone. This takes more evaluations,
but is robust where the log-likelihood is far from quadratic, and can say why there is no end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

import numpy as np

from latentfit.em.information._delta_method import NOT_A_MAXIMUM, maximum_not_reached
from latentfit.em.information._endpoint_search import find_endpoint
from latentfit.em.information._entries import entry_labels
from latentfit.em.information._fixed_parameter import fix_parameter
from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._observed import observed
from latentfit.em.information._on_free_scale import (
    LogDensity,
    log_density_on_free_scale,
    require_finite,
)
from latentfit.em.information._profile_interval import Endpoint, ProfileInterval
from latentfit.em.information._profile_likelihood import ProfileLikelihood
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.information._transforms import Kind
from latentfit.errors import InputError

# The params are not a maximum if the profile is higher than the log-likelihood there by more than
# these: nats, and a share of the log-likelihood that covers rounding error.
_HIGHER_NATS = 1e-6
_HIGHER_RELATIVE = 1e-12


def profile(
    log_likelihood: LogDensity,
    params: Mapping[str, Any],
    entries: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    kinds: Mapping[str, Kind] | None = None,
    on_interval: OnStep | None = None,
) -> tuple[ProfileInterval, ...]:
    """Compute profile likelihood intervals.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(params)``, log p(x | θ) up to a constant.
    params : mapping
        ``{name: array_like}``, natural scale: the maximum of the log-likelihood.
    entries : sequence of str, optional
        Labels such as ``"mu[0]"``, or names for all entries of an array; by default all entries of
        all arrays.
    level : float
        Coverage probability in large samples.
    kinds : mapping, optional
        Constraints of arrays by name, as in `FreeScale.of`. An array without negative entries is
        inferred to be positive: for a mean, state ``"real"``.
    on_interval : callable, optional
        ``on_interval(done, total)``, after each interval.

    Returns
    -------
    tuple of ProfileInterval
        In the order of the entries.

    Raises
    ------
    InputError
        The level is not between 0 and 1, an entry does not exist, the log-likelihood is not finite
        at `params`; or as in `FreeScale.of`.
    StepError
        The log-likelihood raised an error other than `ArithmeticError` or `ValueError`, which mean
        that it is not defined at some parameters.
    """
    if not 0 < level < 1:
        raise InputError(f"level must be between 0 and 1, not {level!r}")
    scale = FreeScale.of(params, kinds)
    natural = scale.params(scale.point(params))
    on_free_scale = log_density_on_free_scale(scale, log_likelihood, "log_likelihood")
    maximum = on_free_scale(scale.point(params))
    require_finite(maximum, "log_likelihood")
    positions = _positions(natural, entries)
    advance = step_counter(on_interval, len(positions))
    problem = _not_a_maximum(observed(log_likelihood, natural, kinds=scale.kinds))
    found = []
    for position in positions:
        interval = _interval(scale, log_likelihood, natural, position, maximum, level)
        found.append(interval if interval.problem else replace(interval, problem=problem))
        advance()
    return tuple(found)


def _not_a_maximum(found: StandardErrors) -> str:
    """Return a sentence if the curvature shows that params are not a maximum."""
    if NOT_A_MAXIMUM in found.problem:
        return f"{NOT_A_MAXIMUM}. The threshold of the interval is therefore too low"
    return maximum_not_reached(found.distance)


def _positions(natural: Mapping[str, np.ndarray], entries: Sequence[str] | None) -> list[int]:
    """Return the positions of the entries in the flat vector of params."""
    labels = entry_labels(natural)
    if entries is None:
        return list(range(len(labels)))
    owners = [name for name, value in natural.items() for _ in range(np.size(value))]
    found: list[int] = []
    for entry in [entries] if isinstance(entries, str) else entries:
        matching = [i for i in range(len(labels)) if entry in (labels[i], owners[i])]
        if not matching:
            raise InputError(f"there is no parameter {entry!r}; there are {', '.join(labels)}")
        found += matching
    return found


def _interval(
    scale: FreeScale,
    log_likelihood: LogDensity,
    natural: Mapping[str, np.ndarray],
    position: int,
    maximum: float,
    level: float,
) -> ProfileInterval:
    fixed = fix_parameter(scale, natural, position)
    curve = ProfileLikelihood(fixed, log_likelihood, maximum)
    z = NormalDist().inv_cdf((1 + level) / 2)
    (lower, lower_end), (upper, upper_end) = (find_endpoint(curve, sign, z) for sign in (-1.0, 1.0))
    ends = (lower_end, upper_end)
    label = scale.layout.label(position)
    name = list(natural)[int(np.searchsorted(scale.layout.offsets, position, side="right")) - 1]
    notes = []
    if Endpoint.BOUNDARY in ends and name not in scale.stated and scale.kinds[name] != "real":
        notes.append(
            f"{name} was inferred to be {scale.kinds[name]} from its values; if it is not, state "
            f"its constraint in kinds"
        )
    problem = ""
    if curve.highest > maximum + _HIGHER_NATS + _HIGHER_RELATIVE * abs(maximum):
        problem = (
            f"not a maximum: the log-likelihood is higher by {curve.highest - maximum:.3g} where "
            f"{label} = {curve.highest_at:.6g}"
        )
    return ProfileInterval(label, fixed.estimate, lower, upper, level, ends, problem, tuple(notes))
