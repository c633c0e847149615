"""Standard errors by Louis's formula, from a declaration with categorical latents.

The complete-data information, minus the Hessian of Q, is exact. The conditional variance of the
complete-data score follows from first differences of log p(x, z = k | θ) of each category k (Louis
1982, J. R. Statist. Soc. B 44(2), 226-233; see `latentfit.em.information.louis`).
"""

import numpy as np

from latentfit.bayes.complete_data import CompleteData
from latentfit.bayes.information._exact import complete_information, exact_statistics
from latentfit.bayes.information._space_scale import SpaceScale
from latentfit.em.information import (
    OnStep,
    StandardErrors,
    errors_from_information,
    missing_information,
    step_counter,
)
from latentfit.em.information.differences import Derivative, jacobian
from latentfit.errors import InputError


def louis_errors(
    complete: CompleteData,
    point: np.ndarray,
    *,
    prior: bool = False,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from the conditional variance of the complete-data score.

    Parameters
    ----------
    complete : CompleteData
    point : ndarray, shape (size,)
        EM's estimate, unconstrained.
    prior : bool
        Whether EM maximises log p(x | θ) + log p(θ) rather than log p(x | θ).
    on_step : callable, optional
        ``on_step(done, total)``, after each coordinate.

    Raises
    ------
    InputError
        The latents are not categorical variables that are independent given x.
    """
    joint = complete.joint
    if joint is None:
        raise InputError(
            f"the conditional variance of the score is available for categorical latents that are "
            f"independent given the data; for {', '.join(complete.latents)} only its mean is"
        )
    information, score, units = complete_information(complete, point, prior)
    weights = exact_statistics(complete, point)
    used = {name: weights[name] > 0 for name in complete.latents}

    def terms(where: np.ndarray) -> np.ndarray:
        found = joint(where)
        return np.concatenate([found[name][0][mask] for name, mask in used.items()])

    slopes = jacobian(terms, point, units, advance=step_counter(on_step, len(point)))
    value, error = np.zeros_like(information.value), np.zeros_like(information.value)
    begin = 0
    for name, mask in used.items():
        rows = slice(begin, begin := begin + int(mask.sum()))
        shape = (*mask.shape, len(point))
        scores, score_errors = np.zeros(shape), np.zeros(shape)
        scores[mask], score_errors[mask] = slopes.value[rows], slopes.error[rows]
        categories = mask.shape[-1]
        by_unit = (-1, categories, len(point))
        missing = missing_information(
            Derivative(scores.reshape(by_unit), score_errors.reshape(by_unit)),
            weights[name].reshape(-1, categories),
        )
        value, error = value + missing.value, error + missing.error
    observed = Derivative(information.value - value, information.error + error)
    scale = SpaceScale(complete.density.space)
    return errors_from_information("louis", scale, point, observed, score, information.value)
