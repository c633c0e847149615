"""Verdict: EM converged to the maximum that direct optimisation of its objective finds."""

from collections.abc import Sequence

import numpy as np

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.problem import Problem
from latentfit.agreement.results import Parameter, Verdict
from latentfit.agreement.tolerances import SAME_ESTIMATE_SD, SAME_LOG_LIKELIHOOD
from latentfit.agreement.verdicts._newton_decrement import newton_decrement
from latentfit.agreement.verdicts._words import finite_or, judged
from latentfit.bayes.maxima import Maximum
from latentfit.em import Fit

POSITION = 40


def verdict(evidence: Evidence) -> Verdict:
    """Compare EM's estimate with the MLE, or with the MAP if EM maximises the posterior."""
    problem, maxima = evidence.problem, evidence.maxima
    em = _maximum_at_em(problem, maxima.em.unconstrained)
    target, name = (
        (maxima.posterior_maximum, "MAP")
        if problem.with_prior
        else (maxima.likelihood_maximum, "MLE")
    )
    return of_maxima(problem.fit, evidence.parameters, em, target, name)


def of_maxima(
    fit: Fit, parameters: Sequence[Parameter], em: Maximum, target: Maximum, name: str
) -> Verdict:
    """Give the verdict from the two maxima.

    Parameters
    ----------
    fit : Fit
    parameters : sequence of Parameter
    em, target : Maximum
        EM's estimate and the best direct maximum, with values and Newton decrements of the same
        objective.
    name : str
        ``MLE`` or ``MAP``: what `target` is.
    """
    identity = f"em_vs_{name.lower()}"
    objective = "log-likelihood" if name == "MLE" else "log posterior density"
    missed = f"EM did not reach the {name}"
    below = target.value - em.value
    position = f"{below:.2g} below" if below > 0 else "not below"
    numbers = f"EM's {objective} is {position} the {name}'s"
    difference = 0.0
    if rows := judged(parameters):
        furthest = max(rows, key=lambda p: finite_or(_difference(p, name), np.inf))
        difference = _difference(furthest, name)
        numbers = (
            f"largest |EM − {name}| is {difference:.2g} posterior sd ({furthest.name}); {numbers}"
        )

    def withheld(title: str, detail: str) -> Verdict:
        return Verdict(identity, "skip", title, detail)

    if not target.reached:
        return withheld(f"No {name} to compare with", f"direct optimisation: {target.problem}")
    if not (np.isfinite(difference) and np.isfinite(below)):
        return withheld(f"EM could not be compared with the {name}", f"a number is NaN: {numbers}")
    same_value = below <= SAME_LOG_LIKELIHOOD * (1 + abs(target.value))
    if difference <= SAME_ESTIMATE_SD and same_value:
        if fit.best.converged:
            return Verdict(identity, "pass", f"EM reached the {name}", numbers)
        return Verdict(
            identity,
            "warn",
            f"EM is at the {name}, but stopped early",
            f"{numbers}; {fit.best.message}",
        )
    if not fit.best.converged:
        return withheld(
            f"EM had not converged, and cannot be compared with the {name}",
            f"{numbers}; {fit.best.message}. More iterations are needed",
        )
    if below < -SAME_LOG_LIKELIHOOD * (1 + abs(target.value)):
        return withheld(
            f"No {name} to compare with",
            f"direct optimisation converged to a lower maximum than EM, whose {objective} is "
            f"{-below:.2g} higher",
        )
    at_maximum = np.isfinite(em.decrement) and em.decrement <= SAME_ESTIMATE_SD
    if at_maximum and same_value:
        return Verdict(
            identity,
            "warn",
            f"EM converged to another maximum than the {name}, with the same {objective}",
            numbers,
        )
    if at_maximum:
        return Verdict(
            identity,
            "fail",
            f"EM converged to a lower maximum than the {name}",
            f"{numbers}; other starts may lead EM to the higher maximum",
        )
    return Verdict(identity, "fail", missed, f"{numbers}; {_slope(em)}")


def _slope(em: Maximum) -> str:
    if np.isfinite(em.decrement):
        return (
            f"the gradient of the objective is not zero at EM's estimate: its curvature puts the "
            f"maximum {em.decrement:.2g} standard errors away"
        )
    return (
        "the objective does not curve downwards in every direction at EM's estimate, or its "
        "curvature is not known there"
    )


def _difference(parameter: Parameter, name: str) -> float:
    """|EM − target| in posterior standard deviations."""
    target: float = getattr(parameter, name.lower())
    gap = abs(parameter.em - target)
    return float(gap / parameter.posterior_sd) if parameter.posterior_sd > 0 else gap


def _maximum_at_em(problem: Problem, point: np.ndarray) -> Maximum:
    """EM's estimate as a candidate for the maximum of its own objective."""
    density = problem.density
    objective = density.log_posterior if problem.with_prior else density.log_likelihood
    value, gradient = objective(point)
    hessian = density.hessian(point, prior=problem.with_prior)
    return Maximum(point, value, newton_decrement(gradient, hessian, density.space.bounded))
