"""The search for an end of a profile likelihood interval.

The end is where the signed root sqrt(2 (L(θ̂) - L_p(ψ))) equals the normal quantile z of the level.
As a function of ψ on its link's scale the root is nearly linear, so that few evaluations suffice.
The search goes outwards from the estimate in steps that double until the profile log-likelihood has
fallen below the threshold, and then interpolates. It does not see a profile that rises above the
threshold again further out.
"""

import numpy as np

from latentfit.em.information._profile_interval import Endpoint
from latentfit.em.information._profile_likelihood import ProfileLikelihood

# How far the search goes: on the log and logit scales, and without a link in units of length.
_LONGEST_SEARCH_LOG = 35.0
_LONGEST_SEARCH_UNITS = 2.0**20
# The search ends when the signed root is this close to z, or the bracket around the end is shorter
# than this share of its first length (but no shorter than of _LEAST_LENGTH).
_ROOT_TOLERANCE = 1e-7
_BRACKET_RELATIVE = 1e-10
_LEAST_LENGTH = 1e-3
_MAX_INTERPOLATIONS = 60
# Interpolated points keep at least this share of the bracket between themselves and its ends.
_LEAST_BRACKET_SHARE = 0.02
# A bracket that has shrunk although the root is farther from z than this contains a jump of the
# log-likelihood rather than a crossing.
_CROSSING_ROOT_TOLERANCE = 1e-4


def find_endpoint(curve: ProfileLikelihood, sign: float, z: float) -> tuple[float, Endpoint]:
    """Find one end of an interval, natural scale, and what it is.

    Parameters
    ----------
    curve : ProfileLikelihood
    sign : float
        -1 for the lower end, 1 for the upper end.
    z : float
        Normal quantile of (1 + level) / 2.
    """
    start, link = curve.fixed.linked_estimate(), curve.fixed.link
    longest = _LONGEST_SEARCH_LOG if link != "identity" else _LONGEST_SEARCH_UNITS * curve.step

    def excess(log_likelihood: float) -> float:
        """Return the signed root minus z; -z where the profile is above the maximum."""
        return float(np.sqrt(max(2 * (curve.maximum - log_likelihood), 0.0))) - z

    inside, others, excess_inside = start, curve.fixed.others, -z
    length = z * curve.step
    while True:
        length = min(length, longest)
        outside = start + sign * length
        log_likelihood, moved = curve(outside, others)
        excess_outside = excess(log_likelihood)
        if excess_outside > 0:
            break
        inside, others, excess_inside = outside, moved, excess_outside
        if length == longest:
            return _without_crossing(curve, sign)
        length *= 2
    for _ in range(_MAX_INTERPOLATIONS):
        narrow = _BRACKET_RELATIVE * max(length, _LEAST_LENGTH)
        if abs(excess_inside) <= _ROOT_TOLERANCE or abs(outside - inside) <= narrow:
            break
        share = 0.5
        if np.isfinite(excess_outside):
            share = -excess_inside / (excess_outside - excess_inside)
            share = min(max(share, _LEAST_BRACKET_SHARE), 1 - _LEAST_BRACKET_SHARE)
        middle = inside + share * (outside - inside)
        log_likelihood, moved = curve(middle, others)
        excess_middle = excess(log_likelihood)
        if abs(excess_middle) <= _ROOT_TOLERANCE:
            inside, excess_inside = middle, excess_middle
            break
        if excess_middle > 0:
            outside, excess_outside = middle, excess_middle
        else:
            inside, others, excess_inside = middle, moved, excess_middle
    crossed = abs(excess_inside) <= _CROSSING_ROOT_TOLERANCE
    return curve.fixed.value(inside), Endpoint.CROSSING if crossed else Endpoint.UNDEFINED


def _without_crossing(curve: ProfileLikelihood, sign: float) -> tuple[float, Endpoint]:
    link = curve.fixed.link
    if link == "logit":
        return (1.0 if sign > 0 else 0.0), Endpoint.BOUNDARY
    if link == "log" and sign < 0:
        return 0.0, Endpoint.BOUNDARY
    return float(sign * np.inf), Endpoint.UNBOUNDED
