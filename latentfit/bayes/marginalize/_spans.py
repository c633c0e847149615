"""Whether functions of one variable are spanned by a few known ones."""

from collections.abc import Callable, Sequence

import numpy as np

_CLOSE = 1e-8
Height = Callable[[np.ndarray], np.ndarray]
Function = Callable[[np.ndarray], np.ndarray]


def spanned(height: Height, values: Sequence[np.ndarray], basis: Sequence[Function]) -> bool:
    """Whether the log density of each entry is a constant and a combination of functions of it.

    Parameters
    ----------
    height : callable
        From a value of the latent to the log density of each of its entries.
    values : sequence of ndarray
        Values that the latent can have, at least two more than there are functions.
    basis : sequence of callable
    """
    heights = np.stack([height(z) for z in values])
    columns = [np.ones_like(heights)]
    columns += [np.stack([function(z.ravel()) for z in values]) for function in basis]
    design = np.stack(columns, axis=-1).transpose(1, 0, 2)
    scale = np.max(np.abs(design), axis=1, keepdims=True)
    found, given = np.linalg.pinv(design / scale), heights.T[..., None]
    rest = given - (design / scale) @ (found @ given)
    return bool(np.all(np.abs(rest) <= _CLOSE * np.max(np.abs(given), axis=1, keepdims=True)))
