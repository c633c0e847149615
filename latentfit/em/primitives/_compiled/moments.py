"""Weighted moments of all rows from the moments of chunks."""

import numpy as np

from latentfit.em.primitives._compiled.accumulation import accumulate


def compute_moments(
    r: np.ndarray, x: np.ndarray, *, matrix: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute counts (K,), means (K, d) and scatter, (K, d) or with `matrix` (K, d, d).

    `r` has the shape (n, K), `x` the shape (n, d).
    """
    return merge_moments(*accumulate(r, x, None, matrix=matrix))


def merge_moments(
    counts: np.ndarray, means: np.ndarray, scatter: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merge the moments of all chunks, the first axis of each array, in the order of the chunks."""
    with np.errstate(invalid="ignore"):
        n = counts.sum(axis=0)
        mean = np.einsum("ck,ckj->kj", counts, means) / n[:, None]
    if len(counts) == 1:
        return n, mean, scatter[0]
    deviations = means - mean
    weighted = counts[:, :, None] * deviations
    if scatter.ndim == 3:
        return n, mean, scatter.sum(axis=0) + (weighted * deviations).sum(axis=0)
    between = np.einsum("cki,ckj->kij", weighted, deviations)
    # The two triangles of `between` are rounded differently; the result is to be exactly
    # symmetric, as the scatter matrix of each chunk is.
    return n, mean, scatter.sum(axis=0) + (between + between.mT) / 2
