"""All checks of one derivation, in the order in which one rests on another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentfit import bayes, em
from latentfit.bayes import CompleteData, Density, Statistics
from latentfit.check import _contract, _e_step, _log_likelihood, _m_step, _path, _paths
from latentfit.check._calls import Failure, Timeout, attempt, limited, on_copies
from latentfit.check._result import Check, CheckResult, Finding, Outcome
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import Declaration, Params, space
from latentfit.em._call import m_step_of_three
from latentfit.errors import DeclarationError, LatentfitError
from latentfit.progress import Progress

# EM's runs end here if nothing else ends them. Steps that are known to be wrong are only to
# show what becomes of the objective.
_ITERATIONS = 1000
_ITERATIONS_WRONG = 50

# Logarithms and log-odds are tried no further from the maximum than this.
_FAR = 2.0


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
        A latent cannot be integrated out, or a parameter is discrete.
    """
    density = density or Density(bayes.observed_view(declaration), space(declaration))
    return Reference(declaration, density, bayes.complete_data(declaration, density))


def check(
    derivation: Derivation,
    against: Reference,
    *,
    seed: int,
    timeout: float,
    paths: bool = False,
    progress: Progress,
) -> CheckResult:
    """Examine a derivation against the declaration.

    Parameters
    ----------
    derivation : Derivation
    against : Reference
    seed : int
    timeout : float
        Seconds that one call of a step may take.
    paths : bool
        Follow EM beside the declaration's own, where a step is wrong: for a picture.
    progress : Progress
    """
    derivation, initial = _starts(derivation, against.density, seed)
    with progress.stage("The maximum of the objective"):
        subject = _subject(derivation, against, seed)
    with progress.stage("Contract"):
        contract = _contract.examine(subject, timeout)
    safe = partial(_safely, timeout=timeout)
    with progress.stage("E step and M step"):
        expectation, maximisation = _both(subject, contract, safe(subject.m_step, "m_step"))
    outcomes = [initial, contract.outcome, expectation, maximisation]
    with progress.stage("Log-likelihood"):
        outcomes.append(_reported(subject, safe))
    if contract.given and contract.returned:
        blameless = not any(f.severity == "error" for o in outcomes for f in o.findings)
        with progress.stage("EM from several starts"):
            outcomes.append(_together(subject, derivation.begins, timeout, blameless))
    else:
        skipped = "the steps cannot be run: see the contract"
        outcomes.append(Outcome((Check("path.monotone", "skip", skipped),)))
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    ways = None
    wrong = any(f.severity == "error" and f.step in ("E", "M") for f in findings)
    if paths and wrong:
        with progress.stage("EM beside the declaration's"):
            e_step, m_step = safe(subject.e_step, "e_step"), safe(subject.m_step, "m_step")
            ways = _paths.paths(subject, subject.trials[0], e_step, m_step, timeout)
    return CheckResult(
        derivation.name,
        tuple(one for outcome in outcomes for one in outcome.checks),
        tuple(sorted(findings, key=lambda finding: finding.severity != "error")),
        ways,
    )


def _starts(derivation: Derivation, density: Density, seed: int) -> tuple[Derivation, Outcome]:
    """The derivation with starts that the model can have, and what was wrong with its own."""
    usable, problem = [], derivation.problem
    for params in derivation.begins:
        try:
            density.space.locate(derivation.to_model(params))
            usable.append(params)
        except LatentfitError as error:
            problem = problem or f"initial returns {error}"
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
        return m_step_of_three(m_step)
    except DeclarationError as error:
        reason = str(error)

        def refused(*arguments: Any) -> Mapping[str, Any]:
            raise TypeError(reason)

        return refused


def _subject(derivation: Derivation, against: Reference, seed: int) -> Subject:
    density = against.density
    space, rng = density.space, np.random.default_rng(seed)
    begins = [space.locate(derivation.to_model(params)) for params in derivation.begins]
    climbs = [c for c in bayes.maximum_likelihood(density, begins) if c.reached]
    maximum = max(climbs, key=lambda climb: climb.value).point if climbs else None
    if derivation.objective == "posterior" and maximum is not None:
        curvature = partial(density.hessian, prior=True)
        top = bayes.maximise(density.log_posterior, curvature, maximum, space.edged)
        maximum = top.point if top.reached else None

    names = tuple(derivation.begins[0])
    from_model = None
    if all(name in space.shapes for name in names):

        def from_model(natural: Params) -> Params:
            return {name: natural[name] for name in names}

    complete = against.complete
    if complete.exact:
        known = _expected(derivation, complete, complete.statistics(begins[0], rng))
        if not known.keys() >= derivation.expectations.keys():
            # The M step is fed every entry from one source.
            complete = against.by_draws

    def trial(where: str, params: Params, point: np.ndarray) -> Trial:
        statistics = complete.statistics(point, rng)
        expected = _expected(derivation, complete, statistics) if complete.exact else {}
        return Trial(where, params, point, statistics, expected)

    trials = [
        trial(f"start {number}", params, point)
        for number, (params, point) in enumerate(
            zip(derivation.begins, begins, strict=True), start=1
        )
    ]
    if maximum is not None and from_model is not None:
        errors = _coordinate_errors(density, maximum)
        for where, distance in (("near the maximum", 2.0), ("at the maximum", 0.0)):
            steps = distance * errors * rng.standard_normal(space.size)
            # Where little is known the standard error leads out of what numbers can tell apart.
            point = maximum + np.where(space.edged, np.clip(steps, -_FAR, _FAR), steps)
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


def _coordinate_errors(density: Density, point: np.ndarray) -> np.ndarray:
    """A standard error's length along each unconstrained coordinate."""
    _, slope = density.log_likelihood(point)
    covariance = bayes.curvature_of(density.hessian(point), slope, density.space.edged).covariance()
    assert covariance is not None  # it is a maximum
    return np.sqrt(np.diag(covariance))


