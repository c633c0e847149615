"""The convergence criteria of `Stopping`, applied to one iteration."""

from latentfit.em._convergence_monitor import ConvergenceEstimate
from latentfit.em.stopping import Stop, Stopping


def criterion_met(
    stopping: Stopping, estimate: ConvergenceEstimate, log_likelihood_change: float | None
) -> tuple[Stop, str] | None:
    """Find the first convergence criterion that is met.

    Parameters
    ----------
    stopping : Stopping
    estimate : ConvergenceEstimate
        After the latest iteration.
    log_likelihood_change : float or None
        Absolute change in the latest iteration, in nats; None if it is unknown.

    Returns
    -------
    tuple of (Stop, str), or None
        The criterion, and the number that meets it, for a message.
    """
    change = f"relative change {estimate.change:.2g}"
    if stopping.parameters is not None and estimate.change <= stopping.parameters:
        return Stop.PARAMETERS, change
    if estimate.at_rounding_level:
        return Stop.PARAMETERS, f"{change}, which is rounding error"
    if stopping.distance is not None and estimate.remaining <= stopping.distance:
        return Stop.DISTANCE, f"distance {estimate.remaining:.2g}"
    if stopping.log_likelihood is None or log_likelihood_change is None:
        return None
    if log_likelihood_change <= stopping.log_likelihood:
        return Stop.LOG_LIKELIHOOD, f"change {log_likelihood_change:.2g}"
    return None
