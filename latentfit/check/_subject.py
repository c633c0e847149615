"""What every check is given."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latentfit.bayes import CompleteData, Density
from latentfit.declaration import Declaration, Params

Step = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Trial:
    """One θ at which the steps are examined.

    Attributes
    ----------
    where : str
        In words: ``start 2``, ``near the maximum``, ``at the maximum``.
    params : dict
        As the E step takes them.
    point : ndarray, shape (size,)
        The same, unconstrained.
    statistics : dict
        What Q(· | θ) has to know of θ: `CompleteData.statistics`.
    expected : dict
        The exact expectations of the entries that the E step may return, ``{entry: array}``;
        empty where the statistics are draws.
    """

    where: str
    params: Params
    point: np.ndarray
    statistics: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Subject:
    """A derivation and the declaration that it is held against.

    Attributes
    ----------
    name : str
    declaration : Declaration
    density : Density
    complete : CompleteData
    e_step, m_step : callable
        As handed in; the M step always takes (expectations, data, params).
    log_likelihood : callable or None
    objective : {"likelihood", "posterior"}
        What the file says that the M step maximises.
    expectations : mapping
        ``{entry: function of (latents, data)}``.
    draws : callable
        From a trial to draws of the latents from p(z | x, θ), ``{latent: (sample, *shape)}``.
    to_model, from_model : callable
        Between the derivation's params and values of the model's variables; `from_model` is
        None where the derivation has a parameterisation of its own.
    trials : tuple of Trial
        Far from the maximum, nearer, and the last one at the maximum.
    maximum : ndarray or None
        The highest maximum of the likelihood that was found, unconstrained.
    data : mapping
    seed : int
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
    draws: Callable[[Trial], Mapping[str, np.ndarray]]
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    from_model: Callable[[Params], Params] | None
    trials: tuple[Trial, ...]
    maximum: np.ndarray | None
    data: Mapping[str, Any]
    seed: int
