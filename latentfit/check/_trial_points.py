"""Where the steps are examined: at a start, at random points, near the maximum, and at it.

A step can be right at the maximum and wrong elsewhere, so most trial points lie away from it. It
can also be right at starting values that are special (`_generic_points`), so most of them are
random.
The E step has to be right at any θ of the support, and the M step for the expectations that a right
E step returns at any θ.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.bayes import CompleteData, Density
from latentfit.bayes.complete_data import Statistics
from latentfit.check._derivation import Derivation
from latentfit.check._generic_points import Neighbourhood, prior_draws
from latentfit.check._points_near_maximum import maximum_of_objective, points_near_maximum
from latentfit.check._reference import Reference
from latentfit.check.calls import guarded
from latentfit.check.examination import AT_MAXIMUM, Examination, TrialPoint
from latentfit.check.possible_data import require_possible
from latentfit.declaration import Declaration, Params
from latentfit.em.calls import three_argument_m_step
from latentfit.em.layout import parameter_arrays
from latentfit.errors import DeclarationError, LatentfitError, reason_of
from latentfit.supervision import CallEnded

# The stream of random numbers of the generic points: they are the same whatever else is random.
_GENERIC_POINTS_STREAM = 1


def examination_of(
    derivation: Derivation, against: Reference, seed: int, timeout: float
) -> Examination:
    """Find the maximum of the objective, choose trial points and evaluate the declaration there.

    Parameters
    ----------
    derivation : Derivation
        All its starts lie inside the support.
    against : Reference
    seed : int
    timeout : float
        Seconds that one call of a step may take.

    Raises
    ------
    InputError
        The data are impossible under the model.
    DeclarationError
        A function in `Derivation.expectations` raised an error, or the latents could not be drawn
        at any trial point.
    """
    density = against.density
    space, rng = density.space, np.random.default_rng(seed)
    starts = [space.locate(derivation.to_model(params)) for params in derivation.starts]
    require_possible(against.declaration, density, starts, seed)
    prior = derivation.objective == "posterior"
    maximum = maximum_of_objective(density, starts, prior=prior)

    names = tuple(derivation.starts[0])
    from_model = None
    if all(name in space.shapes for name in names):

        def from_model(natural: Params) -> Params:
            return {name: natural[name] for name in names}

    expectations = _Expectations(derivation.expectations, against.complete, rng)
    complete = against.complete
    if complete.exact and not expectations.at(starts[0]).keys() >= derivation.expectations.keys():
        # One expectation is not known exactly. The M step needs all its entries from one source.
        complete = against.by_draws

    make = _TrialPoints(complete, expectations, rng)
    # A start at which the latents cannot be drawn is left out.
    for number, (params, point) in enumerate(zip(derivation.starts, starts, strict=True), 1):
        trial = make.add(f"start {number}", params, point)
        if trial is not None and from_model is not None:
            break
    if from_model is None:
        _add_own_iterate(make, derivation, density, against.declaration.data, timeout)
    else:
        _add_generic(make, from_model, against.declaration, starts, seed)
        if maximum is not None:
            for label, point in points_near_maximum(density, maximum, make.rng, prior=prior):
                # With little data a random point near the maximum may be as far from the data as
                # EM never comes.
                visited = label == AT_MAXIMUM
                make.add(label, from_model(space.constrain(point)), point, visited=visited)
    trial_points = make.found()

    def trial_at(label: str, point: np.ndarray) -> TrialPoint | None:
        assert from_model is not None
        params = from_model(space.constrain(point))
        return _TrialPoints(complete, expectations, rng).add(label, params, point, visited=False)

    return Examination(
        name=derivation.name,
        declaration=against.declaration,
        density=density,
        complete=complete,
        e_step=derivation.e_step,
        m_step=_of_three_arguments(derivation.m_step),
        log_likelihood=derivation.log_likelihood,
        objective="posterior" if derivation.objective == "posterior" else "likelihood",
        expectations=derivation.expectations,
        draws=lambda trial: against.by_draws.statistics(trial.point, np.random.default_rng(seed)),
        to_model=derivation.to_model,
        from_model=from_model,
        trial_points=trial_points,
        maximum=maximum,
        data=against.declaration.data,
        seed=seed,
        trial_at=trial_at if from_model is not None and complete.exact else None,
    )


@dataclass(frozen=True)
class _Expectations:
    """The exact expectations of the entries that an E step may return.

    Attributes
    ----------
    functions : mapping
        `Derivation.expectations`.
    complete : CompleteData
    rng : Generator
    """

    functions: Mapping[str, Callable[..., Any]]
    complete: CompleteData
    rng: np.random.Generator

    def at(self, point: np.ndarray) -> dict[str, np.ndarray]:
        """Return ``{entry: expectation}`` for those entries whose expectation is exact."""
        if not self.complete.exact:
            return {}
        return self._given(self.complete.statistics(point, self.rng))

    def _given(self, statistics: Statistics) -> dict[str, np.ndarray]:
        found = {name: statistics[name] for name in self.complete.latents}
        for name, function in self.functions.items():
            try:
                value = self.complete.expectation(function, statistics)
            except (KeyboardInterrupt, CallEnded):
                raise
            except BaseException as error:  # the author's function may raise anything
                raise DeclarationError(
                    f"expectations[{name!r}] raised {reason_of(error)}"
                ) from error
            if value is not None:
                found[name] = value
        return found


class _TrialPoints:
    """Trial points, and the declaration's conditional expectations at each of them.

    Parameters
    ----------
    complete : CompleteData
    expectations : _Expectations
    rng : Generator
        For statistics that are draws, and for random points.
    """

    def __init__(
        self, complete: CompleteData, expectations: "_Expectations", rng: np.random.Generator
    ) -> None:
        self.complete, self.rng = complete, rng
        self._expectations = expectations
        self._found: list[TrialPoint] = []
        self._problem: DeclarationError | None = None

    def add(
        self, label: str, params: Params, point: np.ndarray, *, visited: bool = True
    ) -> TrialPoint | None:
        """Add a trial point, unless the latents cannot be drawn there."""
        try:
            statistics = self.complete.statistics(point, self.rng)
        except DeclarationError as error:
            self._problem = error
            return None
        expected = self._expectations.at(point)
        self._found.append(TrialPoint(label, params, point, statistics, expected, visited))
        return self._found[-1]

    def found(self) -> tuple[TrialPoint, ...]:
        """Return all trial points; raise `DeclarationError` if there is none."""
        if not self._found and self._problem is not None:
            raise self._problem
        return tuple(self._found)


def _add_generic(
    make: _TrialPoints,
    from_model: Callable[[Params], Params],
    declaration: Declaration,
    starts: Sequence[np.ndarray],
    seed: int,
) -> None:
    """Add random points near the starts, one towards a draw from the prior, one after an iteration.

    Where the statistics are draws, each further θ takes seconds: only the first start is used.
    """
    complete, rng = make.complete, np.random.default_rng([seed, _GENERIC_POINTS_STREAM])
    space, first = complete.density.space, make.found()[0]

    def add(label: str, point: np.ndarray | None) -> TrialPoint | None:
        if point is None:
            return None
        return make.add(label, from_model(space.constrain(point)), point, visited=False)

    def around(trial: TrialPoint) -> Neighbourhood:
        return Neighbourhood(complete, declaration, trial.point, trial.statistics)

    near = [(first.label, around(first))]
    if complete.exact and len(starts) > 1:
        near = [
            (
                f"start {number}",
                Neighbourhood(complete, declaration, start, complete.statistics(start, rng)),
            )
            for number, start in enumerate(starts[1:], 2)
        ]
    random = [add(f"near {label}", one.random_point(rng)) for label, one in near]
    if complete.exact:
        draws = prior_draws(declaration, space, seed)
        moved = (around(first).towards(draw, rng) for draw in draws)
        label = f"between {first.label} and a draw from the prior"
        random.append(add(label, next((point for point in moved if point is not None), None)))
    before = next((trial for trial in random if trial is not None), first)
    label = f"one iteration after the point {before.label}"
    add(label, around(before).after_one_iteration())


def _add_own_iterate(
    make: _TrialPoints,
    derivation: Derivation,
    density: Density,
    data: Mapping[str, Any],
    timeout: float,
) -> None:
    """Add what the derivation's own steps return at the first start.

    Random points cannot be made in a parameterisation of the derivation's own: two of its
    parameters may determine each other.
    """
    start = derivation.starts[0]
    e_step = guarded(derivation.e_step, "e_step", timeout=timeout)
    m_step = guarded(_of_three_arguments(derivation.m_step), "m_step", timeout=timeout)
    expectations = e_step(start, data)
    if not isinstance(expectations, Mapping):
        return
    params = m_step(expectations, data, start)
    if not isinstance(params, Mapping) or params.keys() != start.keys():
        return
    try:
        arrays = parameter_arrays(params, "m_step")
        point = density.space.locate(derivation.to_model(arrays))
    except LatentfitError:
        # The contract reports it.
        return
    if np.isfinite(point).all():
        make.add("one iteration after start 1", arrays, point, visited=False)


def _of_three_arguments(
    m_step: Callable[..., Mapping[str, Any]],
) -> Callable[..., Mapping[str, Any]]:
    """Return the M step as a function of three arguments.

    An M step that takes a wrong number of arguments raises a TypeError when it is called, so that
    this is a finding among others.
    """
    try:
        return three_argument_m_step(m_step)
    except DeclarationError as error:
        reason = str(error)

        def refused(*arguments: Any) -> Mapping[str, Any]:
            raise TypeError(reason)

        return refused
