"""All checks of one derivation, in the order in which one rests on another."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from latentfit import bayes, em
from latentfit.check import _contract, _e_step, _log_likelihood, _m_step, _path, _paths
from latentfit.check._calls import Failure, Timeout, attempt, limited, on_copies
from latentfit.check._prepare import Derivation, Reference, starts_of, subject_of
from latentfit.check._result import Check, CheckResult, Finding, Outcome
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import Params
from latentfit.errors import LatentfitError
from latentfit.progress import Progress

# EM's runs end here if nothing else ends them. Steps that are known to be wrong are only to
# show what becomes of the objective.
_ITERATIONS = 1000
_ITERATIONS_WRONG = 50
# EM's runs together may take as long as so many calls of one step.
_CALLS = 10.0


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
    derivation, initial = starts_of(derivation, against.density, seed)
    with progress.stage("The maximum of the objective"):
        subject = subject_of(derivation, against, seed)
    with progress.stage("Integrating the latents out"):
        integrated = _integrated(subject)
    with progress.stage("Contract"):
        contract = _contract.examine(subject, timeout)
    safe = partial(_safely, timeout=timeout)
    with progress.stage("E step and M step"):
        expectation, maximisation = _both(subject, contract, safe(subject.m_step, "m_step"))
    outcomes = [initial, contract.outcome, integrated, expectation, maximisation]
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


def _integrated(subject: Subject) -> Outcome:
    """How the latents were integrated out; numbers below rest on its precision."""
    point = subject.maximum if subject.maximum is not None else subject.trials[0].point
    found = bayes.integrations(subject.declaration, subject.density, point)
    rough = not all(one.precise for one in found)
    detail = "; ".join(map(str, found))
    return Outcome((Check("declaration.latents", "warn" if rough else "pass", detail),))


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
        return density.objective(density.space.locate(subject.to_model(params)), prior=posterior)

    try:
        fit = limited(em.fit, _CALLS * timeout, "EM")(
            on_copies(subject.e_step),
            on_copies(subject.m_step),
            subject.data,
            begins,
            log_likelihood=climbed if density.tractable else None,
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
