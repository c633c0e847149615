"""Known mistakes in a reported log-likelihood.

They are recognised from the values at all trial points together: the difference from log p(x | θ)
is a constant, the ratio is a factor, or the values belong to other parameters.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import softmax

from latentfit.check.examination import Examination, TrialPoint
from latentfit.check.mistakes import confirmed
from latentfit.errors import DeclarationError

# Relative to the largest log-likelihood.
SAME_LOG_LIKELIHOOD_RELATIVE = 1e-8
# Relative: a factor that is a simple number but for rounding.
_SAME_FACTOR_RELATIVE = 1e-7


@dataclass(frozen=True)
class _Values:
    """What ``log_likelihood`` returned at the trial points, in the order of the calls."""

    examination: Examination
    trials: Sequence[TrialPoint]
    values: np.ndarray

    @cached_property
    def exact(self) -> np.ndarray:
        """log p(x | θ) at the trial points."""
        density = self.examination.density
        return np.array([density.log_likelihood(trial.point)[0] for trial in self.trials])

    @property
    def tolerance(self) -> float:
        """The largest absolute difference that is rounding."""
        return float(SAME_LOG_LIKELIHOOD_RELATIVE * (1 + np.abs(self.exact).max()))


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
    given = _Values(examination, trials, values)
    for mistake in _MISTAKES:
        hint = mistake(given)
        if hint is not None:
            return hint
    return None


def _constant(given: _Values) -> str | None:
    difference = given.values - given.exact
    if np.ptp(difference) <= given.tolerance:
        return f"this is log p(x | θ) plus the constant {difference.mean():.8g}"
    return None


def _previous_call(given: _Values) -> str | None:
    if np.all(np.abs(given.values[1:] - given.exact[:-1]) <= given.tolerance):
        return "this is log p(x | θ) at the parameters of the previous call, one iteration late"
    return None


def _factor(given: _Values) -> str | None:
    with np.errstate(all="ignore"):
        ratio = given.values / given.exact
    constant = np.isfinite(ratio).all() and np.ptp(ratio) <= (
        SAME_LOG_LIKELIHOOD_RELATIVE * np.abs(ratio).max()
    )
    return _factor_in_words(given.examination, float(ratio.mean())) if constant else None


def _prior_counted(given: _Values) -> str | None:
    density = given.examination.density
    posterior = np.array([density.log_posterior(trial.point)[0] for trial in given.trials])
    if np.ptp(given.values - posterior) <= given.tolerance:
        return "the log prior is counted: this is log p(x | θ) + log p(θ), up to a constant"
    return None


def _no_logarithm(given: _Values) -> str | None:
    with np.errstate(all="ignore"):
        if np.allclose(np.log(given.values), given.exact, rtol=SAME_LOG_LIKELIHOOD_RELATIVE):
            return "this is the likelihood; its logarithm is expected"
    return None


def _parts_of_mixture(given: _Values) -> str | None:
    """Explain a mistake with the terms p(z) and p(x | z) of categorical latents."""
    joint = given.examination.complete.joint
    if joint is None:
        return None
    terms = [list(joint(trial.point).values()) for trial in given.trials]
    if any(len(one) != 1 for one in terms):
        return None
    pairs = [one for (one,) in terms]

    def total(log_weights: np.ndarray) -> float:
        return float(np.logaddexp.reduce(log_weights, axis=-1).sum())

    # What the log-likelihood has besides the terms of the mixture.
    rest = given.exact - [total(both) for both, _ in pairs]
    for hint, value in (
        ("the mixing weights p(z) are left out", lambda both, prior: total(both - prior)),
        (
            "only the largest of the terms p(x, z) of each observation is counted, not their sum",
            lambda both, prior: float(both.max(axis=-1).sum()),
        ),
        (
            "the logarithms log p(x, z) are summed over z, in place of the densities",
            lambda both, prior: float(both.sum()),
        ),
        (
            "this is Q, the expected complete-data log-likelihood, not log p(x | θ)",
            lambda both, prior: float(np.sum(softmax(both, axis=-1) * both)),
        ),
        (
            "the densities are summed over all observations before the logarithm is taken",
            lambda both, prior: float(np.logaddexp.reduce(both, axis=None)),
        ),
    ):
        predicted = np.array([value(both, prior) for both, prior in pairs]) + rest
        if np.ptp(given.values - predicted) <= given.tolerance:
            return hint
    return None


def _function_of_parameter(given: _Values) -> str | None:
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


_MISTAKES: tuple[Callable[[_Values], str | None], ...] = (
    _constant,
    _previous_call,
    _factor,
    _prior_counted,
    _no_logarithm,
    _parts_of_mixture,
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
