"""Standard errors by Oakes's formula, from a declaration's Q.

The Hessian and the gradient of Q in its first argument are exact. The mixed derivative follows from
differences of the gradient in θ' (Oakes 1999, J. R. Statist. Soc. B 61(2), 479-482; see
`latentfit.em.information.oakes`).
"""

import numpy as np

from latentfit.bayes.complete_data import CompleteData
from latentfit.bayes.information._exact import complete_information, exact_statistics
from latentfit.bayes.information._space_scale import SpaceScale
from latentfit.em.information import (
    OnStep,
    StandardErrors,
    errors_from_information,
    oakes_information,
    step_counter,
)
from latentfit.em.information.differences import jacobian


def oakes_errors(
    complete: CompleteData,
    point: np.ndarray,
    *,
    prior: bool = False,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from second derivatives of the declaration's Q.

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
        Conditional expectations are computed from random draws, which cannot be differentiated.
    """
    information, score, units = complete_information(complete, point, prior)

    def gradient_of_q(given: np.ndarray) -> np.ndarray:
        return complete.q(exact_statistics(complete, given), point, prior=prior)[1]

    advance = step_counter(on_step, len(point))
    mixed = jacobian(gradient_of_q, point, units, advance=advance)
    return errors_from_information(
        "oakes",
        SpaceScale(complete.density.space),
        point,
        oakes_information(information, mixed),
        score,
        information.value,
    )
