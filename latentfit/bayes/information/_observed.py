"""Standard errors from the exact Hessian of log p(x | θ)."""

import numpy as np

from latentfit.bayes.information._exact import exact
from latentfit.bayes.information._space_scale import SpaceScale
from latentfit.bayes.views import Density
from latentfit.em.information import StandardErrors, errors_from_information
from latentfit.errors import InputError


def observed_errors(density: Density, point: np.ndarray, *, prior: bool = False) -> StandardErrors:
    """Compute standard errors from the observed information.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        EM's estimate, unconstrained.
    prior : bool
        Whether EM maximises log p(x | θ) + log p(θ) rather than log p(x | θ).

    Raises
    ------
    InputError
        log p(x | θ) is not available.
    """
    if not density.tractable:
        raise InputError("log p(x | θ) is not available: the latents cannot be marginalised")
    _, score = (density.log_posterior if prior else density.log_likelihood)(point)
    information = exact(-density.hessian(point, prior=prior))
    return errors_from_information("observed", SpaceScale(density.space), point, information, score)
