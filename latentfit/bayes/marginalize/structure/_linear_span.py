"""Whether a function of one variable is a linear combination of a few known functions."""

from collections.abc import Callable, Sequence

import numpy as np

from latentfit.bayes.marginalize.structure._blocks import LogDensities

# Residual of least squares, relative to the largest log density, that is attributed to rounding.
_RESIDUAL_RELATIVE = 1e-8

BasisFunction = Callable[[np.ndarray], np.ndarray]


def in_linear_span(
    log_densities: LogDensities, values: Sequence[np.ndarray], basis: Sequence[BasisFunction]
) -> bool:
    """Test whether the log density of each entry is a constant plus a combination of functions.

    Parameters
    ----------
    log_densities : callable
        From a value of the latent to the log density of each of its entries.
    values : sequence of ndarray
        Possible values of the latent: at least two more than there are functions.
    basis : sequence of callable
        The functions of an entry.
    """
    observed = np.stack([log_densities(z) for z in values])
    columns = [np.ones_like(observed)]
    columns += [np.stack([function(z.ravel()) for z in values]) for function in basis]
    design = np.stack(columns, axis=-1).transpose(1, 0, 2)
    scale = np.max(np.abs(design), axis=1, keepdims=True)
    inverse, right = np.linalg.pinv(design / scale), observed.T[..., None]
    residual = right - (design / scale) @ (inverse @ right)
    largest = np.max(np.abs(right), axis=1, keepdims=True)
    return bool(np.all(np.abs(residual) <= _RESIDUAL_RELATIVE * largest))
