"""Fractions of missing information.

With I the observed and I_c the complete-data information, and G the derivatives of parameters on
the natural scale with respect to free coordinates, an entry of the parameters has the *fraction of
missing information*

    1 - (G I_c⁻¹ Gᵀ)_ii / (G I⁻¹ Gᵀ)_ii

(Meng & Rubin 1991; Rubin 1987, Multiple Imputation for Nonresponse in Surveys, chapter 3). It lies
between 0 and 1, since I_c - I is positive semidefinite. The largest fraction of any linear
combination of the parameters is EM's rate of convergence (Dempster, Laird & Rubin 1977, theorem 4).
"""

import numpy as np


def complete_information_problem(complete: np.ndarray, directions: np.ndarray) -> str:
    """Return why a complete-data information matrix cannot be used; empty if it can.

    Parameters
    ----------
    complete : ndarray, shape (size, size)
        Complete-data information, free scale.
    directions : ndarray, shape (size, directions)
        Directions along which the log-likelihood is curved.
    """
    if not np.isfinite(complete).all():
        return "the complete-data information is not finite"
    if np.linalg.eigvalsh(directions.T @ complete @ directions).min(initial=np.inf) <= 0:
        return (
            "the complete-data information is not positive definite: Q is not maximal in its first "
            "argument"
        )
    return ""


def missing_fractions(
    complete: np.ndarray,
    directions: np.ndarray,
    curvatures: np.ndarray,
    slopes: np.ndarray,
    errors: np.ndarray,
) -> tuple[np.ndarray, float]:
    """Compute the fraction of missing information of each entry, and the largest of all.

    Parameters
    ----------
    complete : ndarray, shape (size, size)
        Complete-data information, free scale.
    directions : ndarray, shape (size, directions)
        Eigenvectors of the observed information along which the log-likelihood is curved.
    curvatures : ndarray, shape (directions,)
        The observed information along them.
    slopes : ndarray, shape (entries, size)
        Derivatives of parameters on the natural scale with respect to free coordinates.
    errors : ndarray, shape (entries,)
        Standard errors, natural scale.
    """
    complete_factor = np.linalg.cholesky(np.linalg.inv(directions.T @ complete @ directions))
    # Eigenvalues of I_c⁻¹ I: the fractions of information that are observed.
    observed = np.linalg.eigvalsh(complete_factor.T @ np.diag(curvatures) @ complete_factor)
    largest = float(1 - observed.min(initial=1.0))
    with np.errstate(all="ignore"):
        fractions = 1 - np.sum((slopes @ directions @ complete_factor) ** 2, axis=1) / errors**2
    return fractions, largest
