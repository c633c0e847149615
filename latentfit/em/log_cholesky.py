"""Unconstrained coordinates of covariance matrices: the log-Cholesky parametrization.

A covariance matrix is L Lᵀ with L lower triangular and a positive diagonal. The entries of L, with
the logarithms of those on the diagonal, take any real values, and each choice of them gives one
covariance matrix (Pinheiro & Bates 1996, Statistics and Computing 6(3), 289-296).
"""

import numpy as np


def to_log_cholesky(covariance: np.ndarray) -> np.ndarray:
    """Return the coordinates of covariance matrices, shape (..., size (size + 1) / 2).

    The coordinates are the lower triangle of the Cholesky factor, row by row.

    Parameters
    ----------
    covariance : ndarray, shape (..., size, size)

    Raises
    ------
    LinAlgError
        A matrix is not positive definite.
    """
    factor = np.linalg.cholesky(covariance)
    diagonal = np.arange(covariance.shape[-1])
    factor[..., diagonal, diagonal] = np.log(factor[..., diagonal, diagonal])
    lower: np.ndarray = factor[(..., *np.tril_indices(len(diagonal)))]
    return lower


def from_log_cholesky(coordinates: np.ndarray, size: int) -> np.ndarray:
    """Return the covariance matrices with given coordinates, shape (..., size, size).

    Parameters
    ----------
    coordinates : ndarray, shape (..., size (size + 1) / 2)
        As returned by `to_log_cholesky`.
    size : int
        Number of rows of a matrix.
    """
    diagonal = np.arange(size)
    factor = np.zeros((*coordinates.shape[:-1], size, size))
    factor[(..., *np.tril_indices(size))] = coordinates
    factor[..., diagonal, diagonal] = np.exp(factor[..., diagonal, diagonal])
    return factor @ np.swapaxes(factor, -1, -2)
