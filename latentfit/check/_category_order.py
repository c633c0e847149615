"""A derivation that numbers the categories of a discrete latent in an order of its own.

If the E step and the M step use the same order, the derivation is right.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from latentfit.check.closeness import SAME_VALUE_RELATIVE
from latentfit.check.component_orders import orders
from latentfit.check.examination import ByTrial, Examination
from latentfit.check.result import Check, Outcome

_SWAPPED = (
    "the components are in another order than the model's in the E step, and the M step does not "
    "expect this order"
)


def consistent_order(examination: Examination, given: ByTrial) -> tuple[int, ...] | None:
    """Return the order in which the E step numbers the categories of a discrete latent.

    None if it is the model's order, or if no single order explains its entries at every θ.
    """
    complete = examination.complete
    if not (complete.exact and complete.discrete):
        return None
    if len(complete.latents) > 1 or examination.expectations:
        return None
    (name,) = complete.latents
    trials = [trial for trial in examination.trial_points if name in given.get(trial.label, {})]
    values = [np.asarray(given[trial.label][name], float) for trial in trials]
    expected = [trial.expected[name] for trial in trials]
    if not trials or any(v.shape != e.shape for v, e in zip(values, expected, strict=True)):
        return None
    for order in orders(expected[0].shape[-1]):
        if all(
            np.all(np.abs(v - e[..., list(order)]) <= SAME_VALUE_RELATIVE)
            for v, e in zip(values, expected, strict=True)
        ):
            return None if _is_identity(order) else order
    return None


def same_in_both_steps() -> Outcome:
    """Return the outcome of the E step if the M step uses the same order of the categories."""
    note = "both steps number the categories in the same order, which is not the model's"
    return Outcome((Check("e_step.labels", "pass", note),))


def in_e_step_only(e_step: Outcome) -> Outcome:
    """Return the outcome of the E step with the order of the categories as the hint."""
    explained = tuple(replace(finding, hint=_SWAPPED) for finding in e_step.findings)
    return Outcome(e_step.checks, explained)


def _is_identity(order: Sequence[int]) -> bool:
    return list(order) == sorted(order)
