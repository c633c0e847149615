"""The two steps together: does the objective ever decrease, and where does EM end?

EM never decreases log p(x | θ), nor does generalised EM (Dempster, Laird & Rubin 1977, theorem 1),
and its limit is a stationary point (Wu 1983, Annals of Statistics 11(1)). Stationary is not
maximal: from a symmetric start EM cannot leave the saddle where all components are equal. The end
point is classified by slope and curvature of the declaration's own objective.
"""

from functools import partial

import numpy as np

from latentfit import bayes
from latentfit.bayes import Curvature
from latentfit.check._chance import share
from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Subject
from latentfit.em import Decrease, Fit, Solution
from latentfit.errors import LatentfitError

# Distance from the maximum, in standard errors, that the tolerance of a run may leave.
_AT_REST = 1e-4
_ROUNDING = 1e-9
# By how much a last step may differ from the declaration's own and count as the same: a share of
# it, and in standard errors what rounding makes of it.
_SHARE = 0.1
_STANDING = 1e-7
# Relative, of coordinates; at how many points beside; and by how many times their range a height
# may be off.
_LAST_DIGITS = 1e-13
_JUMPS = 8
_JUMP = 3.0
_SHOWN = 5
NOT_STATIONARY = "not stationary"


def examine(subject: Subject, fit: Fit, *, blameless: bool) -> Outcome:
    """Judge EM's runs from several starts.

    Parameters
    ----------
    subject : Subject
    fit : Fit
        Runs of the steps as handed in, watched by the declaration's objective.
    blameless : bool
        Whether E step and M step were found right. If not, what is wrong here follows from
        them and is no finding of its own.
    """
    outcomes = (_monotone(subject, fit), _alternating(fit) or _end(subject, fit))
    checks = tuple(check for outcome in outcomes for check in outcome.checks)
    findings = tuple(finding for outcome in outcomes for finding in outcome.findings)
    return Outcome(checks, findings if blameless else ())


def _monotone(subject: Subject, fit: Fit) -> Outcome:
    if not subject.density.tractable:
        unknown = "log p(x | θ), which should not decrease, is not known"
        return Outcome((Check("path.monotone", "skip", unknown),))
    falls = [
        (solution.decrease, number)
        for number, solution in enumerate(fit.solutions)
        if solution.decrease is not None and solution.decrease.amount > _noise(solution)
    ]
    rounding = max((_blur(subject, fit.solutions[n], fall) for fall, n in falls), default=0.0)
    falls = [fall for fall in falls if fall[0].amount > rounding]
    if not falls:
        steps = sum(solution.iterations for solution in fit.solutions)
        detail = f"the objective never decreased over {steps} iterations"
        if rounding:
            detail += f", but for {rounding:.1g}, which is its own rounding error there"
        return Outcome((Check("path.monotone", "pass", detail),))
    worst, start = max(falls, key=lambda fall: fall[0].amount)
    message = (
        f"the objective decreased by {worst.amount:.3g} in iteration {worst.iteration} "
        f"from start {start + 1}: E step and M step do not belong together"
    )
    finding = Finding(
        "fixed_point",
        "log_likelihood",
        "error",
        message,
        None,
        {"given": -worst.amount, "expected": 0.0, "iteration": worst.iteration},
    )
    return Outcome((Check("path.monotone", "fail", message),), (finding,))


def _noise(solution: Solution) -> float:
    """What steps computed in single precision may lose near a maximum."""
    return _ROUNDING * (1 + abs(solution.log_likelihood or 0.0))


def _blur(subject: Subject, solution: Solution, fall: Decrease) -> float:
    """What rounding makes of the objective at both ends of a step.

    Where a covariance is nearly singular a density has few digits left. Then it jumps by as much
    between points that are the same but for their last digits.
    """
    rng = np.random.default_rng(subject.seed)
    spread = 0.0
    for iteration in (fall.iteration - 1, fall.iteration):
        path = solution.trace.params
        params = {name: values[iteration] for name, values in path.items()}
        point = subject.density.space.locate(subject.to_model(params))
        prior = subject.objective == "posterior"
        heights = [
            subject.density.objective(
                point + _LAST_DIGITS * (1 + np.abs(point)) * noise, prior=prior
            )
            for noise in rng.standard_normal((_JUMPS, len(point)))
        ]
        spread = max(spread, float(np.ptp(heights)))
    return _JUMP * spread


