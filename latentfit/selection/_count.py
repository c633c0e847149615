"""What the criteria count: free parameters, units, and the entropy of a classification.

EM's parameters come as arrays, and their constraints are seen from their values: what sums to one
along its last axis, or as a whole, has a parameter less for each sum; a symmetric positive definite
matrix has those of its lower triangle; an entry that is zero from the start on has none. An array
is of a kind if it is so at every iterate, so that chance does not make it one.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

_SUM = 1e-8
_SYMMETRIC = 1e-10


def free_parameters(iterates: Mapping[str, np.ndarray]) -> int:
    """Number of free parameters, seen from the values that they took.

    Parameters
    ----------
    iterates : dict of ndarray, each of shape (iterations + 1, ...)
        Natural scale, such as `Trace.params`.
    """
    return sum(_free(np.asarray(rows)) for rows in iterates.values())


def units(
    data: Mapping[str, Any], expectations: Mapping[str, Any], latents: Collection[str]
) -> tuple[int | None, str]:
    """Number of units n, and what was counted.

    The values of a discrete latent: of a mixture one for each row, of a chain one for each time.
    Otherwise the rows of the data, where all have as many.
    """
    classified = {n: p for n in latents if (p := probabilities(expectations.get(n))) is not None}
    if len(classified) == 1:
        ((name, values),) = classified.items()
        return int(np.prod(values.shape[:-1])), f"the values of {name}"
    rows = {np.shape(array)[0] for array in data.values() if np.ndim(array)}
    if len(rows) == 1:
        return rows.pop(), f"the rows of {', '.join(data)}"
    return None, "unknown, since the data have different numbers of rows"


def entropy(
    expectations: Mapping[str, Any], latents: Collection[str], further: Collection[str]
) -> float | str:
    """Entropy of the classification in nats, or why there is none that is a sum over units.

    Parameters
    ----------
    expectations : mapping
        What the E step returns.
    latents : collection of str
    further : collection of str
        Expectations that the model declares beside its latents: with pair probabilities, say, the
        latents of different units are not independent given the data.
    """
    if len(latents) != 1:
        return "there are several latents, whose entropies do not add up"
    (name,) = latents
    values = probabilities(expectations.get(name))
    if values is None:
        return f"{name} is no classification"
    if further:
        return f"{name} is not independent from unit to unit: {', '.join(further)} go with it"
    inner = values[values > 0]
    return float(-np.sum(inner * np.log(inner))) + 0.0


def probabilities(values: Any) -> np.ndarray | None:
    """An entry of the E step as category probabilities, categories last; None if it is not."""
    array = np.asarray(values, dtype=float) if values is not None else np.empty(0)
    if array.ndim < 2 or not _sums_to_one(array):
        return None
    return array


def _free(rows: np.ndarray) -> int:
    shape = rows.shape[1:]
    estimated = (rows != 0).any(axis=0)
    if shape and _sums_to_one(rows):
        return int(estimated.sum()) - int(np.prod(shape[:-1]))
    if len(shape) > 1 and _sums_to_one(rows.reshape(len(rows), -1)):
        return int(estimated.sum()) - 1
    if len(shape) > 1 and shape[-1] == shape[-2] > 1 and _definite(rows):
        return int(np.tril(estimated).sum())
    return int(estimated.sum())


def _sums_to_one(array: np.ndarray) -> bool:
    return bool((array >= 0).all() and (np.abs(array.sum(axis=-1) - 1) < _SUM).all())


def _definite(array: np.ndarray) -> bool:
    if not np.allclose(array, array.swapaxes(-1, -2), rtol=_SYMMETRIC, atol=0):
        return False
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        return False
    return True
