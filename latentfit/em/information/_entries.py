"""The entries of named arrays as one flat vector, with labels."""

from collections.abc import Mapping

import numpy as np

from latentfit.em.layout import Params, label


def flat(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Concatenate all entries in one vector, in the order of the names."""
    return np.concatenate([np.ravel(value) for value in values.values()])


def named(vector: np.ndarray, like: Mapping[str, np.ndarray]) -> Params:
    """Invert `flat`: return the entries under the names and with the shapes of `like`."""
    ends = np.cumsum([np.size(value) for value in like.values()])[:-1]
    parts = np.split(vector, ends)
    return {
        name: part.reshape(np.shape(value))
        for (name, value), part in zip(like.items(), parts, strict=True)
    }


def entry_labels(params: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Return a label for each entry, in the order of `flat`: ``theta``, ``mu[0]``, ``P[0,1]``."""
    return tuple(
        label(name, index)
        for name, value in params.items()
        for index in np.ndindex(np.shape(value))
    )
