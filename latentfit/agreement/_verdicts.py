"""Judgements, each with its criterion and the numbers that it rests on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.agreement._comparison import Optimum, Parameter, Verdict
from latentfit.agreement._identified import Ground
from latentfit.bayes import Coarser, Integration, Maximum
from latentfit.em import Fit

if TYPE_CHECKING:
    from latentfit.check import CheckResult

# Vehtari et al. 2021 (Bayesian Analysis 16(2), section 4): R-hat below 1.01 and a hundred
# effective draws a chain before quantiles are to be relied upon.
RHAT = 1.01
ESS_PER_CHAIN = 100

# A region that the sampler cannot enter shows in many draws; one in thousands is a slip of the
# step size in a long tail.
DIVERGENT = 1e-3

# EM and a direct optimiser climb the same function; only their stopping rules and rounding
# separate them. An n - 1 in place of an n is further off than this for n up to fifty million.
SAME = 1e-4
SAME_HEIGHT = 1e-6

_SHOWN = 5


def derivation(result: "CheckResult | str") -> Verdict:
    """Whether E step and M step, each by itself, are those of the declaration.

    Parameters
    ----------
    result : CheckResult or str
        What the check found, or why it could not be done.
    """
    if isinstance(result, str):
        return Verdict("check", "skip", "The derivation was not checked", result)
    first = [finding.message for finding in result.findings[:1]]
    detail = "; ".join([result.verdict, *first])
    if result.passed:
        return Verdict("check", "pass", "The derivation passes its check", detail)
    return Verdict("check", "fail", "The derivation fails its check", detail)


def chains(parameters: Sequence[Parameter], divergences: int, draws: int, count: int) -> Verdict:
    """Whether the posterior draws can be trusted.

    Parameters
    ----------
    parameters : sequence of Parameter
    divergences, draws : int
        In all chains.
    count : int
        Number of chains.
    """
    judged = _judged(parameters)
    problems, figures = [], "no parameter is identified, and no R-hat judged"
    if judged:
        rhat = max(judged, key=lambda p: _or(p.rhat, np.inf))
        ess = min(judged, key=lambda p: _or(min(p.ess_bulk, p.ess_tail), -np.inf))
        fewest = min(ess.ess_bulk, ess.ess_tail)
        figures = (
            f"largest R-hat {rhat.rhat:.4f} ({rhat.name}), fewest effective draws {fewest:.0f} "
            f"({ess.name})"
        )
        if not rhat.rhat <= RHAT:
            problems.append(f"R-hat of {rhat.name} is {rhat.rhat:.3f}, above {RHAT}")
        if not fewest >= ESS_PER_CHAIN * count:
            problems.append(
                f"{ess.name} has {fewest:.0f} effective draws, fewer than {ESS_PER_CHAIN * count}"
            )
    if count < 2:
        problems.append("a single chain cannot be checked against another")
    diverged = (
        f"{divergences or 'no'} divergent transition{'' if divergences == 1 else 's'}"
        f"{f' in {draws} draws' if divergences else ''}"
    )
    if divergences > DIVERGENT * draws:
        problems.append(diverged)
    detail = "; ".join(problems) if problems else f"{figures}, {diverged}, {count} chains"
    if not (judged or problems):
        return Verdict("chains", "skip", "Nothing to judge the chains by", detail)
    return Verdict(
        "chains",
        "fail" if problems else "pass",
        "The chains cannot be trusted" if problems else "The chains are trustworthy",
        detail,
    )


def identified(ground: Ground) -> Verdict | None:
    """What agreement is judged on; None where that is all parameters as they are."""
    signs = (
        f"{_listed(ground.signs)} can change sign without changing log p(x | θ): MLE, MAP and "
        f"draws are on EM's side"
        if ground.signs
        else ""
    )
    if not ground.missing:
        if not signs:
            return None
        return Verdict("identified", "pass", "The parameters are identified up to sign", signs)
    several = "s" if ground.directions > 1 else ""
    free = f"{_listed(ground.missing)} {'are' if len(ground.missing) > 1 else 'is'} free"
    where = (
        f"log p(x | θ) is the same in {ground.directions} direction{several} through its maximum, "
        f"along which {free}"
        if ground.directions
        else f"log p(x | θ) stays the same where signs change, and {free} to change with them"
    )
    rest = (
        f"agreement is judged on {_listed(ground.stand_ins)}"
        if ground.judged
        else "nothing is left to be judged but heights; a Deterministic that is identified would be"
    )
    return Verdict(
        "identified",
        "warn",
        "Not every parameter is identified",
        "; ".join(filter(None, (where, rest, signs))),
    )


def em_reached(
    fit: Fit, parameters: Sequence[Parameter], em: Maximum, target: Maximum, name: str
) -> Verdict:
    """Whether EM ended where direct optimisation of its own objective ends.

    Parameters
    ----------
    fit : Fit
    parameters : sequence of Parameter
    em, target : Maximum
        EM's end and the best direct maximum, heights and decrements of the same objective.
    name : str
        ``MLE`` or ``MAP``: what `target` is.
    """
    identity = f"em_vs_{name.lower()}"
    missed = f"EM did not reach the {name}"
    below = target.value - em.value
    numbers, apart = f"EM lies {max(below, 0.0):.2g} below in height", 0.0
    if judged := _judged(parameters):
        furthest = max(judged, key=lambda p: _or(_distance(p, name), np.inf))
        apart = _distance(furthest, name)
        numbers = f"largest |EM − {name}| is {apart:.2g} posterior sd ({furthest.name}); {numbers}"
    if not target.reached:
        return Verdict(
            identity, "fail", f"No {name} to compare with", f"direct optimisation: {target.problem}"
        )
    if apart <= SAME and below <= SAME_HEIGHT * (1 + abs(target.value)):
        if fit.best.converged:
            return Verdict(identity, "pass", f"EM reached the {name}", numbers)
        return Verdict(
            identity,
            "warn",
            f"EM is at the {name}, but stopped early",
            f"{numbers}; {fit.best.message}",
        )
    if not fit.best.converged:
        return Verdict(
            identity, "fail", f"{missed}: it had not converged", f"{numbers}; {fit.best.message}"
        )
    if np.isfinite(em.decrement) and em.decrement <= SAME:
        return Verdict(
            identity,
            "fail",
            f"EM ended in a lower maximum than the {name}",
            f"{numbers}; from other starts it may find the higher one",
        )
    slope = (
        f"the objective still rises there: by its curvature a maximum is {em.decrement:.2g} "
        f"standard errors away"
        if np.isfinite(em.decrement)
        else "the end point is not a maximum: the objective curves upwards in some direction"
    )
    return Verdict(identity, "fail", missed, f"{numbers}; {slope}")


def prior_pull(
    parameters: Sequence[Parameter],
    mode: Maximum,
    climbed: Maximum,
    apart: float,
    predicted: float,
) -> Verdict:
    """Whether the prior, and nothing else, separates the MAP from the MLE.

    Climbing log p(x | θ) + log p(θ) from the MLE must end at the MAP that PyMC found.

    Parameters
    ----------
    mode : Maximum
        PyMC's MAP.
    climbed : Maximum
        Where the climb from the MLE ended.
    apart : float
        Between the two, in standard errors.
    predicted : float
        Length of one Newton step from the MLE along the gradient of the log prior, in
        standard errors.
    """
    numbers = ""
    if judged := _judged(parameters):
        furthest = max(judged, key=lambda p: _or(abs(p.map_minus_mle), np.inf))
        numbers = (
            f"largest |MAP − MLE| is {abs(furthest.map_minus_mle):.2g} posterior sd "
            f"({furthest.name}); "
        )
    edge = [p.name for p in judged if p.at_edge]
    numbers += (
        f"{_counted(edge)} on the boundary or beside it, where the slope of the log prior says "
        f"nothing of the distance"
        if edge
        else f"the slope of the log prior at the MLE predicts a shift of {predicted:.2g} standard "
        f"errors in all"
    )
    if not mode.reached:
        return Verdict("map_vs_mle", "fail", "No MAP was reached", mode.problem)
    if not climbed.reached or apart > SAME:
        return Verdict(
            "map_vs_mle",
            "warn",
            "The MAP belongs to another mode than the MLE",
            f"{numbers}; climbing the posterior from the MLE ends at height {climbed.value:.6f}, "
            f"the MAP's is {mode.value:.6f}",
        )
    return Verdict("map_vs_mle", "pass", "The prior explains where the MAP lies", numbers)


def in_the_bulk(parameters: Sequence[Parameter]) -> Verdict:
    """Whether each of EM's estimates lies in the central 95 % of its marginal posterior.

    An estimate on the boundary of the parameter space does not lie in any interval with a tail
    on either side, and one beside it, which sums to one with such a one, is as lopsided; those
    are counted, and not judged.
    """
    judged = _judged(parameters)
    inner = [p for p in judged if not p.at_edge]
    edge = [p.name for p in judged if p.at_edge]
    apart = f"; {_counted(edge)} on the boundary or beside it, and not judged" if edge else ""
    if not inner:
        said = apart[2:] or "no parameter is identified"
        return Verdict("em_in_posterior", "skip", "No verdict against the posterior", said)
    outside = [p for p in inner if not p.eti[0] <= p.em <= p.eti[1]]
    lowest = min(inner, key=lambda p: _or(p.tail, -np.inf))
    if outside:
        listed = ", ".join(
            f"{p.name} = {p.em:.4g} against [{p.eti[0]:.4g}, {p.eti[1]:.4g}]" for p in outside
        )
        return Verdict(
            "em_in_posterior",
            "fail",
            "EM's estimate lies outside the bulk of the posterior",
            f"outside the 95 % interval: {listed}{apart}",
        )
    return Verdict(
        "em_in_posterior",
        "pass",
        "EM's estimate lies in the bulk of the posterior",
        f"within every 95 % interval; smallest two-sided tail probability {lowest.tail:.2g} "
        f"({lowest.name}){apart}",
    )


def monotone(fit: Fit, objective: str) -> Verdict:
    """Whether what EM climbs, log p(x | θ) or log p(x | θ) + log p(θ), ever decreased."""
    climbed = "log posterior density" if objective == "posterior" else "log-likelihood"
    falls = [s.decrease for s in fit.solutions if s.decrease is not None]
    if falls:
        worst = max(falls, key=lambda fall: fall.amount)
        return Verdict(
            "monotone",
            "fail",
            f"The {climbed} decreased",
            f"by {worst.amount:.3g} in iteration {worst.iteration}: these steps are not EM's",
        )
    steps = sum(s.iterations for s in fit.solutions)
    return Verdict(
        "monotone",
        "pass",
        f"The {climbed} never decreased",
        f"over {steps} iterations from {len(fit.solutions)} "
        f"start{'s' if len(fit.solutions) > 1 else ''}",
    )


def heights(optima: Sequence[Optimum]) -> Verdict:
    """Whether every start led to the same height."""
    ends = [o for o in optima if np.isfinite(o.log_likelihood) and not o.note]
    if not ends:
        return Verdict("optima", "warn", "No start ended in a maximum", "")
    best = max(o.log_likelihood for o in ends)
    lower = [o for o in ends if best - o.log_likelihood > SAME_HEIGHT * (1 + abs(best))]
    astray = sum(o.count for o in optima if o.note)
    extra = f"; {astray} ended in no maximum at all" if astray else ""
    if lower:
        listed = ", ".join(
            f"{o.log_likelihood:.4f} ({o.method}, {o.count} start{'s' if o.count > 1 else ''})"
            for o in lower
        )
        return Verdict(
            "optima",
            "warn",
            "There are lower maxima",
            f"the highest is {best:.4f}; also found: {listed}{extra}",
        )
    return Verdict(
        "optima",
        "pass",
        "Every start that reached a maximum reached the same",
        f"height {best:.6f}, {sum(o.count for o in ends)} starts{extra}",
    )


def integration(found: Sequence[Integration], coarser: Coarser | None) -> Verdict:
    """How the latents were integrated out, and whether precisely enough for what is compared."""
    detail = "; ".join(map(str, (*found, *([] if coarser is None else [coarser]))))
    if all(one.precise for one in found):
        exactly = "exactly" if all(one.error is None for one in found) else "numerically"
        return Verdict("integration", "pass", f"The latents are integrated out {exactly}", detail)
    return Verdict(
        "integration",
        "warn",
        "The latents are integrated out less precisely than is compared",
        detail,
    )


def agreement(verdicts: Sequence[Verdict]) -> bool | None:
    """False where the derivation fails; else None where the chains do; else whether all is well."""
    failed = {v.id for v in verdicts if v.status == "fail"}
    if "chains" in failed and "check" not in failed:
        return None
    return not failed


def withheld(verdict: Verdict) -> Verdict:
    """What stands in for a judgement that untrustworthy chains do not allow."""
    return Verdict(
        verdict.id,
        "skip",
        "No verdict against the posterior",
        "its chains cannot be trusted: see there what to mend (more tuning, more draws, "
        "a tighter prior)",
    )


def _judged(parameters: Sequence[Parameter]) -> list[Parameter]:
    return [p for p in parameters if p.identified]


def _listed(names: Sequence[str]) -> str:
    """``W``, ``W and tau``, ``b[0], b[1], b[2] and 4 more``."""
    shown = list(names[:_SHOWN])
    if len(names) > _SHOWN + 1:
        shown.append(f"{len(names) - _SHOWN} more")
    else:
        shown = list(names)
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _counted(labels: Sequence[str]) -> str:
    """``mu[0] is``, ``5 parameters (mu[0], mu[1], ...) are``."""
    if len(labels) == 1:
        return f"{labels[0]} is"
    shown = ", ".join(labels[:3])
    return f"{len(labels)} parameters ({shown}{', ...' if len(labels) > 3 else ''}) are"


def _distance(parameter: Parameter, name: str) -> float:
    target: Any = getattr(parameter, name.lower())
    gap = abs(parameter.em - target)
    return float(gap / parameter.posterior_sd) if parameter.posterior_sd > 0 else gap


def _or(value: float, other: float) -> float:
    return value if np.isfinite(value) else other
