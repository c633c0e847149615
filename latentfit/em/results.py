"""The result of one EM run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentfit.em.calls import brief
from latentfit.em.display import html_table, text_table
from latentfit.em.stopping import Stop


@dataclass(frozen=True)
class Trace:
    """All iterates of a run, the start first.

    Attributes
    ----------
    params : dict of ndarray, each of shape (iterations + 1, ...)
        Natural scale.
    log_likelihood : ndarray, shape (iterations + 1,), or None
        None if `run` was given no log-likelihood; NaN where it could not be evaluated.
    """

    params: Mapping[str, np.ndarray] = field(repr=False)
    log_likelihood: np.ndarray | None = field(repr=False)


@dataclass(frozen=True)
class Decrease:
    """A decrease of the log-likelihood in one iteration, which a right EM algorithm never has.

    Attributes
    ----------
    iteration : int
        The first iteration is 1.
    amount : float
        In nats, positive.
    """

    iteration: int
    amount: float


@dataclass(frozen=True)
class Solution:
    """The result of one EM run.

    Attributes
    ----------
    params : dict of ndarray
        Natural scale; the latest that were finite.
    expectations : mapping
        What the E step returned at `params`.
    log_likelihood : float or None
        At `params`. None if `run` was given no log-likelihood; NaN if it could not be evaluated.
    iterations : int
        Number of completed iterations, that is of M steps.
    evaluations : int
        Number of calls of the E step, including those at rejected extrapolations.
    accelerated : int or None
        The first iteration in which an extrapolation could replace the EM step; None if EM was
        not accelerated.
    stop : Stop
        Why the run ended.
    message : str
        Why the run ended, with the numbers.
    remaining : float
        Estimated distance to the limit point, relative as in `Stopping`; NaN if unknown.
    rate : float
        Estimated linear rate of convergence of EM; NaN if unknown, which includes accelerated runs.
    decrease : Decrease or None
        The worst decrease of the log-likelihood beyond rounding error.
    trace : Trace
    """

    params: Mapping[str, np.ndarray]
    expectations: Mapping[str, Any]
    log_likelihood: float | None
    iterations: int
    evaluations: int
    accelerated: int | None
    stop: Stop
    message: str
    remaining: float
    rate: float
    decrease: Decrease | None
    trace: Trace

    @property
    def converged(self) -> bool:
        """Whether EM converged to a fixed point."""
        return self.stop.converged

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures of the solution as names and formatted values."""
        rows = [(name, brief(value)) for name, value in self.params.items()]
        if self.log_likelihood is not None:
            rows.append(("log-likelihood", f"{self.log_likelihood:.10g}"))
        acceleration = (
            f", accelerated from iteration {self.accelerated}"
            if self.accelerated is not None
            else ""
        )
        rows.append(("iterations", f"{self.iterations}{acceleration}"))
        rows.append(
            ("rate of convergence", "unknown" if np.isnan(self.rate) else f"{self.rate:.4g}")
        )
        if not np.isnan(self.remaining):
            rows.append(("remaining distance", f"{self.remaining:.2g}"))
        if self.decrease is not None:
            decrease = self.decrease
            rows.append(
                ("largest decrease", f"{decrease.amount:.3g} in iteration {decrease.iteration}")
            )
        return rows

    def __repr__(self) -> str:
        """Return the message and the figures as a text table."""
        return text_table(f"Solution: {self.message}", self.rows())

    def _repr_html_(self) -> str:
        return html_table(self.message, self.rows())
