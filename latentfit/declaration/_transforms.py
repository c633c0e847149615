"""What the names of PyMC's transforms say about the support of a parameter."""

import numpy as np

_SUPPORT = {
    "log": "positive",
    "log_exp_m1": "positive",
    "logodds": "between 0 and 1",
    "interval": "within its bounds",
    "simplex": "positive, with sums of 1 along the last axis",
    "ordered": "in increasing order",
    "cholesky-cov-packed": "the packed Cholesky factor of a covariance",
}

# Transforms that send a bound of the support to infinity, exponentially fast: near the bound, one
# unconstrained unit is a factor of e in the distance from the bound.
BOUND_AT_INFINITY = frozenset({"log", "log_exp_m1", "logodds", "interval", "simplex"})

# Transforms whose support may have both a lower and an upper bound.
TWO_SIDED = frozenset({"logodds", "interval"})

_POSITIVE = frozenset({"log", "log_exp_m1"})

# Value that replaces a probability or scale of zero, which has no unconstrained value. With a much
# larger value the log-likelihood of data that are nearly impossible at zero would differ.
_SMALLEST_POSITIVE = 1e-100

Bounds = tuple[np.ndarray, np.ndarray]


def describe_support(transform: str) -> str:
    """Return a phrase for the support, to follow "it should be"."""
    return _SUPPORT.get(transform, "finite, and where its prior has density")


def move_into_interior(transform: str, array: np.ndarray, bounds: Bounds | None) -> np.ndarray:
    """Move entries that lie on a bound of the support into its interior, as little as possible.

    Arrays with entries outside the support are returned unchanged.

    Parameters
    ----------
    transform : str
        PyMC's name of the parameter's transform.
    array : ndarray of float
        Natural value of the parameter.
    bounds : tuple of ndarray or None
        Finite lower and upper bound of the support, if it has both.
    """
    if transform == "simplex" and np.all(array >= 0):
        raised = np.maximum(array, _SMALLEST_POSITIVE)
        interior: np.ndarray = raised * (array.sum(axis=-1) / raised.sum(axis=-1))[..., None]
        return interior
    if transform in _POSITIVE and np.all(array >= 0):
        positive: np.ndarray = np.maximum(array, _SMALLEST_POSITIVE)
        return positive
    if bounds is not None:
        low, high = bounds
        if np.all((array >= low) & (array <= high)):
            least = np.maximum(np.nextafter(low, high), low + _SMALLEST_POSITIVE)
            clipped: np.ndarray = np.clip(array, least, np.nextafter(high, low))
            return clipped
    return array