def _safely(function: Callable[..., Any], name: str, *, timeout: float) -> Callable[..., Any]:
    """The function under its time limit and on copies; a `Failure` in place of an error."""
    guarded = limited(on_copies(function), timeout, name)
    return lambda *args: attempt(guarded, name, *args)


def _returned(
    trials: Sequence[Trial], call: Callable[[Trial], Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for trial in trials:
        result = call(trial)
        if isinstance(result, Mapping):
            yield trial.where, result


def _both(
    subject: Subject,
    contract: _contract.Contract,
    m_step: Callable[..., Any],
) -> tuple[Outcome, Outcome]:
    """The E step, and the M step fed what the E step should have returned."""
    usable = [trial for trial in subject.trials if trial.where in contract.returned]

    def maximisation(order: Sequence[int] | None) -> Outcome:
        fed = {t.where: _fed(subject, t, contract.given, order) for t in usable}
        returned = dict(_returned(usable, lambda t: m_step(fed[t.where], subject.data, t.params)))
        if not returned:
            skipped = "it could not be run: see the contract"
            return Outcome((Check("m_step.maximum", "skip", skipped),))
        return _m_step.examine(subject, fed, returned)

    expectation = _e_step.examine(subject, contract.given)
    order = _e_step.consistent_order(subject, contract.given)
    if order is None:
        return expectation, maximisation(None)
    # The labels are in another order throughout. If the M step knows of it, all is well.
    informed = maximisation(order)
    if not informed.findings and not any("renumbers" in c.detail for c in informed.checks):
        note = "the categories are in another order than the model's, in both steps alike"
        return Outcome((Check("e_step.labels", "pass", note),)), informed
    return _swapped(expectation), maximisation(None)


def _swapped(expectation: Outcome) -> Outcome:
    hint = "the components are swapped between the two steps: the M step does not expect this order"

    def explained(finding: Finding) -> Finding:
        return replace(finding, hint=hint)

    return Outcome(expectation.checks, tuple(map(explained, expectation.findings)))


def _fed(
    subject: Subject,
    trial: Trial,
    given: Mapping[str, Mapping[str, Any]],
    order: Sequence[int] | None,
) -> dict[str, Any]:
    """The expectations that the E step should have returned; other entries are its own."""
    if subject.complete.exact:
        expected = dict(trial.expected)
        if order is not None:
            expected = {name: value[..., list(order)] for name, value in expected.items()}
    else:
        # Every entry from the same draws as Q, so that their error is common to both.
        expected = _averages(subject, trial)
    own = dict(given.get(trial.where, {}))
    return own | {name: value for name, value in expected.items() if name in own or not own}


def _averages(subject: Subject, trial: Trial) -> dict[str, np.ndarray]:
    """Means over draws of the latents, and of the functions of them that are declared."""
    draws = trial.statistics
    averages = {
        name: _means(value, discrete=subject.complete.discrete) for name, value in draws.items()
    }
    count = len(next(iter(draws.values())))
    for name, function in subject.expectations.items():
        values = [
            function({latent: one[i] for latent, one in draws.items()}, subject.data)
            for i in range(count)
        ]
        averages[name] = np.mean(np.array(values, dtype=float), axis=0)
    return averages


def _means(draws: np.ndarray, *, discrete: bool) -> np.ndarray:
    values = np.eye(int(draws.max()) + 1)[draws] if discrete else draws
    result: np.ndarray = values.mean(axis=0)
    return result


def _reported(subject: Subject, safe: Callable[..., Callable[..., Any]]) -> Outcome:
    if subject.log_likelihood is None:
        return _log_likelihood.examine(subject, {}, [])
    evaluate = safe(subject.log_likelihood, "log_likelihood")
    values: dict[str, float] = {}
    for trial in subject.trials:
        result = evaluate(trial.params, subject.data)
        if isinstance(result, Failure):
            finding = Finding("contract", "log_likelihood", "error", result.message)
            failed = Check("log_likelihood", "fail", result.message)
            return Outcome((failed,), (finding,))
        try:
            values[trial.where] = float(result)
        except (TypeError, ValueError):
            message = f"log_likelihood returned {type(result).__name__}, expected one number"
            return Outcome(
                (Check("log_likelihood", "fail", message),),
                (Finding("contract", "log_likelihood", "error", message),),
            )
    return _log_likelihood.examine(subject, values, list(values.values()))


def _together(
    subject: Subject, begins: Sequence[Params], timeout: float, blameless: bool
) -> Outcome:
    posterior = subject.objective == "posterior"
    density = subject.density

    def climbed(params: Params, data: Any) -> float:
        return density.height(density.space.locate(subject.to_model(params)), prior=posterior)

    try:
        fit = limited(em.fit, 10 * timeout, "EM")(
            on_copies(subject.e_step),
            on_copies(subject.m_step),
            subject.data,
            begins,
            log_likelihood=climbed,
            stopping=em.Stopping(max_iterations=_ITERATIONS if blameless else _ITERATIONS_WRONG),
        )
    except Timeout as error:
        # Each step has kept its time; that EM takes many of them is no mistake.
        detail = f"not known: {error}, and was stopped"
        return Outcome((Check("path.monotone", "skip", detail),))
    except Exception as error:  # theirs, whatever it is
        message = f"EM could not be run from several starts: {error}"
        ours = isinstance(error, LatentfitError)
        finding = Finding("contract", "m_step", "error", message)
        return Outcome(
            (Check("path.monotone", "fail", message),),
            (finding,) if blameless or not ours else (),
        )
    return _path.examine(subject, fit, blameless=blameless)
