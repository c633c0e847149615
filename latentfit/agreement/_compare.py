"""EM beside what PyMC says of the same declaration."""

import platform
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from latentfit import bayes
from latentfit.agreement import _figures, _labels, _tree, _verdicts
from latentfit.agreement._comparison import Comparison, JointMode, Optimum, Verdict
from latentfit.bayes import Density, Maximum
from latentfit.declaration import Declaration, Params
from latentfit.em import Fit
from latentfit.errors import LatentfitError
from latentfit.progress import Progress

_PACKAGES = ("latentfit", "numpy", "scipy", "pymc", "pymc-extras", "pytensor", "nutpie", "arviz")
_REPLICATES = 500


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
    """

    name: str
    title: str
    derivation: str
    objective: str
    published: tuple[Mapping[str, Any], ...]
    to_model: Callable[[Params], Params]


@dataclass(frozen=True)
class _Point:
    """An estimate on both scales."""

    unconstrained: np.ndarray
    natural: Params


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

    def point(params: Params) -> _Point:
        found = space.locate(subject.to_model(params))
        return _Point(found, space.constrain(found))

    with progress.stage("Standard errors"):
        em = point(fit.best.params)
        errors = bayes.standard_errors(density, em.unconstrained)
        groups = _exchanges(declaration, density, em, errors)
    em, orders = _settled(groups, density, em)
    if orders:
        errors = bayes.standard_errors(density, em.unconstrained)
    aligned = partial(_aligned, groups, density, reference=em.natural, scale=errors)

    begins = [{n: v[0] for n, v in s.trace.params.items()} for s in fit.solutions]
    starts = [point(params).unconstrained for params in begins]
    with (
        _timed(clock, "mle_s"),
        progress.stage("Direct maximum likelihood", total=len(starts) + 1) as bar,
    ):
        climbs = bayes.maximum_likelihood(density, [*starts, em.unconstrained], bar.advance)
    peaks = [climb for climb in climbs if climb.reached]
    summit = max(peaks or climbs, key=lambda climb: climb.value)
    mle = aligned(summit.point)
    with _timed(clock, "map_s"), progress.stage("Maximum a posteriori"):
        found = bayes.maximum_a_posteriori(density, mle.unconstrained)
        mode = aligned(found.point)
        trap = _trap(bayes.joint_mode(declaration), subject, mle, mode)

    with _timed(clock, "compile_s"), progress.stage("Compiling for NUTS"):
        prepared = bayes.prepare(view)
    total = chains * (draws + tune)
    with _timed(clock, "posterior_s"), progress.stage(f"NUTS, {chains} chains", total) as bar:
        sampled = bayes.sample(
            prepared, draws=draws, tune=tune, chains=chains, seed=nuts_seed, advance=bar.update
        )
    posterior = _renumbered(groups, sampled["posterior"].to_dataset(), em.natural, errors)
    with _timed(clock, "latents_s"), progress.stage("Recovering the latents"):
        stacked = _tree.stacked(posterior)
        recovered = bayes.recover(declaration, view, stacked, recover_seed)
        pointwise = _pointwise(density, stacked)
    with progress.stage("Posterior predictive"):
        replicated = bayes.posterior_predictive(
            view, posterior, replicates=_REPLICATES, seed=predict_seed
        )

    names = tuple(subject.to_model(fit.best.params))
    estimates = {
        key: {name: where.natural[name] for name in names}
        for key, where in (("em", em), ("mle", mle), ("map", mode))
    }
    rows = _figures.parameters(
        estimates["em"], errors, estimates["mle"], estimates["map"], posterior
    )
    expectations = _expectations(fit, groups, orders)
    latents = [
        _figures.latent(name, expectations[name], recovered[name])
        for name in declaration.latents
        if name in expectations
    ]
    optima = (*_ends(fit, density, point), *_peaks(climbs, density, aligned))
    divergences = int(sampled["sample_stats"]["diverging"].sum())
    verdicts = (
        _verdicts.chains(rows, divergences, chains),
        *_judged_points(subject, fit, density, rows, em, summit, found),
        _verdicts.in_the_bulk(rows),
        _verdicts.monotone(fit),
        _verdicts.heights(optima),
    )
    if verdicts[0].status == "fail":
        verdicts = tuple(
            _verdicts.withheld(v) if v.id == "em_in_posterior" else v for v in verdicts
        )
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
        joint_mode=trap,
        fit=fit,
        timings=clock,
        versions={"python": platform.python_version()} | {p: version(p) for p in _PACKAGES},
        settings=dict(settings) | {"draws": draws, "tune": tune, "chains": chains},
        seed=seed,
        published=subject.published,
        model=declaration.model,
        latent_names=declaration.latents,
        tree=_assembled(
            declaration, view, posterior, sampled, recovered, pointwise, replicated,
            estimates, errors, heights, names,
        ),
    )


@contextmanager
def _timed(clock: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    clock[name] = time.perf_counter() - began


def _exchanges(
    declaration: Declaration, density: Density, em: _Point, errors: Params
) -> tuple[_labels.Exchange, ...]:
    space = density.space
    rng = np.random.default_rng(0)

    def at(values: Mapping[str, np.ndarray]) -> np.ndarray:
        return space.unconstrain({name: values[name] for name in space.parameters})

    # In general position, and in the units of the data: away from EM's estimate by about as
    # much as the parameters are uncertain.
    points = []
    for _ in range(3):
        moved = em.unconstrained + 0.1 * rng.standard_normal(space.size)
        points.append(space.constrain(moved))
    return _labels.exchanges(
        bayes.categories(declaration),
        points,
        space.parameters,
        lambda values: density.log_likelihood(at(values))[0],
        lambda values: density.log_prior(at(values))[0],
        lambda values: space.constrain(at(values)),
    )


def _moved(density: Density, natural: Params) -> _Point:
    parameters = {name: natural[name] for name in density.space.parameters}
    return _Point(density.space.unconstrain(parameters), natural)


def _settled(
    groups: tuple[_labels.Exchange, ...], density: Density, em: _Point
) -> tuple[_Point, dict[_labels.Exchange, np.ndarray]]:
    """EM in the numbering that the prior favours, where the prior has one."""
    orders = {}
    for group in (group for group in groups if group.by_prior):
        parameters = density.space.parameters

        def log_prior(values: Mapping[str, np.ndarray]) -> float:
            point = density.space.unconstrain({name: values[name] for name in parameters})
            return density.log_prior(point)[0]

        order = _labels.favoured(group, em.natural, log_prior)
        orders[group] = order
        em = _moved(density, _labels.renumber_one(group, em.natural, order))
    return em, orders


def _aligned(
    groups: tuple[_labels.Exchange, ...],
    density: Density,
    found: np.ndarray,
    *,
    reference: Params,
    scale: Params,
) -> _Point:
    natural = density.space.constrain(found)
    if not all(np.isfinite(value).all() for value in natural.values()):
        return _Point(found, natural)
    for group in groups:
        batch = {name: np.asarray(value)[None] for name, value in natural.items()}
        order = _labels.assign(group, batch, reference, scale)[0]
        natural = _labels.renumber_one(group, natural, order)
    return _moved(density, natural) if groups else _Point(found, natural)


def _renumbered(
    groups: tuple[_labels.Exchange, ...], posterior: xr.Dataset, reference: Params, scale: Params
) -> xr.Dataset:
    """Every draw in the reference's numbering, unless the prior says what the numbers mean."""
    for group in (group for group in groups if not group.by_prior):
        stacked = _tree.stacked(posterior)
        values = {name: stacked[name].values for name, _ in group.axes}
        order = _labels.assign(group, values, reference, scale)
        moved = _labels.renumber(group, values, order)
        posterior = posterior.assign(
            {
                name: (posterior[name].dims, _tree.unstacked(array, posterior))
                for name, array in moved.items()
            }
        )
    return posterior


