"""An M step that returns parameters at which latents are impossible that may have occurred.

An M step that puts expectations of the latents in the place of the latents maximises another
function than Q. Where a parameter bounds the range of a latent, the difference is infinite: Q is
minus infinity at every bound that excludes a possible value, however close the expectation is
(Flury & Zoppè 2000, The American Statistician 54(3), exercise 2).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pymc.logprob.utils import ParameterValueError

from latentfit.check._support import bounds_of_latents
from latentfit.check.examination import ByTrial, Examination, TrialPoint
from latentfit.check.result import Check, Finding, Outcome
from latentfit.errors import LatentfitError

# Displacement of an unconstrained coordinate beyond which rounding cannot be the reason for a
# density of 0.
_ROUNDING_ALLOWANCE = 1e-3
# Number of draws of the latents of which the impossible ones are counted.
_COUNTED_DRAWS = 500


def examine(examination: Examination, returned: ByTrial) -> Outcome | None:
    """Find a trial point at which Q is minus infinity at what the M step returned.

    Parameters
    ----------
    examination : Examination
    returned : mapping
        ``{TrialPoint.label: params}``: what the M step returned for the right expectations.

    Returns
    -------
    Outcome or None
        None if there is no such point.
    """
    for trial in examination.trial_points:
        if trial.label not in returned:
            continue
        point = _located(examination, returned[trial.label])
        if point is None:
            continue
        before = examination.q(trial)(trial.point)[0]
        if np.isfinite(before) and _impossible_around(examination, trial, point):
            return _reported(examination, trial, returned[trial.label], point, before)
    return None


def _impossible_around(examination: Examination, trial: TrialPoint, point: np.ndarray) -> bool:
    """Return whether Q is minus infinity at a point and at those a little way from it.

    A right M step may return a bound exactly, such as the largest of the data, which rounding makes
    impossible.
    """
    q, steps = examination.q(trial), _ROUNDING_ALLOWANCE * np.eye(len(point))
    try:
        return all(
            q(point + step)[0] == -np.inf for step in (np.zeros_like(point), *steps, *-steps)
        )
    except ParameterValueError:
        return False


def _located(examination: Examination, params: Mapping[str, Any]) -> np.ndarray | None:
    try:
        return examination.density.space.locate(examination.to_model(params))
    except LatentfitError:
        return None
    except Exception:  # the author's conversion may fail on what the M step returned
        return None


def _reported(
    examination: Examination,
    trial: TrialPoint,
    returned: Mapping[str, Any],
    point: np.ndarray,
    before: float,
) -> Outcome:
    bounds = bounds_of_latents(examination, trial.statistics, trial.point)
    # A parameter of the derivation need not be one of the model.
    names = [name for name in bounds if name in returned] or list(returned)
    given = ", ".join(f"{name} = {np.asarray(returned[name]).round(6)}" for name in names)
    old = ", ".join(f"{name} = {np.asarray(trial.params[name]).round(6)}" for name in names)
    latents = ", ".join(examination.complete.latents)
    message = (
        f"at θ' with {old} ({trial.label}) the M step returns {given}, where Q is minus infinity"
    )
    evidence: dict[str, Any] = {"where": trial.label, "q_before": before, "q_after": -np.inf}
    if not examination.complete.exact:
        impossible, count = _count_impossible(examination, trial, point)
        message += (
            f": {impossible} of {count} draws of {latents} from p(z | x, θ') are impossible there"
        )
        evidence |= {"impossible_draws": impossible, "draws": count}
    message += f". Q is {before:.6g} at θ' itself, so that the M step does not maximise Q"
    hint = None
    if bounds:
        hint = (
            f"{', '.join(bounds)} bounds the range of {latents}: Q is minus infinity wherever a "
            f"possible value is excluded, and expectations of {latents} do not determine that. EM "
            f"cannot decrease such a bound; maximise log p(x | θ) directly"
        )
    finding = Finding("M", names[0], "error", message, hint, evidence)
    return Outcome((Check("m_step.maximum", "fail", message),), (finding,))


def _count_impossible(
    examination: Examination, trial: TrialPoint, point: np.ndarray
) -> tuple[int, int]:
    draws = trial.statistics
    count = min(_COUNTED_DRAWS, len(next(iter(draws.values()))))
    single = ({name: one[i : i + 1] for name, one in draws.items()} for i in range(count))
    impossible = sum(examination.complete.q(one, point)[0] == -np.inf for one in single)
    return impossible, count
