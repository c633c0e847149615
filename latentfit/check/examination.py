"""What every part of a check is given: the derivation, the declaration, and the trial points."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from latentfit.bayes import CompleteData, Density
from latentfit.declaration import Declaration, Params

Step = Callable[..., Mapping[str, Any]]
# The label of the trial point at the maximum of the objective.
AT_MAXIMUM = "at the maximum"
# {TrialPoint.label: what a step was given or returned there}
ByTrial = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class TrialPoint:
    """One parameter value θ at which both steps are examined.

    Attributes
    ----------
    label : str
        In words: ``start 1``, ``near start 2``, ``at the maximum``.
    params : dict
        θ on the natural scale, under the derivation's names.
    point : ndarray, shape (size,)
        θ on the unconstrained scale.
    statistics : dict
        The conditional distribution of the latents at θ, as Q(· | θ) uses it:
        `CompleteData.statistics`.
    expected : dict
        ``{entry: array}``: the exact expectations of the entries that the E step may return;
        empty if the statistics are draws.
    visited : bool
        Whether EM has to be able to run at θ. At all other trial points a step may under- or
        overflow, which contradicts nothing.
    """

    label: str
    params: Params
    point: np.ndarray
    statistics: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]
    visited: bool = True


@dataclass(frozen=True)
class Examination:
    """One derivation, the declaration that it is compared with, and the trial points.

    Attributes
    ----------
    name : str
        Name of the derivation.
    declaration : Declaration
    density : Density
        log p(x | θ) and log p(θ) of the declaration.
    complete : CompleteData
        Conditional expectations and Q of the declaration.
    e_step, m_step : callable
        As handed in, except that the M step always takes (expectations, data, params).
    log_likelihood : callable or None
    objective : {"likelihood", "posterior"}
        What the M step maximises according to the file.
    expectations : mapping
        ``{entry: function of (latents, data)}``: the entries of the E step other than latents.
    draws : callable
        From a trial point to draws of the latents from p(z | x, θ),
        ``{latent: (sample, *shape)}``.
    to_model, from_model : callable
        Convert the derivation's params to values of the model's variables, and back;
        `from_model` is None if the derivation has a parameterisation of its own.
    trial_points : tuple of TrialPoint
        The first start; random points near other starts, towards a draw from the prior and after
        one iteration; a point near the maximum, and the maximum last.
    maximum : ndarray or None
        The highest maximum of the objective that was found, unconstrained; None if none was.
    data : mapping
        As the steps are given it.
    seed : int
    trial_at : callable or None
        From a label and a θ, unconstrained, to a `TrialPoint`, or to None where the latents have no
        expectations. None if no such point can be made, or if its statistics are draws, which take
        long.
    """

    name: str
    declaration: Declaration
    density: Density
    complete: CompleteData
    e_step: Step
    m_step: Step
    log_likelihood: Callable[..., Any] | None
    objective: Literal["likelihood", "posterior"]
    expectations: Mapping[str, Callable[..., Any]]
    draws: Callable[[TrialPoint], Mapping[str, np.ndarray]]
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    from_model: Callable[[Params], Params] | None
    trial_points: tuple[TrialPoint, ...]
    maximum: np.ndarray | None
    data: Mapping[str, Any]
    seed: int
    trial_at: Callable[[str, np.ndarray], TrialPoint | None] | None = None

    @property
    def with_prior(self) -> bool:
        """Whether the objective includes the log prior."""
        return self.objective == "posterior"

    @property
    def parameter_slices(self) -> dict[str, slice]:
        """``{parameter: its coordinates in the unconstrained vector}``."""
        slices, position = {}, 0
        space = self.density.space
        for name, (_, shape) in zip(space.parameters, space.layout, strict=True):
            size = math.prod(shape)
            slices[name] = slice(position, position + size)
            position += size
        return slices

    def objective_at(self, point: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient of log p(x | θ), or of log p(x | θ) + log p(θ), unconstrained."""
        density = self.density
        return (density.log_posterior if self.with_prior else density.log_likelihood)(point)

    def q(self, trial: TrialPoint) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Value and gradient of Q(· | θ') at a trial θ', plus the log prior if it counts."""
        return partial(self.complete.q, trial.statistics, prior=self.with_prior)

    def q_hessian(self, trial: TrialPoint) -> Callable[[np.ndarray], np.ndarray]:
        """Hessian of the function that `q` returns."""
        return partial(self.complete.hessian, trial.statistics, prior=self.with_prior)
