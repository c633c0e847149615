"""How precisely log p(x | θ) is known where the latents are integrated out numerically."""

import numpy as np

from latentfit import bayes
from latentfit.check.examination import Examination


def log_likelihood_error(examination: Examination, point: np.ndarray) -> float:
    """Return the estimated error of log p(x | θ), 0 where it is exact.

    Parameters
    ----------
    examination : Examination
    point : ndarray, shape (size,)
        θ, unconstrained.
    """
    found = bayes.views.marginalisations(examination.declaration, examination.density, [point])
    return float(sum(one.error or 0.0 for one in found))
