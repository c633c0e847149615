"""The EM loop for any E step and M step."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em._monotonicity import MonotonicityCheck
from latentfit.em._run_monitor import RunMonitor
from latentfit.em._safeguard import SafeguardedAcceleration
from latentfit.em._steps import EMSteps, Step
from latentfit.em.accelerate import Extrapolator, acceleration
from latentfit.em.layout import Layout, Params
from latentfit.em.results import Solution
from latentfit.em.stopping import Stopping


def run(
    e_step: Step,
    m_step: Step,
    data: Any,
    start: Mapping[str, Any],
    *,
    log_likelihood: Callable[..., float] | None = None,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Solution:
    """Run EM from one start.

    Each iteration computes the expectations at the current parameters (E step) and maximises the
    expected complete-data log-likelihood Q given these expectations (M step), until a criterion
    of `stopping` is met (Dempster, Laird & Rubin 1977, Journal of the Royal Statistical Society B
    39(1), 1-38).

    Parameters
    ----------
    e_step : callable
        ``e_step(params, data)`` returns ``{name: expectation}``. The params are read-only arrays.
        The E step may return the same arrays in every iteration, because the loop does not use
        them after it has called the E step again.
    m_step : callable
        ``m_step(expectations, data)`` or ``m_step(expectations, data, params)`` returns the
        next params, with the names and shapes of the start.
    data : mapping
        ``{name: array}``, passed on to the steps unchanged.
    start : mapping
        ``{name: array_like}``, natural scale.
    log_likelihood : callable, optional
        ``log_likelihood(params, data)``, log p(x | θ) up to a constant. EM never decreases it;
        the solution records the worst decrease beyond rounding error. Rounding error is 64 units
        in the last place of the sum of both magnitudes of log p and the number of data values.
    stopping : Stopping
    accelerate : str
        How the iterates are extrapolated, one of `latentfit.em.accelerate.names`. With ``"auto"``,
        acceleration starts after 100 iterations, and only if there is a log-likelihood;
        ``"none"`` disables it. An extrapolation that lowers the log-likelihood is rejected. One
        that does not raise it beyond rounding error is reverted if the EM step that follows it is
        longer than the one that it replaced. Acceleration ends for good once an EM step has
        lowered the log-likelihood.
    on_iteration : callable, optional
        ``on_iteration(iteration, params)``, called after each iteration.

    Returns
    -------
    Solution
        Also if a value is not finite, a component collapses, or a component has no observations
        left: ``stop`` then says so. An expectation that is NaN or plus infinity is not finite;
        minus infinity, the logarithm of probability zero, is accepted.

    Raises
    ------
    InputError
        `accelerate` is not a known name.
    DeclarationError
        A function does not return what it should: a mapping with every parameter in its shape.
    StepError
        A function raised an error that no degeneracy explains.
    """
    accelerator, delay = acceleration(accelerate)
    if accelerate == "auto" and log_likelihood is None:
        # Without a log-likelihood nothing shows whether an extrapolation is an improvement.
        accelerator = None
    layout = Layout.of(start)
    steps = EMSteps(e_step, m_step, log_likelihood, data, layout)
    objective = steps.log_likelihood_at if log_likelihood else None
    with np.errstate(all="ignore"):
        state = steps.expectation_step(layout.pack(start, "the start"), 0)
        monitor = RunMonitor(
            layout,
            state,
            stopping,
            MonotonicityCheck(data),
            has_log_likelihood=log_likelihood is not None,
        )
        accelerated: SafeguardedAcceleration | None = None
        while (ending := monitor.record(state)) is None:
            updated = steps.maximisation_step(state)
            if not isinstance(updated, np.ndarray):
                state = state._replace(failure=updated)
                continue
            if accelerator is None or state.iteration < delay or monitor.monotonicity.violated:
                accelerated = None
                state = steps.expectation_step(updated, state.iteration + 1)
            else:
                accelerated = accelerated or SafeguardedAcceleration(
                    steps, monitor, Extrapolator(accelerator, layout, objective), stopping.distance
                )
                state = accelerated.next_state(state, updated)
            if on_iteration is not None and state.failure is None:
                on_iteration(state.iteration, state.params)
    return monitor.solution(state, steps.evaluations, *ending)
