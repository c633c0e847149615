"""EM beside what PyMC says of the same declaration."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from latentfit import bayes
from latentfit.agreement import _figures, _spread, _tree, _uncertainty, _verdicts
from latentfit.agreement._alignment import Alignment, Point, Values, align
from latentfit.agreement._comparison import Comparison, JointMode, Parameter, Verdict
from latentfit.agreement._identified import ground
from latentfit.agreement._optima import ends_of_climbs, ends_of_em
from latentfit.agreement._uncertainty import by_label, uncertainty
from latentfit.bayes import CompleteData, Density, Identification, Maximum
from latentfit.declaration import Declaration, Params
from latentfit.em import Fit
from latentfit.em.information import Bootstrap
from latentfit.errors import LatentfitError
from latentfit.progress import Progress

if TYPE_CHECKING:
    from latentfit.check import CheckResult

_PACKAGES = ("latentfit", "numpy", "scipy", "pymc", "pymc-extras", "pytensor", "nutpie", "arviz")
_REPLICATES = 500
_AGAINST_DRAWS = ("em_in_posterior", "errors_vs_posterior")


@dataclass(frozen=True)
class Subject:
    """What a comparison says about its model besides figures.

    Attributes
    ----------
    name, title, derivation : str
    objective : {"likelihood", "posterior"}
    published : tuple of mapping
    to_model : callable
        From EM's parameters to values of the model's variables.
    em_map : callable
        One iteration of EM, in its own parameters.
    """

    name: str
    title: str
    derivation: str
    objective: str
    published: tuple[Mapping[str, Any], ...]
    to_model: Callable[[Values], Values]
    em_map: Callable[[Params], Values]


def compare(
    subject: Subject,
    declaration: Declaration,
    density: Density,
    fit: Fit,
    *,
    draws: int,
    tune: int,
    chains: int,
    seed: int,
    settings: Mapping[str, Any],
    timings: Mapping[str, float],
    progress: Progress,
    complete: CompleteData | str,
    check: "CheckResult | str | None" = None,
    bootstrap: Bootstrap | None = None,
    profile: Sequence[str] = (),
) -> Comparison:
    """Estimate, sample, align, and judge.

    Parameters
    ----------
    subject : Subject
    declaration : Declaration
    density : Density
        Of that declaration.
    fit : Fit
        EM on the same data.
    draws, tune, chains, seed : int
        For NUTS; all other randomness follows from `seed` too.
    settings, timings : mapping
        Of what came before, passed on.
    progress : Progress
    complete : CompleteData or str
        The complete-data view, or why there is none.
    check : CheckResult or str, optional
        What the check of the derivation found, or why it could not be done.
    bootstrap : Bootstrap, optional
        From data sets drawn at EM's estimate.
    profile : sequence of str
        Labels of the parameters for which profile likelihood intervals are wanted.

    Raises
    ------
    LatentfitError
        EM ended nowhere: there is no estimate to compare.
    """
    if fit.best.stop.degenerate:
        raise LatentfitError(
            f"EM has no estimate to compare, from {len(fit.solutions)} "
            f"start{'s' if len(fit.solutions) > 1 else ''}: {fit.best.message}"
        )
    clock = dict(timings)
    nuts_seed, recover_seed, predict_seed = (
        int(s) for s in np.random.SeedSequence(seed).generate_state(3)
    )
    space, view = density.space, density.view

    def located(params: Values) -> Point:
        found = space.locate(subject.to_model(params))
        return Point(found, space.constrain(found))

    prior = subject.objective == "posterior"
    with _timed(clock, "errors_s"), progress.stage("Standard errors"):
        aligned = align(declaration, density, located(fit.best.params).unconstrained, prior=prior)
        em, errors = aligned.em, aligned.errors
        unsure = uncertainty(
            density,
            complete,
            subject.em_map,
            _renumbered(fit.best.params, em),
            em.unconstrained,
            to_model=subject.to_model,
            prior=prior,
            run_rate=fit.best.rate,
            bootstrap=bootstrap,
        )

    begins = [{n: v[0] for n, v in s.trace.params.items()} for s in fit.solutions]
    starts = [located(params).unconstrained for params in begins]
    with (
        _timed(clock, "mle_s"),
        progress.stage("Direct maximum likelihood", total=len(starts) + 1) as bar,
    ):
        climbs = bayes.maximum_likelihood(density, [*starts, em.unconstrained], bar.advance)
    peaks = [climb for climb in climbs if climb.reached]
    summit = max(peaks or climbs, key=lambda climb: climb.value)
    summit = bayes.outwards(density.log_likelihood, density.hessian, summit, space.edged)
    mle = aligned.point(summit.point)
    with _timed(clock, "map_s"), progress.stage("Maximum a posteriori"):
        found = bayes.maximum_a_posteriori(density, mle.unconstrained)
        bend = partial(density.hessian, prior=True)
        found = bayes.outwards(density.log_posterior, bend, found, space.edged)
        mode = aligned.point(found.point)
        trap = _trap(bayes.joint_mode(declaration), subject, mle, mode)

    with _timed(clock, "compile_s"), progress.stage("Compiling for NUTS"):
        prepared = bayes.prepare(view)
    total = chains * (draws + tune)
    with _timed(clock, "posterior_s"), progress.stage(f"NUTS, {chains} chains", total) as bar:
        sampled = bayes.sample(
            prepared, draws=draws, tune=tune, chains=chains, seed=nuts_seed, advance=bar.update
        )
    posterior = aligned.draws(sampled["posterior"].to_dataset())
    with _timed(clock, "latents_s"), progress.stage("Recovering the latents"):
        stacked = _tree.stacked(posterior)
        try:
            recovered = bayes.recover(declaration, view, stacked, recover_seed)
        except NotImplementedError:
            # Their conditional distribution has no name: they are left out of the report.
            recovered = {}
        pointwise = _pointwise(density, stacked)
    with progress.stage("Posterior predictive"):
        replicated = bayes.posterior_predictive(
            view, posterior, replicates=_REPLICATES, seed=predict_seed
        )

    # EM's own names, where the declaration has them too: as deterministics, say.
    own = tuple(fit.best.params)
    if not all(name in space.shapes for name in own):
        own = tuple(subject.to_model(fit.best.params))
    # The weight of a single component is no estimate.
    own = tuple(name for name in own if name not in space.constant)
    known = bayes.identification(density, mle.unconstrained)
    on = ground(space, own, known, aligned.reflections, posterior)
    names = on.names
    estimates = {
        key: {name: where.natural[name] for name in names}
        for key, where in (("em", em), ("mle", mle), ("map", mode))
    }
    # What the posterior gives to a category without observations, it takes from the others.
    edge = {
        label
        for where in (em, mle)
        for label in bayes.at_boundary(density, where.unconstrained, beside=True)
    }
    every = _figures.parameters(
        estimates["em"], errors, estimates["mle"], estimates["map"], posterior, edge, on.judged
    )
    rows = tuple(row for row in every if row.name in on.rows)
    optima = (*ends_of_em(fit, density, located), *ends_of_climbs(climbs, aligned.point))
    if profile:
        count = len(profile)
        with _timed(clock, "profile_s"), progress.stage("Profile likelihood", count) as bar:
            unsure = unsure.with_intervals(
                bayes.profile_intervals(
                    density,
                    mle.unconstrained,
                    profile,
                    on_interval=lambda done, _: bar.update(done),
                )
            )
    unsure = unsure.with_differences(
        _spread.differences(
            rows,
            unsure.without,
            by_label(bayes.standard_errors(density, mode.unconstrained, prior=True)),
            posterior,
            optima,
        )
    )
    expectations = aligned.expectations(fit.best.expectations)
    latents = [
        _figures.latent(name, expectations[name], recovered[name])
        for name in declaration.latents
        if name in expectations and name in recovered
    ]
    divergences = int(sampled["sample_stats"]["diverging"].sum())
    trust = _verdicts.chains(rows, divergences, chains * draws, chains)
    identified = _verdicts.identified(on)
    verdicts: tuple[Verdict, ...] = (
        *(() if check is None else (_verdicts.derivation(check),)),
        *(() if identified is None else (identified,)),
        trust,
        _verdicts.em_reached(
            fit,
            rows,
            _at_em(subject, density, em),
            *((found, "MAP") if subject.objective == "posterior" else (summit, "MLE")),
        ),
        _pull(rows, density, aligned, mle, found, known),
        _verdicts.in_the_bulk(rows),
        _uncertainty.verdict(unsure),
        _spread.verdict(rows, unsure.differences),
        _verdicts.monotone(fit, subject.objective),
        _verdicts.heights(optima),
        _verdicts.integration(bayes.integrations(declaration, density, mle.unconstrained)),
    )
    if trust.status == "fail":
        verdicts = tuple(_verdicts.withheld(v) if v.id in _AGAINST_DRAWS else v for v in verdicts)
    heights = {
        key: density.log_likelihood(where.unconstrained)[0]
        for key, where in (("em", em), ("mle", mle), ("map", mode))
    }
    return Comparison(
        name=subject.name,
        title=subject.title,
        derivation=subject.derivation,
        objective=subject.objective,
        parameters=rows,
        latents=tuple(latent for latent in latents if latent is not None),
        log_likelihood=heights,
        verdicts=verdicts,
        agree=_verdicts.agreement(verdicts),
        optima=optima,
        uncertainty=unsure,
        joint_mode=trap,
        dimension=space.size,
        fit=fit,
        timings=clock,
        versions={"python": platform.python_version()} | {p: version(p) for p in _PACKAGES},
        settings=dict(settings) | {"draws": draws, "tune": tune, "chains": chains},
        seed=seed,
        published=subject.published,
        model=declaration.model,
        latent_names=declaration.latents,
        check=None if isinstance(check, str) else check,
        tree=_assembled(
            declaration,
            view,
            posterior,
            sampled,
            recovered,
            pointwise,
            replicated,
            estimates,
            errors,
            heights,
            names,
        ),
    )


@contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    clock[name] = time.perf_counter() - began


def _pointwise(density: Density, stacked: xr.Dataset) -> dict[str, np.ndarray]:
    observed = sum(density.view.rvs_to_values[v].size.eval() for v in density.view.observed_RVs)
    if observed * stacked.sizes["sample"] > _tree.LARGEST:
        return {}
    return bayes.pointwise_log_likelihood(density.view, stacked)


def _trap(
    found: bayes.JointMode | None, subject: Subject, mle: Point, mode: Point
) -> JointMode | None:
    if found is None:
        return None

    def listed(values: Mapping[str, np.ndarray]) -> str:
        return ", ".join(
            f"{name} = {np.array2string(np.asarray(value), precision=5, threshold=6)}"
            for name, value in values.items()
        )

    ours = {name: mle.natural[name] for name in found.params}
    theirs = {name: mode.natural[name] for name in found.params}
    return JointMode(
        found.params,
        found.latents,
        f"Left in the model, the latents are maximised over along with the parameters: the "
        f"joint mode is at {listed(found.params)}, with {listed(found.latents)}. With the "
        f"latents integrated out the MLE is {listed(ours)} and the MAP {listed(theirs)}. "
        f"The joint mode estimates neither.",
    )


def _renumbered(params: Values, em: Point) -> dict[str, Any]:
    """EM's own parameters at its estimate as it was aligned."""
    return {name: em.natural.get(name, value) for name, value in params.items()}


