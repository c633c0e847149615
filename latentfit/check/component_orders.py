"""Orders in which a derivation may number the components of a latent."""

from collections.abc import Iterable
from itertools import permutations

import numpy as np

# With more components there are too many orders to try them all.
MAX_PERMUTED_COMPONENTS = 5


def orders(size: int) -> Iterable[tuple[int, ...]]:
    """Return every order of `size` components, the identity first; only that one for many."""
    if size <= MAX_PERMUTED_COMPONENTS:
        return permutations(range(size))
    return [tuple(range(size))]


def reordered(values: np.ndarray) -> Iterable[tuple[tuple[int, ...], np.ndarray]]:
    """Yield every order other than the identity, and the values in it along the last axis."""
    for order in orders(values.shape[-1]):
        if list(order) != sorted(order):
            yield order, values[..., list(order)]