def _alternating(fit: Fit) -> Outcome | None:
    """Whether EM goes back and forth between two points of the same height."""
    best = fit.best
    if best.converged or best.iterations < 4:
        return None
    for name, path in best.trace.params.items():
        step = np.max(np.abs(path[-1] - path[-2]), initial=0.0)
        twice = np.max(np.abs(path[-1] - path[-3]), initial=0.0)
        if step > 1e-4 * np.max(np.abs(path[-1])) and twice <= 1e-6 * step:
            message = (
                f"EM goes back and forth: {name} is the same in every other iteration, and not in "
                f"successive ones"
            )
            hint = "the components are renumbered in every iteration, as by one step alone"
            finding = Finding("M", name, "error", message, hint)
            return Outcome((Check("fixed_point.maximum", "fail", message),), (finding,))
    return None


def _end(subject: Subject, fit: Fit) -> Outcome:
    best = fit.best
    if best.stop.degenerate:
        return _found("degenerate", best.message, "warning")
    try:
        point = subject.density.space.locate(subject.to_model(best.params))
    except LatentfitError as error:
        return _found("boundary", f"EM ended at a boundary of the parameter space: {error}")
    posterior = subject.objective == "posterior"
    if not subject.density.tractable:
        return _by_fisher_s_identity(subject, best, point, prior=posterior)
    objective = subject.density.log_posterior if posterior else subject.density.log_likelihood
    _, gradient = objective(point)
    hessian = subject.density.hessian(point, prior=posterior)
    space = subject.density.space
    natural = space.constrain(point)
    if not (np.isfinite(hessian).all() and np.isfinite(gradient).all()):
        edge = space.on_boundary(natural)
        severity = "warning" if edge else "error"
        where = f", on the boundary of the parameter space: {_listed(edge)}" if edge else ""
        return _found(
            "boundary" if edge else "not finite",
            f"EM ended where the objective has no finite curvature{where}",
            severity,
        )
    shape = bayes.curvature_of(hessian, gradient, space.bounded, boundary_tolerance=_AT_REST)
    edge = bayes.boundary(space, natural, shape)
    level = _level(subject, point, shape, gradient) if best.converged else None
    found = level or _classified(best, gradient, shape, edge)
    short = any(finding.name == NOT_STATIONARY for finding in found.findings)
    return _slow(subject, best, shape, found) if short else found


def _level(
    subject: Subject, point: np.ndarray, shape: Curvature, gradient: np.ndarray
) -> Outcome | None:
    """Whether EM ended on a ridge, or where only higher derivatives tell that it is a saddle."""
    if shape.curved.all() or not shape.newton(gradient)[1] <= _AT_REST:
        return None
    density, prior = subject.density, subject.objective == "posterior"
    known = bayes.identification(density, point)
    if not known.directions:
        if not shape.unidentified.any():
            return None
        objective = density.log_posterior if prior else density.log_likelihood
        hessian = partial(density.hessian, prior=prior)
        if bayes.polish(objective, hessian, point, density.space.bounded).reached:
            return None
        return _found(
            "saddle",
            "EM ended at a saddle: slope and curvature are zero in one direction, and the "
            "objective rises along it. Components that start equal stay equal; start them apart",
        )
    names = known.missing(density.space.parameters)
    many = known.directions > 1
    return _found(
        "ridge",
        f"EM ended on a flat ridge: in {known.directions} direction{'s' if many else ''} the "
        f"objective does not change, and what changes along {'them' if many else 'it'} is not "
        f"identified: {_listed(list(names))}",
        "warning",
    )