def _at_em(subject: Subject, density: Density, em: Point) -> Maximum:
    """EM's end as a point of its own objective."""
    posterior = subject.objective == "posterior"
    objective = density.log_posterior if posterior else density.log_likelihood
    value, gradient = objective(em.unconstrained)
    hessian = density.hessian(em.unconstrained, prior=posterior)
    return Maximum(em.unconstrained, value, _decrement(gradient, hessian, density.space.edged))


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
        density.log_posterior, curvature, mle.unconstrained, density.space.edged
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
        slope, density.hessian(mle.unconstrained), density.space.edged, flat_by=score
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
    edged: np.ndarray,
    flat_by: np.ndarray | None = None,
) -> float:
    """Newton decrement, in the directions that are bent where the slope is `flat_by`."""
    slope = gradient if flat_by is None else flat_by
    try:
        return bayes.curvature_of(hessian, slope, edged).newton(gradient)[1]
    except np.linalg.LinAlgError:
        return float("nan")


def _assembled(
    declaration: Declaration,
    view: Any,
    posterior: xr.Dataset,
    sampled: xr.DataTree,
    recovered: Mapping[str, bayes.Recovered],
    pointwise: Mapping[str, np.ndarray],
    replicated: xr.Dataset,
    estimates: Mapping[str, Params],
    errors: Params,
    heights: Mapping[str, float],
    names: tuple[str, ...],
) -> xr.DataTree:
    model = declaration.model
    latents = {name: latent.draws for name, latent in recovered.items()}
    if _tree.fits(latents):
        posterior = posterior.assign(_tree.draws_of(model, latents, posterior))
    groups = {
        "posterior": posterior,
        "sample_stats": sampled["sample_stats"].to_dataset(),
        "posterior_predictive": replicated,
        "observed_data": _tree.observed(view),
    }
    if pointwise:
        groups["log_likelihood"] = posterior[[]].assign(_tree.draws_of(model, pointwise, posterior))
    for key, values in estimates.items():
        groups[key] = _tree.estimate(values, posterior, log_likelihood=heights[key])
    groups["em/standard_error"] = _tree.estimate({n: errors[n] for n in names}, posterior)
    return xr.DataTree.from_dict(groups)
