"""The observed information by Louis's formula (Louis 1982, J. R. Statist. Soc. B 44(2), 226-233).

With S(φ; x, z) the gradient and B(φ; x, z) minus the Hessian of the complete-data log-likelihood,

    I = E[B | x] - { E[S Sᵀ | x] - E[S | x] E[S | x]ᵀ },

which follows from differentiating log p(x | φ) = log ∫ p(x, z | φ) dz twice.
The first term is the complete-data information, and the second is the missing information: the
conditional variance of the complete-data score.

This variance contains squares and products of the latents where Q contains the latents, and so
needs more than an E step returns. The method therefore takes log p(x_i, z_i | θ) of each unit i at
each of a number of values of z_i, and the conditional probabilities of these values. Units are
independent, so their variances add.

- Categorical latents: all categories. The conditional probabilities are the responsibilities,
  which follow from log p(x_i, z_i | θ). The result is exact.
- Continuous latents: nodes and weights of a quadrature rule for p(z_i | x_i, θ̂). The result is
  exact if the squared score is a polynomial that the rule integrates exactly.
- Draws from p(z_i | x_i, θ̂) with equal weights, which leaves Monte Carlo error (Wei & Tanner 1990,
  J. American Statistical Association 85(411), 699-704). Many draws are needed, because the missing
  information is a variance over draws. `StandardErrors.precision` does not include this error.

Where units are not independent, as in a Markov chain, all of them are treated as one unit, with
draws of the whole sequence of latents; or another method is used.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import call
from latentfit.em.information._delta_method import errors_from_information
from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._progress import OnStep, step_counter
from latentfit.em.information._standard_errors import StandardErrors
from latentfit.em.information._transforms import Kind
from latentfit.em.information.differences import Derivative, hessian, hessian_directions, jacobian
from latentfit.em.information.step_units import curvature_units
from latentfit.em.layout import Params
from latentfit.errors import InputError

# Absolute tolerance for the sum of the weights of a unit.
_WEIGHT_SUM_TOLERANCE = 1e-8


def louis(
    log_joint: Callable[[Params], Any],
    params: Mapping[str, Any],
    *,
    weights: Any = None,
    kinds: Mapping[str, Kind] | None = None,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from the complete-data log-likelihoods of single units.

    Parameters
    ----------
    log_joint : callable
        ``log_joint(params)`` returns log p(x_i, z_i = k | θ), shape (units, values of z), with
        minus infinity for values of z that are impossible.
    params : mapping
        ``{name: array_like}``, natural scale: EM's estimates.
    weights : array_like, shape (units, values of z), optional
        Conditional probabilities p(z_i = k | x_i, θ̂), which sum to one for each unit. By default
        they are computed from `log_joint`, which must then cover all possible values of z.
    kinds : mapping, optional
        Constraints of arrays by name, as in `FreeScale.of`.
    on_step : callable, optional
        ``on_step(done, total)`` after each of p (p + 1) / 2 + p steps, for p degrees of freedom.

    Returns
    -------
    StandardErrors
        With fractions of missing information.

    Raises
    ------
    InputError
        `log_joint` is not finite at `params` where weights are positive; shapes do not match;
        weights do not sum to one; or as in `FreeScale.of`.
    StepError
        `log_joint` raised an error.
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
            raise InputError(
                f"log_joint returned shape {found.shape} at some params and {r.shape} at others"
            )
        return found[used]

    def q(where: np.ndarray) -> float:
        return float(r[used] @ terms(where))

    units = curvature_units(q, point, scale.bounded)
    advance = step_counter(on_step, hessian_directions(len(point)) + len(point))
    second = hessian(q, point, units, advance=advance)
    slopes = jacobian(terms, point, units, advance=advance)
    scores = np.zeros((*r.shape, len(point)))
    score_errors = np.zeros_like(scores)
    scores[used], score_errors[used] = slopes
    complete = Derivative(-second.value, second.error)
    missing = missing_information(Derivative(scores, score_errors), r)
    information = Derivative(complete.value - missing.value, complete.error + missing.error)
    score = np.einsum("ik,ika->a", r, scores)
    return errors_from_information("louis", scale, point, information, score, complete.value)


def missing_information(scores: Derivative, weights: np.ndarray) -> Derivative:
    """Compute the conditional variance of the complete-data score, summed over units.

    Parameters
    ----------
    scores : Derivative
        Complete-data score of each unit at each value of its latents, shape (units, values, size).
    weights : ndarray, shape (units, values)
        Conditional probabilities of these values.

    Returns
    -------
    Derivative
        Shape (size, size).
    """
    mean = np.einsum("ik,ika->ia", weights, scores.value)
    deviation = scores.value - mean[:, None]
    value = np.einsum("ik,ika,ikb->ab", weights, deviation, deviation)
    half_error = np.einsum("ik,ika,ikb->ab", weights, np.abs(deviation), scores.error)
    return Derivative(value, half_error + half_error.T)


def _weights(table: np.ndarray, weights: Any) -> np.ndarray:
    if table.ndim != 2:
        raise InputError(f"log_joint returned shape {table.shape}, expected (units, values of z)")
    if weights is None:
        shares = np.exp(table - table.max(axis=1, keepdims=True))
        found: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
        return found
    given = np.asarray(weights, dtype=float)
    if given.shape != table.shape:
        raise InputError(
            f"weights have shape {given.shape}, but log_joint returned shape {table.shape}"
        )
    sums = given.sum(axis=1)
    if not ((given >= 0).all() and (np.abs(sums - 1) <= _WEIGHT_SUM_TOLERANCE).all()):
        raise InputError("the weights of each unit must be probabilities that sum to one")
    return given
