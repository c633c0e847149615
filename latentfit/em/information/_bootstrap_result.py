"""The results of a parametric bootstrap, and standard errors computed from them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from latentfit.em.information._entries import entry_labels, named
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.layout import Layout, Params
from latentfit.errors import InputError

# The share of replicates without an estimate above which the standard errors no longer describe
# the sampling distribution.
_MAX_SHARE_WITHOUT_ESTIMATE = 0.05


@dataclass(frozen=True)
class Replicate:
    """A simulated data set, and the result of EM on it.

    Attributes
    ----------
    params : dict of ndarray or None
        Natural scale: the last params of the run. None where a function raised an error.
    converged : bool
        Whether the run converged, so that `params` are an estimate.
    outcome : str
        The name of the run's `Stop` in lower case, or ``"error"``.
    message : str
        Why the run stopped, or the error.
    """

    params: Mapping[str, np.ndarray] | None
    converged: bool
    outcome: str
    message: str


@dataclass(frozen=True)
class Bootstrap:
    """Standard errors, biases and intervals from replicates.

    Attributes
    ----------
    standard_errors : StandardErrors
        Standard deviations of the estimates of the replicates that converged.
    bias : dict of ndarray
        Mean of these estimates minus the params from which data were simulated, natural scale.
    monte_carlo : dict of ndarray
        Monte Carlo standard error of each standard error.
    replicates : tuple of Replicate
        All replicates, in order.
    seed : int
        The seed that reproduces them.
    """

    standard_errors: StandardErrors
    bias: Mapping[str, np.ndarray]
    monte_carlo: Mapping[str, np.ndarray]
    replicates: tuple[Replicate, ...] = field(repr=False)
    seed: int

    @property
    def outcomes(self) -> dict[str, int]:
        """The number of replicates with each outcome."""
        return dict(Counter(replicate.outcome for replicate in self.replicates))

    def interval(self, level: float = 0.95) -> Params:
        """Compute percentile intervals (Efron & Tibshirani 1993, section 13.3), shapes (2, ...).

        They are quantiles over the replicates that converged, and NaN if there are fewer than two.

        Parameters
        ----------
        level : float
            Coverage probability.

        Raises
        ------
        InputError
            `level` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level must be between 0 and 1, not {level!r}")
        tails = [(1 - level) / 2, (1 + level) / 2]
        estimates = [r.params for r in self.replicates if r.converged and r.params is not None]
        if len(estimates) < 2:
            shapes = {name: np.shape(value) for name, value in self.bias.items()}
            return {name: np.full((2, *shape), np.nan) for name, shape in shapes.items()}
        return {
            name: np.quantile([params[name] for params in estimates], tails, axis=0)
            for name in self.bias
        }


def summarise(
    layout: Layout, params: np.ndarray, replicates: Sequence[Replicate], seed: int
) -> Bootstrap:
    """Compute standard errors, biases and Monte Carlo errors from replicates.

    Parameters
    ----------
    layout : Layout
    params : ndarray, shape (p,)
        The params from which data were simulated, as one flat vector.
    replicates : sequence of Replicate
    seed : int
    """
    estimates = np.array(
        [
            layout.pack(replicate.params, "EM")
            for replicate in replicates
            if replicate.converged and replicate.params is not None
        ]
    ).reshape(-1, params.size)
    count = len(estimates)
    unknown = np.full(params.size, np.nan)
    bias = errors = monte_carlo = unknown
    covariance = np.full((params.size, params.size), np.nan)
    if count > 1:
        deviations = estimates - estimates.mean(axis=0)
        bias = estimates.mean(axis=0) - params
        covariance = deviations.T @ deviations / (count - 1)
        errors = np.sqrt(np.diag(covariance))
        variance_of_squares = np.mean(deviations**4, axis=0) - np.mean(deviations**2, axis=0) ** 2
        with np.errstate(all="ignore"):
            monte_carlo = np.sqrt(np.maximum(variance_of_squares, 0) / count) / (2 * errors)
    with np.errstate(all="ignore"):
        relative = monte_carlo / errors
    known = relative[np.isfinite(relative)]
    natural = layout.unpack(params)
    standard_errors = StandardErrors(
        "bootstrap",
        natural,
        named(errors, natural),
        entry_labels(natural),
        covariance,
        None,
        np.nan,
        float(known.max()) if known.size else np.nan,
        problem=_problem(count, len(replicates)),
        notes=_notes(count, replicates),
    )
    return Bootstrap(
        standard_errors,
        named(bias, natural),
        named(monte_carlo, natural),
        tuple(replicates),
        seed,
    )


def _problem(count: int, total: int) -> str:
    if count < 2:
        return "no standard errors: fewer than two replicates have an estimate"
    share = (total - count) / total
    if total - count > _MAX_SHARE_WITHOUT_ESTIMATE * total:
        return (
            f"{share:.0%} of the replicates have no estimate: the standard errors describe only "
            f"samples that have one"
        )
    return ""


def _notes(count: int, replicates: Sequence[Replicate]) -> tuple[str, ...]:
    without = Counter(replicate.outcome for replicate in replicates if not replicate.converged)
    if not without:
        return ()
    outcomes = ", ".join(f"{number} {outcome}" for outcome, number in without.items())
    return (f"{count} of {len(replicates)} replicates have an estimate ({outcomes})",)
