"""A whole check: each part examines one thing, and later parts use the results of earlier ones."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from latentfit.check import (
    _category_order,
    _causes,
    _e_step,
    _em_runs,
    _latents,
    _log_likelihood,
    _m_step,
    contract,
)
from latentfit.check._derivation import Derivation, with_usable_starts
from latentfit.check._hint_points import HintPoints
from latentfit.check._m_step_inputs import right_expectations
from latentfit.check._reference import Reference
from latentfit.check._trajectories import Trajectories, trajectories
from latentfit.check._trial_points import examination_of
from latentfit.check.calls import guarded
from latentfit.check.contract import Contract
from latentfit.check.examination import Examination
from latentfit.check.mistakes import confirmed
from latentfit.check.result import Check, CheckResult, Outcome
from latentfit.progress import Progress


def check(
    derivation: Derivation,
    against: Reference,
    *,
    seed: int,
    timeout: float,
    paths: bool = False,
    strict: bool = False,
    progress: Progress,
) -> CheckResult:
    """Examine a derivation against the declaration.

    Parameters
    ----------
    derivation : Derivation
    against : Reference
    seed : int
        Of all random numbers that the check uses.
    timeout : float
        Seconds that one call of a step may take.
    paths : bool
        If a step is wrong, also iterate the derivation's EM and the declaration's own from one
        start, for a picture.
    strict : bool
        Whether an M step that increases Q without maximising it is an error.
    progress : Progress

    Raises
    ------
    DeclarationError
        A declared expectation raises an error, or no start can be used.
    """
    derivation, starts = with_usable_starts(derivation, against.density, seed)
    with progress.stage("Maximising the objective"):
        examination = examination_of(derivation, against, seed, timeout)
    with progress.stage("Marginalising the latents"):
        latents = _latents.examine(examination)
    with progress.stage("Contract"):
        kept = contract.examine(examination, timeout)
    with progress.stage("E step and M step"):
        hint_points = HintPoints(examination, timeout)
        e_step, m_step = _both_steps(examination, kept, hint_points, timeout, strict=strict)
        called = _causes.with_consequences(examination, kept, e_step, timeout)
    with progress.stage("Log-likelihood"):
        log_likelihood = _log_likelihood.examine(examination, timeout, hint_points)
    outcomes = [starts, called, latents, e_step, m_step, log_likelihood]
    if kept.given and kept.returned:
        with progress.stage("EM from several starts"):
            outcomes.append(
                _em_runs.examine(
                    examination,
                    derivation.starts,
                    timeout,
                    steps_are_right=not _has_errors(outcomes),
                    numerical=any(check.status == "warn" for check in m_step.checks),
                )
            )
    else:
        reason = "the steps could not be run: see the contract"
        outcomes.append(Outcome((Check("path.monotone", "skip", reason),)))
    followed = None
    if paths and _has_errors(outcomes, "E", "M"):
        with progress.stage("EM from one start, and the declaration's own EM"):
            followed = _followed(examination, timeout)
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    return CheckResult(
        derivation.name,
        tuple(one for outcome in outcomes for one in outcome.checks),
        _causes.by_cause(findings),
        followed,
    )


def _both_steps(
    examination: Examination,
    kept: Contract,
    hint_points: HintPoints,
    timeout: float,
    *,
    strict: bool,
) -> tuple[Outcome, Outcome]:
    """Examine the E step, and the M step fed what the E step should have returned."""
    m_step = guarded(examination.m_step, "m_step", timeout=timeout)
    examine_m_step = partial(_examine_m_step, examination, kept, m_step, hint_points, strict=strict)
    e_step = _e_step.examine(examination, kept.given, hint_points)
    order = _category_order.consistent_order(examination, kept.given)
    if order is None:
        return e_step, examine_m_step(None).outcome
    # If the M step expects the categories in the order of the E step, the derivation is right.
    informed = examine_m_step(order)
    if not informed.outcome.findings and not informed.reorders:
        return _category_order.same_in_both_steps(), informed.outcome
    if confirmed(examination.trial_points):
        e_step = _category_order.in_e_step_only(e_step)
    return e_step, examine_m_step(None).outcome


def _examine_m_step(
    examination: Examination,
    kept: Contract,
    m_step: Callable[..., Any],
    hint_points: HintPoints,
    order: tuple[int, ...] | None,
    *,
    strict: bool,
) -> _m_step.MStepOutcome:
    returned: dict[str, Mapping[str, Any]] = {}
    for trial in examination.trial_points:
        if trial.label in kept.returned:
            expectations = right_expectations(examination, trial, kept.given, order)
            if not _same_shapes(expectations, kept.given.get(trial.label, {})):
                # The M step cannot be given what its own E step does not return.
                continue
            result = m_step(expectations, examination.data, trial.params)
            if isinstance(result, Mapping):
                returned[trial.label] = result
    further = partial(hint_points.updates, order)
    return _m_step.examine(examination, returned, further, strict=strict)


def _same_shapes(expectations: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    return all(np.shape(own[name]) == np.shape(expectations[name]) for name in own)


def _followed(examination: Examination, timeout: float) -> Trajectories | None:
    return trajectories(
        examination,
        examination.trial_points[0],
        guarded(examination.e_step, "e_step", timeout=timeout),
        guarded(examination.m_step, "m_step", timeout=timeout),
        timeout,
    )


def _has_errors(outcomes: list[Outcome], *steps: str) -> bool:
    """Return whether a finding is an error, of one of these steps if any are named."""
    return any(
        finding.severity == "error" and (not steps or finding.step in steps)
        for outcome in outcomes
        for finding in outcome.findings
    )
