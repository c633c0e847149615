"""Point estimates of θ from the densities of a declaration: the MLE and the MAP estimate."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from latentfit.bayes.maxima._maximise import Maximum, maximise
from latentfit.bayes.views import Density


def maximum_likelihood(
    density: Density,
    starts: Sequence[np.ndarray],
    advance: Callable[[], None] = lambda: None,
) -> tuple[Maximum, ...]:
    """Maximise log p(x | θ) directly from each start.

    The search runs on the unconstrained scale, by SciPy's BFGS with PyTensor's gradient and then by
    Newton's method; the maximum itself does not depend on the parameterisation. The density
    keeps the results, so that a search from the same start is done once.

    Parameters
    ----------
    density : Density
    starts : sequence of ndarray, shape (size,)
        Unconstrained points.
    advance : callable
        Called after each start.

    Returns
    -------
    tuple of Maximum
        In the order of the starts. `Maximum.problem` says which of them are not maxima.
    """
    maxima = []
    for start in starts:
        key = ("maximum_likelihood", start.tobytes())
        if key not in density.cached_results:
            density.cached_results[key] = maximise(
                density.log_likelihood, density.hessian, start, density.space.bounded
            )
        maxima.append(density.cached_results[key])
        advance()
    return tuple(maxima)


def maximum_a_posteriori(density: Density, start: np.ndarray) -> Maximum:
    """Maximise log p(x | θ) + log p(θ) on the natural scale, with the latents marginalised.

    PyMC's ``find_MAP`` on the observed view maximises the same density, which leaves out the
    Jacobian of the transform. The search begins at `start` rather than at PyMC's initial point,
    which gives every component of a mixture the same parameters: a saddle point at which the
    gradient vanishes.

    Parameters
    ----------
    density : Density
    start : ndarray, shape (size,)
        Unconstrained point.
    """
    return maximise(
        density.log_posterior, partial(density.hessian, prior=True), start, density.space.bounded
    )
