"""Verdict: the prior, and nothing else, separates the MAP from the MLE.

Maximising log p(x | θ) + log p(θ) from the MLE must lead to the MAP that PyMC found.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from latentfit import bayes
from latentfit.agreement.alignment import Point
from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Parameter, Verdict
from latentfit.agreement.tolerances import SAME_ESTIMATE_SD, SAME_LOG_LIKELIHOOD
from latentfit.agreement.verdicts._newton_decrement import newton_decrement
from latentfit.agreement.verdicts._words import counted, finite_or, judged
from latentfit.bayes.maxima import Identification, Maximum
from latentfit.declaration import Params

POSITION = 50


def verdict(evidence: Evidence) -> Verdict:
    """Maximise the posterior from the MLE and compare the result with PyMC's MAP."""
    density, alignment = evidence.problem.density, evidence.alignment
    mle, found = evidence.maxima.mle, evidence.maxima.posterior_maximum
    bounded, identification = density.space.bounded, evidence.identification
    hessian = partial(density.hessian, prior=True)
    from_mle = bayes.maxima.maximise(density.log_posterior, hessian, mle.unconstrained, bounded)
    mode, other = alignment.align_point(found.point), alignment.align_point(from_mle.point)
    gap = mode.unconstrained - other.unconstrained
    distance = float(np.sqrt(max(-gap @ hessian(mode.unconstrained) @ gap, 0.0)))
    if identification.directions:
        same = abs(found.value - from_mle.value) <= SAME_LOG_LIKELIHOOD * (1 + abs(found.value))
        distance = _distance(mode, other, alignment.errors, identification) if same else np.inf
    _, slope = density.log_posterior(mle.unconstrained)
    _, score = density.log_likelihood(mle.unconstrained)
    predicted = newton_decrement(slope, density.hessian(mle.unconstrained), bounded, flat_by=score)
    return of_maxima(evidence.parameters, found, from_mle, distance, predicted)


def of_maxima(
    parameters: Sequence[Parameter],
    mode: Maximum,
    from_mle: Maximum,
    distance: float,
    predicted: float,
) -> Verdict:
    """Give the verdict from the two maxima of the posterior.

    Parameters
    ----------
    parameters : sequence of Parameter
    mode : Maximum
        PyMC's MAP.
    from_mle : Maximum
        Where the maximisation of the posterior from the MLE converged.
    distance : float
        Between the two, in standard errors.
    predicted : float
        Length of one Newton step from the MLE along the gradient of the log prior, in
        standard errors.
    """
    numbers = ""
    rows = judged(parameters)
    if rows:
        furthest = max(rows, key=lambda p: finite_or(abs(p.map_minus_mle), np.inf))
        numbers = (
            f"largest |MAP − MLE| is {abs(furthest.map_minus_mle):.2g} posterior sd "
            f"({furthest.name}); "
        )
    boundary = [p.name for p in rows if p.at_edge]
    numbers += (
        f"{counted(boundary)} on the boundary or beside it, where the gradient of the log prior "
        f"does not predict the distance"
        if boundary
        else f"the gradient of the log prior at the MLE predicts a shift of {predicted:.2g} "
        f"standard errors in all"
    )
    if not mode.reached:
        return Verdict("map_vs_mle", "skip", "No MAP was found", mode.problem)
    if not (from_mle.reached and np.isfinite(distance)):
        reason = from_mle.problem or "their distance is not a finite number"
        return Verdict(
            "map_vs_mle",
            "skip",
            "The MAP could not be compared with the posterior's maximum near the MLE",
            f"{numbers}; {reason}",
        )
    if distance > SAME_ESTIMATE_SD:
        return Verdict(
            "map_vs_mle",
            "warn",
            "The MAP belongs to another mode than the MLE",
            f"{numbers}; maximising the posterior from the MLE leads to a log posterior density "
            f"of {from_mle.value:.6f}, and the MAP's is {mode.value:.6f}",
        )
    return Verdict("map_vs_mle", "pass", "The prior explains where the MAP lies", numbers)


def _distance(first: Point, second: Point, errors: Params, identification: Identification) -> float:
    """Return the largest difference of an identified entry, in standard errors."""
    ratios = [
        np.abs(first.natural[name] - second.natural[name])[usable] / errors[name][usable]
        for name, mask in identification.identified.items()
        if np.any(usable := mask & (errors[name] > 0))
    ]
    return float(np.max(np.concatenate(ratios), initial=0.0)) if ratios else 0.0
