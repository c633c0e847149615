"""Weighted sums of all rows from the sums of chunks."""

import numpy as np

from latentfit.em.primitives._compiled.accumulation import accumulate


def compute_sums(
    r: np.ndarray, x: np.ndarray, about: np.ndarray, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute Σ r, Σ r (x - a), and Σ r (x - a)² or with `matrix` Σ r (x - a) (x - a)ᵀ.

    `r` has the shape (n, K), `x` the shape (n, d), and the centres `about` the shape (K, d).
    """
    counts, first, second = accumulate(r, x, about, matrix=matrix)
    return counts.sum(axis=0), first.sum(axis=0), second.sum(axis=0)
