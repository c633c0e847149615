"""Known mistakes in a reported log-likelihood.

They are recognised from the values at all trial points together: the difference from log p(x | θ)
is a constant, the ratio is a factor, or the values belong to other parameters.
"""

from collections.abc import Callable

import numpy as np

from latentfit.check.examination import Examination

# Relative to the largest log-likelihood.
SAME_LOG_LIKELIHOOD_RELATIVE = 1e-8
# Relative: a factor that is a simple number but for rounding.
_SAME_FACTOR_RELATIVE = 1e-7
# With fewer values, the value of the previous call may be matched by chance.
_MIN_VALUES_FOR_PREVIOUS_CALL = 3


def explain(examination: Examination, values: np.ndarray, exact: np.ndarray) -> str | None:
    """Return the first known mistake that reproduces the values; None if none does.

    Parameters
    ----------
    examination : Examination
    values : ndarray, shape (trial points,)
        What ``log_likelihood`` returned at all trial points, in the order of the calls.
    exact : ndarray, shape (trial points,)
        log p(x | θ) there.
    """
    for mistake in _MISTAKES:
        hint = mistake(examination, values, exact)
        if hint is not None:
            return hint
    return None


def _constant(examination: Examination, values: np.ndarray, exact: np.ndarray) -> str | None:
    difference = values - exact
    if np.ptp(difference) <= _tolerance(exact):
        return f"this is log p(x | θ) plus the constant {difference.mean():.8g}"
    return None


def _previous_call(examination: Examination, values: np.ndarray, exact: np.ndarray) -> str | None:
    if len(exact) < _MIN_VALUES_FOR_PREVIOUS_CALL:
        return None
    if np.all(np.abs(values[1:] - exact[:-1]) <= _tolerance(exact)):
        return "this is log p(x | θ) at the parameters of the previous call, one iteration late"
    return None


def _factor(examination: Examination, values: np.ndarray, exact: np.ndarray) -> str | None:
    with np.errstate(all="ignore"):
        ratio = values / exact
    constant = np.isfinite(ratio).all() and np.ptp(ratio) <= (
        SAME_LOG_LIKELIHOOD_RELATIVE * np.abs(ratio).max()
    )
    return _factor_in_words(examination, float(ratio.mean())) if constant else None


def _prior_counted(examination: Examination, values: np.ndarray, exact: np.ndarray) -> str | None:
    density = examination.density
    posterior = np.array(
        [density.log_posterior(trial.point)[0] for trial in examination.trial_points]
    )
    if np.ptp(values - posterior) <= _tolerance(exact):
        return "the log prior is counted: this is log p(x | θ) + log p(θ), up to a constant"
    return None


def _no_logarithm(examination: Examination, values: np.ndarray, exact: np.ndarray) -> str | None:
    with np.errstate(all="ignore"):
        if np.allclose(np.log(values), exact, rtol=SAME_LOG_LIKELIHOOD_RELATIVE):
            return "this is the likelihood; its logarithm is expected"
    return None


_MISTAKES: tuple[Callable[[Examination, np.ndarray, np.ndarray], str | None], ...] = (
    _constant,
    _previous_call,
    _factor,
    _prior_counted,
    _no_logarithm,
)


def _tolerance(exact: np.ndarray) -> float:
    return float(SAME_LOG_LIKELIHOOD_RELATIVE * (1 + np.abs(exact).max()))


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
