"""What is said of the figures of a comparison."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from latentfit import bayes
from latentfit.agreement import _figures, _spread, _uncertainty, _verdicts
from latentfit.agreement._alignment import Alignment, Point, Values
from latentfit.agreement._comparison import Optimum, Parameter, Verdict
from latentfit.agreement._identified import ground
from latentfit.agreement._maxima import Maxima
from latentfit.agreement._optima import ends_of_climbs, ends_of_em
from latentfit.agreement._subject import Subject
from latentfit.agreement._uncertainty import Uncertainty, by_label
from latentfit.bayes import Coarser, Density, Identification, Maximum
from latentfit.declaration import Declaration, Params, Space
from latentfit.em import Fit

if TYPE_CHECKING:
    from latentfit.check import CheckResult

_AGAINST_DRAWS = ("em_in_posterior", "errors_vs_posterior")


@dataclass(frozen=True)
class Judgement:
    """What is said of the figures.

    Attributes
    ----------
    names : tuple of str
        Variables whose estimates are kept with the draws.
    rows : tuple of Parameter
    optima : tuple of Optimum
    unsure : Uncertainty
        With what sets standard errors and posterior apart.
    verdicts : tuple of Verdict
    """

    names: tuple[str, ...]
    rows: tuple[Parameter, ...]
    optima: tuple[Optimum, ...]
    unsure: Uncertainty
    verdicts: tuple[Verdict, ...]


def judge(
    subject: Subject,
    declaration: Declaration,
    density: Density,
    fit: Fit,
    aligned: Alignment,
    maxima: Maxima,
    unsure: Uncertainty,
    posterior: xr.Dataset,
    check: "CheckResult | str | None",
    chains: Callable[[Sequence[Parameter]], Verdict],
    coarser: Coarser | None,
) -> Judgement:
    """Set EM beside MLE, MAP and posterior, parameter by parameter, and give the verdicts.

    Parameters
    ----------
    subject, declaration, density, fit
        As for `compare`.
    aligned : Alignment
    maxima : Maxima
    unsure : Uncertainty
    posterior : Dataset
        Draws, aligned.
    check : CheckResult or str, optional
    chains : callable
        Whether draws of these parameters can be trusted.
    coarser : Coarser, optional
        What they were drawn from, if it was not the observed view itself.
    """
    space, mle, mode = density.space, maxima.mle, maxima.mode
    known = bayes.identification(density, mle.unconstrained)
    own = _own_names(subject, space, fit.best.params)
    on = ground(space, own, known, aligned.reflections, posterior)
    # What the posterior gives to a category without observations, it takes from the others.
    edge = {
        label
        for where in (maxima.em, mle)
        for label in bayes.at_boundary(density, where.unconstrained, beside=True)
    }
    em, direct, top = (only(where.natural, on.names) for where in maxima.estimates.values())
    every = _figures.parameters(em, aligned.errors, direct, top, posterior, edge, on.judged)
    rows = tuple(row for row in every if row.name in on.rows)

    def located(params: Values) -> Point:
        found = space.locate(subject.to_model(params))
        return Point(found, space.constrain(found))

    optima = (
        *ends_of_em(fit, density, located),
        *ends_of_climbs(maxima.climbs, aligned.point),
    )
    errors = by_label(bayes.standard_errors(density, mode.unconstrained, prior=True))
    unsure = unsure.with_differences(
        _spread.differences(rows, unsure.without, errors, posterior, optima)
    )
    trust, identified = chains(rows), _verdicts.identified(on)
    verdicts: tuple[Verdict, ...] = (
        *(() if check is None else (_verdicts.derivation(check),)),
        *(() if identified is None else (identified,)),
        trust,
        _verdicts.em_reached(
            fit,
            rows,
            _at_em(subject, density, maxima.em),
            *((maxima.top, "MAP") if subject.objective == "posterior" else (maxima.summit, "MLE")),
        ),
        _pull(rows, density, aligned, mle, maxima.top, known),
        _verdicts.in_the_bulk(rows),
        _uncertainty.verdict(unsure),
        _spread.verdict(rows, unsure.differences),
        _verdicts.monotone(fit, subject.objective),
        _verdicts.heights(optima),
        _verdicts.integration(bayes.integrations(declaration, density, mle.unconstrained), coarser),
    )
    if trust.status == "fail":
        verdicts = tuple(_verdicts.withheld(v) if v.id in _AGAINST_DRAWS else v for v in verdicts)
    return Judgement(on.names, rows, optima, unsure, verdicts)


def _own_names(subject: Subject, space: Space, params: Values) -> tuple[str, ...]:
    """EM's own names where the declaration has them too, as deterministics, say; else its names."""
    own = params
    if not all(name in space.shapes for name in own):
        own = subject.to_model(params)
    # The weight of a single component is no estimate.
    return tuple(name for name in own if name not in space.constant)


def only(values: Params, names: Sequence[str]) -> Params:
    """The values of these names."""
    return {name: values[name] for name in names}


def _at_em(subject: Subject, density: Density, em: Point) -> Maximum:
    """EM's end as a point of its own objective."""
    posterior = subject.objective == "posterior"
    objective = density.log_posterior if posterior else density.log_likelihood
    value, gradient = objective(em.unconstrained)
    hessian = density.hessian(em.unconstrained, prior=posterior)
    return Maximum(em.unconstrained, value, _decrement(gradient, hessian, density.space.bounded))


def _pull(
    rows: tuple[Parameter, ...],
    density: Density,
    aligned: Alignment,
    mle: Point,
    found: Maximum,
    known: Identification,
) -> Verdict:
    """The MAP as PyMC found it against the climb of the posterior from the MLE."""
    curvature = partial(density.hessian, prior=True)
    climbed = bayes.maximise(
        density.log_posterior, curvature, mle.unconstrained, density.space.bounded
    )
    mode, end = aligned.point(found.point), aligned.point(climbed.point)
    gap = mode.unconstrained - end.unconstrained
    apart = float(np.sqrt(max(-gap @ curvature(mode.unconstrained) @ gap, 0.0)))
    if known.directions:
        same = abs(found.value - climbed.value) <= _verdicts.SAME_HEIGHT * (1 + abs(found.value))
        apart = _apart(mode, end, aligned.errors, known) if same else np.inf
    _, slope = density.log_posterior(mle.unconstrained)
    _, score = density.log_likelihood(mle.unconstrained)
    predicted = _decrement(
        slope, density.hessian(mle.unconstrained), density.space.bounded, flat_by=score
    )
    return _verdicts.prior_pull(rows, found, climbed, apart, predicted)


def _apart(first: Point, second: Point, errors: Params, known: Identification) -> float:
    """The largest difference of what is identified, in standard errors."""
    ratios = [
        np.abs(first.natural[name] - second.natural[name])[usable] / errors[name][usable]
        for name, mask in known.identified.items()
        if np.any(usable := mask & (errors[name] > 0))
    ]
    return float(np.max(np.concatenate(ratios), initial=0.0)) if ratios else 0.0


def _decrement(
    gradient: np.ndarray,
    hessian: np.ndarray,
    bounded: np.ndarray,
    flat_by: np.ndarray | None = None,
) -> float:
    """Newton decrement, in the directions that are bent where the slope is `flat_by`."""
    slope = gradient if flat_by is None else flat_by
    try:
        return bayes.curvature_of(hessian, slope, bounded).newton(gradient)[1]
    except np.linalg.LinAlgError:
        return float("nan")
