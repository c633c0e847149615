"""Compare latentfit with a referee, and explain a difference."""

from dataclasses import dataclass

import numpy as np

import latentfit
from latentfit import em

from ._case import Case, Estimate, Referee

TOLERANCE = 1e-6
ITERATIONS = em.Stopping().max_iterations


@dataclass(frozen=True)
class Row:
    """A line of the report, of numbers and strings alone."""

    model: str
    data: str
    options: str
    n: int
    referee: str
    ours: float
    theirs: float
    same: float
    note: str
    passed: bool

    @property
    def difference(self) -> float:
        return relative(self.ours, self.theirs)


def relative(one, other):
    return abs(one - other) / abs(one)


def _shown(case):
    """The data as EM receives them, with options that are numbers among them."""
    given = {name: np.asarray(values) for name, values in case.data.items()}
    numbers = {name: value for name, value in case.options.items() if name not in given}
    return numbers | {
        name: np.ma.masked_invalid(values) if np.isnan(values).any() else values
        for name, values in given.items()
    }


def compare(case: Case, referee: Referee, fit: em.Fit) -> Row:
    model, ours = latentfit.load(case.model), float(fit.best.log_likelihood)
    data, end = _shown(case), referee.fit(case, None)
    same = relative(end.log_likelihood, float(model.log_likelihood(end.params, data)))
    note, passed = "", fit.converged
    if relative(ours, end.log_likelihood) > TOLERANCE:
        note, passed = _sent_on(case, referee, fit, end)
    about = (case.model, case.label, _options(case), case.n, referee.name)
    return Row(*about, ours, end.log_likelihood, same, note, passed)


def _onward(case, params, iterations) -> float:
    """The log-likelihood of EM that starts from these parameters."""
    model = latentfit.load(case.model)
    return em.run(
        model.e_step,
        model.m_step,
        _shown(case),
        params,
        log_likelihood=model.log_likelihood,
        stopping=em.Stopping(max_iterations=iterations),
    ).log_likelihood


def _carried_on(case: Case, fit: em.Fit, end: Estimate, onward: float) -> tuple[str, bool]:
    """Continue an EM that reported that it has not converged, for many more iterations.

    Where a standard deviation goes to zero, its variance is proportional to 1 / k after k
    iterations, and so is the distance of the log-likelihood from its limit: two values of the
    log-likelihood determine the limit.
    """
    ours, done, more = fit.best.log_likelihood, fit.best.iterations, 10 * ITERATIONS
    further = _onward(case, fit.params, more)
    limit = ((done + more) * further - done * ours) / more
    note = (
        f"latentfit reports that EM has not converged after {done} iterations; {more} more end at "
        f"{further:.9g}, and if what is missing goes as 1 / iterations, the limit is {limit:.9g}; "
        f"EM from the referee's estimate, which is right, stops at {onward:.9g}"
    )
    explained = all(relative(end.log_likelihood, one) <= TOLERANCE for one in (limit, onward))
    return note, bool(
        explained and further <= end.log_likelihood + TOLERANCE * abs(end.log_likelihood)
    )


def _sent_on(case: Case, referee: Referee, fit: em.Fit, end: Estimate) -> tuple[str, bool]:
    """Start each program from the other's estimate; whether that explains the difference."""
    ours = float(fit.best.log_likelihood)
    onward = _onward(case, end.params, ITERATIONS)
    if not fit.converged and end.log_likelihood > ours:
        return _carried_on(case, fit, end, onward)
    log_likelihoods = [end.log_likelihood, onward]
    sent, returned = f"EM from its estimate ends at {onward:.9g}", "it takes no start"
    if referee.restarts:
        log_likelihoods.append(referee.fit(case, fit.params).log_likelihood)
        returned = f"sent on from latentfit's estimate, it ends at {log_likelihoods[-1]:.9g}"
    highest = max(log_likelihoods) <= ours + TOLERANCE * abs(ours)
    stays = bool(referee.reason) or relative(log_likelihoods[-1], ours) <= TOLERANCE
    if not (highest and (stays or not referee.restarts)):
        return f"not explained; {sent}; {returned}", False
    if referee.reason:
        return f"{referee.reason}; {sent}; {returned}", True
    if relative(onward, end.log_likelihood) <= TOLERANCE:
        return f"it ended at a lower maximum, and so does EM from there; {returned}", True
    return f"it stopped early; {sent}; {returned}", True


def _options(case):
    return ", ".join(f"{name}={value}" for name, value in case.options.items())
