"""Parameters that bound the range of the latents or of the data.

Under ``pm.Uniform("life", 0, theta)`` a smaller theta makes some lifetimes impossible. Q(θ | θ') is
then minus infinity for every theta below the one of θ', and its gradient is not the score: Fisher's
identity exchanges a derivative with an integral whose limits depend on θ. Where theta bounds the
data instead, log p(x | θ) drops to minus infinity at the largest of them, mostly at its maximum.
"""

from collections.abc import Callable, Mapping

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit.check._limit_point_outcomes import listed, withheld
from latentfit.check.examination import Examination
from latentfit.check.result import Outcome

# Displacements of an unconstrained coordinate: a logarithm or log-odds, mostly. Draws of latents
# come close to a bound but do not reach it; data at the maximum are the bound, up to rounding and
# to the tolerance with which EM converges.
_DISPLACEMENT_LATENTS = 0.1
_DISPLACEMENT_DATA = 1e-3


def bounds_of_latents(
    examination: Examination, statistics: Mapping[str, np.ndarray], point: np.ndarray
) -> list[str]:
    """Find the parameters that bound the range of the latents.

    Parameters
    ----------
    examination : Examination
    statistics : mapping
        Of the conditional distribution of the latents at θ'.
    point : ndarray, shape (size,)
        θ', unconstrained.

    Returns
    -------
    list of str
        Parameters of which a small change makes latents impossible that are possible at θ'.
    """

    def q(at: np.ndarray) -> float:
        return examination.complete.q(statistics, at)[0]

    return _bounds(examination, q, point, _DISPLACEMENT_LATENTS)


def at_bound_of_data(examination: Examination, point: np.ndarray) -> Outcome | None:
    """Return the outcome for a limit point at which a parameter bounds the data; None elsewhere."""
    bounds = _bounds(examination, examination.density.objective, point, _DISPLACEMENT_DATA)
    if not bounds:
        return None
    return withheld(
        f"{listed(bounds)} bounds the range of the data, and log p(x | θ) is minus "
        f"infinity within {_DISPLACEMENT_DATA:g} (unconstrained scale) of EM's limit point. The "
        f"score does not exist there. Compare log p(x | θ) at nearby values instead"
    )


def without_score(bounds: list[str], latents: tuple[str, ...]) -> Outcome:
    """Return the outcome for a limit point where parameters bound the range of the latents."""
    return withheld(
        f"the range of {', '.join(latents)} depends on {listed(bounds)}. Fisher's "
        f"identity does not hold there, so that draws of the latents do not give the gradient of "
        f"log p(x | θ). Maximise log p(x | θ) directly, with the latents integrated out by hand"
    )


def _bounds(
    examination: Examination,
    function: Callable[[np.ndarray], float],
    point: np.ndarray,
    displacement: float,
) -> list[str]:
    """Find the parameters along which a function that is finite at a point is minus infinity."""
    if not np.isfinite(function(point)):
        return []

    def impossible(direction: np.ndarray) -> bool:
        try:
            return any(
                function(point + sign * displacement * direction) == -np.inf for sign in (-1, 1)
            )
        except ParameterValueError:
            return False

    axes = np.eye(len(point))
    return [
        name
        for name, coordinates in examination.parameter_slices.items()
        if any(impossible(axis) for axis in axes[coordinates])
    ]
