"""What a check is given: a hand-in and a declaration become starts, a maximum, and trial θ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentfit import bayes
from latentfit.bayes import CompleteData, Density, Statistics
from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import Declaration, Params, space
from latentfit.em.calls import three_argument_m_step
from latentfit.errors import DeclarationError, LatentfitError

# Logarithms and log-odds are tried no further from the maximum than this.
_FAR = 2.0
# Of a maximum at infinity: the slope along a logarithm, in units of the log density, that counts as
# telling where it is, and how many factors of e are gone back for that.
_TOLD = 1e-2
_STEPS = 60
# Log-odds beyond which a difference from the end of a range has lost half of its digits.
_HALF_THE_DIGITS = 18.0


@dataclass(frozen=True)
class Derivation:
    """What was handed in.

    Attributes
    ----------
    name, objective : str
    e_step, m_step, log_likelihood : callable
    expectations : mapping
    to_model : callable
    begins : sequence of dict
        Starting params.
    problem : str or None
        Why `begins` are not those of the hand-in's own ``initial``.
    """

    name: str
    objective: str
    e_step: Callable[..., Mapping[str, Any]]
    m_step: Callable[..., Mapping[str, Any]]
    log_likelihood: Callable[..., Any] | None
    expectations: Mapping[str, Callable[..., Any]]
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    begins: Sequence[Params]
    problem: str | None = None


@dataclass(frozen=True)
class Reference:
    """What derivations of one model on one data set are held against; built once for all.

    Attributes
    ----------
    declaration : Declaration
    density : Density
    complete : CompleteData
        Exact where that is possible.
    """

    declaration: Declaration
    density: Density
    complete: CompleteData

    @cached_property
    def by_draws(self) -> CompleteData:
        """The complete-data view by draws."""
        return bayes.by_draws(self.declaration, self.density)


def reference(declaration: Declaration, density: Density | None = None) -> Reference:
    """Build the observed and the complete-data view of a declaration.

    Parameters
    ----------
    declaration : Declaration
    density : Density, optional
        Of the observed view, where it is at hand.

    Raises
    ------
    DeclarationError
        A discrete latent cannot be summed out, or a parameter is discrete.
    """
    density = density or _density(declaration)
    return Reference(declaration, density, bayes.complete_data_view(declaration, density))


def _density(declaration: Declaration) -> Density:
    """Of the observed view; where there is none, what stands in for it."""
    found = space(declaration)
    try:
        return Density(bayes.observed_view(declaration), found)
    except DeclarationError as error:
        stand_in = bayes.intractable(declaration, found, str(error))
        if stand_in is None:
            raise
        return stand_in


def starts_of(derivation: Derivation, density: Density, seed: int) -> tuple[Derivation, Outcome]:
    """The derivation with starts that the model can have, and what was wrong with its own."""
    usable, problem = [], derivation.problem
    for params in derivation.begins:
        try:
            density.space.locate(derivation.to_model(params))
            usable.append(params)
        except LatentfitError as error:
            problem = problem or f"initial: {error}"
    if problem is None:
        return derivation, Outcome()
    finding = Finding("contract", "initial", "error", problem)
    if not usable:
        rngs = np.random.default_rng(seed).spawn(max(len(derivation.begins), 1))
        usable = [density.space.random(rng) for rng in rngs]
        try:
            for params in usable:
                density.space.locate(derivation.to_model(params))
        except LatentfitError as error:
            # Its parameters are its own, and nobody but it can say where to start.
            raise DeclarationError(problem) from error
    detail = f"{problem}; {len(usable)} other starts are used"
    return replace(derivation, begins=usable), Outcome(
        (Check("contract.initial", "fail", detail),), (finding,)
    )


def _three(m_step: Callable[..., Mapping[str, Any]]) -> Callable[..., Mapping[str, Any]]:
    """The M step of three arguments; one that cannot be called says so when it is."""
    try:
        return three_argument_m_step(m_step)
    except DeclarationError as error:
        reason = str(error)

        def refused(*arguments: Any) -> Mapping[str, Any]:
            raise TypeError(reason)

        return refused


def subject_of(derivation: Derivation, against: Reference, seed: int) -> Subject:
    density = against.density
    space, rng = density.space, np.random.default_rng(seed)
    begins = [space.locate(derivation.to_model(params)) for params in derivation.begins]
    found = bayes.maximum_likelihood(density, begins) if density.tractable else []
    climbs = [c for c in found if c.reached]
    maximum = max(climbs, key=lambda climb: climb.value).point if climbs else None
    if derivation.objective == "posterior" and maximum is not None:
        curvature = partial(density.hessian, prior=True)
        top = bayes.maximise(density.log_posterior, curvature, maximum, space.bounded)
        maximum = top.point if top.reached else None

    names = tuple(derivation.begins[0])
    from_model = None
    if all(name in space.shapes for name in names):

        def from_model(natural: Params) -> Params:
            return {name: natural[name] for name in names}

    complete = against.complete

    def known(point: np.ndarray) -> dict[str, np.ndarray]:
        if not against.complete.exact:
            return {}
        exactly = against.complete.statistics(point, rng)
        return _expected(derivation, against.complete, exactly)

    if complete.exact and not known(begins[0]).keys() >= derivation.expectations.keys():
        # The M step is fed every entry from one source.
        complete = against.by_draws

    def trial(where: str, params: Params, point: np.ndarray) -> Trial:
        return Trial(where, params, point, complete.statistics(point, rng), known(point))

    trials = [
        trial(f"start {number}", params, point)
        for number, (params, point) in enumerate(
            zip(derivation.begins, begins, strict=True), start=1
        )
    ]
    if maximum is not None and from_model is not None:
        errors = _coordinate_errors(density, maximum)
        centre = _inwards(density, maximum)
        for where, distance in (("near the maximum", 2.0), ("at the maximum", 0.0)):
            steps = distance * errors * rng.standard_normal(space.size)
            # Where little is known the standard error leads out of what numbers can tell apart.
            point = centre + np.where(space.bounded, np.clip(steps, -_FAR, _FAR), steps)
            trials.append(trial(where, from_model(space.constrain(point)), point))
    return Subject(
        name=derivation.name,
        declaration=against.declaration,
        density=density,
        complete=complete,
        e_step=derivation.e_step,
        m_step=_three(derivation.m_step),
        log_likelihood=derivation.log_likelihood,
        objective="posterior" if derivation.objective == "posterior" else "likelihood",
        expectations=derivation.expectations,
        draws=lambda trial: against.by_draws.statistics(trial.point, np.random.default_rng(seed)),
        to_model=derivation.to_model,
        from_model=from_model,
        trials=tuple(trials),
        maximum=maximum,
        data=against.declaration.data,
        seed=seed,
    )


def _expected(
    derivation: Derivation, complete: CompleteData, statistics: Statistics
) -> dict[str, np.ndarray]:
    """Exact expectations of the latents, and of those declared statistics that have one."""
    found = {name: statistics[name] for name in complete.latents}
    for name, statistic in derivation.expectations.items():
        try:
            value = complete.expectation(statistic, statistics)
        except Exception as error:  # theirs, whatever it is
            raise DeclarationError(
                f"expectations[{name!r}] raised {type(error).__name__}: {error}"
            ) from error
        if value is not None:
            found[name] = value
    return found


def _inwards(density: Density, maximum: np.ndarray) -> np.ndarray:
    """The maximum; where it lies at infinity, the nearest place from which that can be told.

    How far out a climb came to rest is chance, and a covariance may be singular there but for
    rounding.
    """
    _, slope = density.log_likelihood(maximum)
    shape = bayes.curvature_of(density.hessian(maximum), slope, density.space.bounded)
    point, origin = maximum.copy(), density.space.origin
    for axis in np.flatnonzero(shape.boundary_coordinates):
        # The slope has no sign left there but that of its rounding error.
        inwards = np.sign(origin[axis] - point[axis])
        for _ in range(_STEPS):
            if abs(density.log_likelihood(point)[1][axis]) >= _TOLD:
                break
            point[axis] += inwards
    confined = density.space.two_sided
    point[confined] = np.clip(point[confined], -_HALF_THE_DIGITS, _HALF_THE_DIGITS)
    return point


def _coordinate_errors(density: Density, point: np.ndarray) -> np.ndarray:
    """A standard error's length along each unconstrained coordinate."""
    _, slope = density.log_likelihood(point)
    covariance = bayes.curvature_of(
        density.hessian(point), slope, density.space.bounded
    ).covariance()
    assert covariance is not None  # it is a maximum
    return np.sqrt(np.diag(covariance))
