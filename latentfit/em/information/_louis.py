"""The observed information as complete less missing (Louis 1982, J. R. Statist. Soc. B 44(2),
226-233).

With S(φ; x, z) the slope of the complete-data log-likelihood and B its negative second derivative,

    I = E[B | x] - { E[S Sᵀ | x] - E[S | x] E[S | x]ᵀ }

the complete-data information, less the conditional variance of the score.
Differentiate log p(x | φ) = log ∫ p(x, z | φ) dz twice to see it.

It needs what the E step does not return, the conditional *variance* of the score, which has squares
and products of the latents where Q has the latents; and the log-likelihood of the complete data for
single values of the latents. So it takes log p(x_i, z_i | θ) for each unit i at each of a number of
values of z_i, with the probabilities of these values: units are independent, and variances add.

- Categorical latents: all the categories; the probabilities need not be given, they are the
  responsibilities. Exact.
- Continuous latents: the nodes and weights of a quadrature for p(z_i | x_i, θ̂). Exact where the
  square of the score is a polynomial that it integrates.
- Draws from p(z_i | x_i, θ̂), all with the same weight: with Monte Carlo error (Wei & Tanner 1990,
  J. American Statistical Association 85(411), 699-704). As the missing information is a variance
  over draws, there have to be many, and its error is not in `StandardErrors.precision`.

Where units are not independent, as in a chain, take the whole of it as one unit with draws of the
path, or use another route.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import call
from latentfit.em.information._covariance import standard_errors
from latentfit.em.information._differences import (
    Derivative,
    curvature_units,
    hessian,
    hessian_steps,
    jacobian,
)
from latentfit.em.information._functions import OnStep, counted
from latentfit.em.information._result import StandardErrors
from latentfit.em.information._scale import FreeScale, Kind
from latentfit.em.layout import Params
from latentfit.errors import InputError

_SUM = 1e-8


def louis(
    log_joint: Callable[[Params], Any],
    params: Mapping[str, Any],
    *,
    weights: Any = None,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Standard errors from the complete-data log-likelihood of single units.

    Parameters
    ----------
    log_joint : callable
        ``log_joint(params)`` returns log p(x_i, z_i = k | θ), shape (units, values of z).
        Values that are impossible have minus infinity.
    params : mapping
        ``{name: array_like}``, natural scale: where EM ended.
    weights : array_like, shape (units, values), optional
        p(z_i = k | x_i, θ̂); rows sum to one. By default they follow from `log_joint`, whose
        values of z are then all there are.
    kinds, on_step
        As in `observed`.

    Returns
    -------
    StandardErrors
        With fractions of missing information.

    Raises
    ------
    InputError
        `log_joint` is not finite at `params` where the weights are not zero; shapes do not match;
        weights do not sum to one.
    StepError
        As in `observed`.
    """
    scale = FreeScale.of(params, kinds)
    point = scale.point(params)
    table = np.asarray(call(log_joint, "log_joint", scale.params(point)), dtype=float)
    r = _weights(table, weights)
    used = r > 0
    if not np.isfinite(table[used]).all():
        raise InputError("log_joint is not finite at these params where the weights are not zero")

    def terms(where: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            found = np.asarray(call(log_joint, "log_joint", scale.params(where)), dtype=float)
        if found.shape != r.shape:
            raise InputError(f"log_joint returned shape {found.shape}, at first {r.shape}")
        return found[used]

    def q(where: np.ndarray) -> float:
        return float(r[used] @ terms(where))

    units = curvature_units(q, point, scale.bounded)
    advance = counted(on_step, hessian_steps(len(point)) + len(point))
    bend = hessian(q, point, units, advance=advance)
    slopes = jacobian(terms, point, units, advance=advance)
    scores = np.zeros((*r.shape, len(point)))
    blurs = np.zeros_like(scores)
    scores[used], blurs[used] = slopes
    complete = Derivative(-bend.value, bend.error)
    missing = missing_information(Derivative(scores, blurs), r)
    information = Derivative(complete.value - missing.value, complete.error + missing.error)
    score = np.einsum("ik,ika->a", r, scores)
    return standard_errors("louis", scale, point, information, score, complete.value)


def missing_information(scores: Derivative, weights: np.ndarray) -> Derivative:
    """The conditional variance of the complete-data score, summed over units, (size, size).

    Parameters
    ----------
    scores : Derivative
        Of each unit at each value of its latent, shape (units, values, size).
    weights : ndarray, shape (units, values)
    """
    mean = np.einsum("ik,ika->ia", weights, scores.value)
    apart = scores.value - mean[:, None]
    value = np.einsum("ik,ika,ikb->ab", weights, apart, apart)
    half = np.einsum("ik,ika,ikb->ab", weights, np.abs(apart), scores.error)
    return Derivative(value, half + half.T)


def _weights(table: np.ndarray, weights: Any) -> np.ndarray:
    if table.ndim != 2:
        raise InputError(f"log_joint returned shape {table.shape}, expected (units, values of z)")
    if weights is None:
        shares = np.exp(table - table.max(axis=1, keepdims=True))
        found: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
        return found
    given = np.asarray(weights, dtype=float)
    if given.shape != table.shape:
        raise InputError(f"weights have shape {given.shape} and log_joint {table.shape}")
    if not ((given >= 0).all() and (np.abs(given.sum(axis=1) - 1) <= _SUM).all()):
        raise InputError("weights should be probabilities that sum to one over each unit's values")
    return given