def _slow(subject: Subject, best: Solution, shape: Curvature, found: Outcome) -> Outcome:
    """The same, or where the declaration's own EM is as slow there, that it had not arrived.

    Next to a variance of zero EM leaves a parameter all but where it is, and its steps are lost in
    rounding before it has arrived.
    """
    if not subject.complete.exact or best.iterations < 2:
        return found
    last, end = (
        subject.density.space.locate(
            subject.to_model({name: path[k] for name, path in best.trace.params.items()})
        )
        for k in (-2, -1)
    )
    rng = np.random.default_rng(subject.seed)
    statistics = subject.complete.statistics(last, rng)
    prior = subject.objective == "posterior"
    own = subject.complete.maximise(statistics, last, prior=prior)
    if not own.reached:
        return found
    step, apart = ((d / shape.units) for d in (own.point - last, end - own.point))
    if np.linalg.norm(apart) > _SHARE * np.linalg.norm(step) + _STANDING:
        return found
    message = f"{found.findings[0].message}; the declaration's own EM is as slow there"
    return _found("not converged", message, "warning")


def _classified(best: Solution, gradient: np.ndarray, shape: Curvature, edge: list[str]) -> Outcome:
    bent = shape.curved
    curvatures, along = shape.values[bent], (shape.vectors.T @ gradient)[bent]
    steepest = float(np.max(np.abs(along), initial=0.0))
    # The highest of the curvatures; with every direction flat there is none.
    highest = float(curvatures[-1]) if curvatures.size else -1.0
    # EM that is still on its way may pass a saddle slowly, or be led along a flat valley.
    if not best.converged:
        return _found(
            "not converged",
            f"EM had not converged: {best.message}",
            "warning",
        )
    if highest > 1e-6 and steepest <= 1e-3:
        return _found(
            "saddle",
            f"EM ended at a saddle: the slope is zero, and the objective curves upwards in one "
            f"direction (relative curvature {highest:.2g}). Components that start equal "
            f"stay equal; start them apart",
        )
    with np.errstate(all="ignore"):
        distance = float(np.linalg.norm(along / np.sqrt(np.abs(curvatures))))
    if highest < 0 and distance <= _AT_REST and edge:
        return _found(
            "boundary",
            f"EM ended at a maximum on the boundary of the parameter space: {_listed(edge)} "
            f"{'is at an end of its range' if len(edge) == 1 else 'are at ends of their ranges'}. "
            f"There the usual standard errors do not hold",
            "warning",
        )
    if highest < 0 and distance <= _AT_REST:
        detail = (
            f"the end is a maximum: Newton's method would move it by {distance:.1g} standard errors"
        )
        return Outcome((Check("fixed_point.maximum", "pass", detail),))
    return _found(
        NOT_STATIONARY,
        f"EM ended where the objective still has a slope: {distance:.2g} standard errors from "
        f"where that would be zero",
    )


def _by_fisher_s_identity(
    subject: Subject, best: Solution, point: np.ndarray, *, prior: bool
) -> Outcome:
    """Whether the slope, a mean over draws of the latents, is zero within its standard error."""
    from scipy.stats import norm

    complete = subject.complete
    draws = complete.statistics(point, np.random.default_rng(subject.seed))
    count = len(next(iter(draws.values())))
    slopes = np.stack(
        [
            complete.q({n: one[i : i + 1] for n, one in draws.items()}, point, prior=prior)[1]
            for i in range(count)
        ]
    )
    z = np.abs(slopes.mean(axis=0)) / (slopes.std(axis=0, ddof=1) / np.sqrt(count))
    allowed = float(norm.isf(share(subject) / (2 * z.size)))
    said = (
        f"the slope of log p(x | θ) at EM's end, from {count} draws of the latents (Fisher's "
        f"identity): the largest of {z.size} components is {z.max():.1f} standard errors from "
        f"zero, {allowed:.1f} allowed"
    )
    if not best.converged:
        return _found("not converged", f"EM had not converged: {best.message}; {said}", "warning")
    if z.max() > allowed:
        return _found(NOT_STATIONARY, said)
    return Outcome((Check("fixed_point.maximum", "pass", said),))


def _listed(labels: list[str]) -> str:
    shown = ", ".join(labels[:_SHOWN])
    return f"{shown} and {len(labels) - _SHOWN} more" if len(labels) > _SHOWN else shown


def _found(name: str, message: str, severity: str = "error") -> Outcome:
    failed = severity == "error"
    finding = Finding("fixed_point", name, "error" if failed else "warning", message)
    return Outcome(
        (Check("fixed_point.maximum", "fail" if failed else "warn", message),), (finding,)
    )
