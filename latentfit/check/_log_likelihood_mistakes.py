"""Known mistakes in a reported log-likelihood.

They are recognised from the values at all trial points together: the difference from log p(x | θ)
is a constant, the ratio is a factor, or the values belong to other parameters.
"""

from collections.abc import Callable, Sequence

import numpy as np

from latentfit.check._log_likelihood_parts import parts_of_chain, parts_of_mixture
from latentfit.check._log_likelihood_values import SAME_LOG_LIKELIHOOD_RELATIVE, Values
from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import confirmed
from latentfit.errors import DeclarationError

# Relative: a factor that is a simple number but for rounding.
_SAME_FACTOR_RELATIVE = 1e-7


def explain(
    examination: Examination, trials: Sequence[TrialPoint], values: np.ndarray
) -> str | None:
    """Return the first known mistake that reproduces the values; None if none does.

    Parameters
    ----------
    examination : Examination
    trials : sequence of TrialPoint
    values : ndarray, shape (trial points,)
        What ``log_likelihood`` returned there, in the order of the calls.
    """
    if not confirmed(trials):
        return None
    given = Values(examination, trials, values)
    for mistake in _MISTAKES:
        hint = mistake(given)
        if hint is not None:
            return hint
    return None


def _constant(given: Values) -> str | None:
    difference = given.values - given.exact
    if np.ptp(difference) <= given.tolerance:
        return f"this is log p(x | θ) plus the constant {difference.mean():.8g}"
    return None


def _previous_call(given: Values) -> str | None:
    if np.all(np.abs(given.values[1:] - given.exact[:-1]) <= given.tolerance):
        return "this is log p(x | θ) at the parameters of the previous call, one iteration late"
    return None


def _factor(given: Values) -> str | None:
    with np.errstate(all="ignore"):
        ratio = given.values / given.exact
    constant = np.isfinite(ratio).all() and np.ptp(ratio) <= (
        SAME_LOG_LIKELIHOOD_RELATIVE * np.abs(ratio).max()
    )
    return _factor_in_words(given.examination, float(ratio.mean())) if constant else None


def _prior_counted(given: Values) -> str | None:
    density = given.examination.density
    posterior = np.array([density.log_posterior(trial.point)[0] for trial in given.trials])
    if np.ptp(given.values - posterior) <= given.tolerance:
        return "the log prior is counted: this is log p(x | θ) + log p(θ), up to a constant"
    return None


def _no_logarithm(given: Values) -> str | None:
    with np.errstate(all="ignore"):
        if np.allclose(np.log(given.values), given.exact, rtol=SAME_LOG_LIKELIHOOD_RELATIVE):
            return "this is the likelihood; its logarithm is expected"
    return None


def _function_of_parameter(given: Values) -> str | None:
    """Explain a log-likelihood at other parameters, of which one is a function of the right one."""
    density, space = given.examination.density, given.examination.density.space
    for name in space.parameters:
        for words, function in (
            ("the square of", np.square),
            ("the square root of", np.sqrt),
            ("the reciprocal of", np.reciprocal),
        ):
            try:
                predicted = []
                for trial in given.trials:
                    natural = space.constrain(trial.point)
                    changed = {n: np.asarray(natural[n], float) for n in space.parameters}
                    point = space.unconstrain({**changed, name: function(changed[name])})
                    predicted.append(density.log_likelihood(point)[0])
            except DeclarationError:
                continue
            if np.ptp(given.values - np.array(predicted)) <= given.tolerance:
                return f"{words} {name} is used in place of {name}"
    return None


_MISTAKES: tuple[Callable[[Values], str | None], ...] = (
    _constant,
    _previous_call,
    _factor,
    _prior_counted,
    _no_logarithm,
    parts_of_mixture,
    parts_of_chain,
    _function_of_parameter,
)


def _factor_in_words(examination: Examination, factor: float) -> str:
    for name, array in examination.data.items():
        counts = {
            f"the length of {name}": np.size(array),
            f"the number of observed {name}": np.ma.count(array),
        }
        for words, count in counts.items():
            if np.isclose(factor * count, 1, rtol=_SAME_FACTOR_RELATIVE):
                return f"a mean where a sum belongs: this is divided by {words}, {count}"
            if np.isclose(-factor * count, 1, rtol=_SAME_FACTOR_RELATIVE):
                return f"the sign is wrong, and this is divided by {words}, {count}"
    if np.isclose(factor, -1, rtol=_SAME_FACTOR_RELATIVE):
        return "the sign is wrong"
    return f"this is log p(x | θ) times {factor:.6g}"