def _pointwise(density: Density, stacked: xr.Dataset) -> dict[str, np.ndarray]:
    observed = sum(
        density.view.rvs_to_values[v].size.eval() for v in density.view.observed_RVs
    )
    if observed * stacked.sizes["sample"] > _tree.LARGEST:
        return {}
    return bayes.pointwise_log_likelihood(density.view, stacked)


def _trap(
    found: bayes.JointMode | None, subject: Subject, mle: _Point, mode: _Point
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


def _judged_points(
    subject: Subject,
    fit: Fit,
    density: Density,
    rows: tuple[Any, ...],
    em: _Point,
    summit: Maximum,
    mode: Maximum,
) -> tuple[Verdict, ...]:
    posterior = subject.objective == "posterior"
    objective = density.log_posterior if posterior else density.log_likelihood
    value, gradient = objective(em.unconstrained)
    end = Maximum(
        em.unconstrained,
        value,
        _decrement(gradient, density.hessian(em.unconstrained, prior=posterior)),
    )
    reached = _verdicts.em_reached(
        fit, rows, end, mode if posterior else summit, "MAP" if posterior else "MLE"
    )
    both = partial(density.hessian, prior=True)
    climbed = bayes.maximise(density.log_posterior, both, summit.point)
    _, slope = density.log_posterior(summit.point)
    curvature = -both(mode.point)
    gap = mode.point - climbed.point
    apart = float(np.sqrt(max(gap @ curvature @ gap, 0.0)))
    pull = _verdicts.prior_pull(
        rows, mode, climbed, apart, _decrement(slope, both(summit.point))
    )
    return reached, pull


def _decrement(gradient: np.ndarray, hessian: np.ndarray) -> float:
    try:
        step = cho_solve(cho_factor(-hessian), gradient)
    except (LinAlgError, ValueError):
        return float("nan")
    return float(np.sqrt(max(gradient @ step, 0.0)))


def _expectations(
    fit: Fit, groups: tuple[_labels.Exchange, ...], orders: Mapping[_labels.Exchange, np.ndarray]
) -> dict[str, np.ndarray]:
    expectations = {name: np.asarray(value) for name, value in fit.best.expectations.items()}
    for group, order in orders.items():
        for name in group.latents:
            if name in expectations and expectations[name].shape[-1] == group.size:
                expectations[name] = expectations[name][..., order]
    return expectations


def _ends(
    fit: Fit, density: Density, point: Callable[[Params], _Point]
) -> Iterator[Optimum]:
    """The heights at which EM ended, highest first."""
    ends = []
    for solution in fit.solutions:
        if solution.stop.degenerate:
            yield Optimum("EM", float("nan"), 1, solution.params, solution.message)
            continue
        where = point(solution.params)
        height = density.log_likelihood(where.unconstrained)[0]
        note = "" if solution.converged else solution.message
        ends.append(Optimum("EM", height, 1, where.natural, note))
    yield from _merged(ends)


def _peaks(
    climbs: tuple[Maximum, ...], density: Density, aligned: Callable[[np.ndarray], _Point]
) -> Iterator[Optimum]:
    """The heights at which direct maximisation ended, highest first."""
    yield from _merged(
        [
            Optimum("direct", climb.value, 1, aligned(climb.point).natural, climb.problem)
            for climb in climbs
        ]
    )


def _merged(ends: list[Optimum]) -> list[Optimum]:
    merged: list[Optimum] = []
    for end in sorted(ends, key=lambda end: (bool(end.note), -end.log_likelihood)):
        last = merged[-1] if merged else None
        if last and not end.note and not last.note:
            tolerance = _verdicts.SAME_HEIGHT * (1 + abs(last.log_likelihood))
            if abs(last.log_likelihood - end.log_likelihood) <= tolerance:
                merged[-1] = replace(last, count=last.count + 1)
                continue
        merged.append(end)
    return merged


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
        groups["log_likelihood"] = posterior[[]].assign(
            _tree.draws_of(model, pointwise, posterior)
        )
    for key, values in estimates.items():
        groups[key] = _tree.estimate(values, posterior, log_likelihood=heights[key])
    groups["em/standard_error"] = _tree.estimate({n: errors[n] for n in names}, posterior)
    return xr.DataTree.from_dict(groups)
