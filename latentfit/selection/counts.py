"""Free parameters, units, and the entropy of a soft assignment.

The constraints of EM's parameters are inferred from the values of their arrays. If the entries of
an array sum to one along its last axis, or as a whole, each sum removes one free parameter. A
symmetric positive definite matrix has the free parameters of its lower triangle. An entry that is
zero in all iterates is not a free parameter. A constraint counts only if it holds in every iterate,
so that a coincidence in one iterate has no effect.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

# Absolute difference of a sum of probabilities from one.
_SUM_TO_ONE_ABSOLUTE = 1e-8
# Relative difference of the two entries of a symmetric matrix.
_SYMMETRY_RELATIVE = 1e-10


def free_parameters(iterates: Mapping[str, np.ndarray]) -> int:
    """Count the free parameters, with constraints inferred from the iterates.

    Parameters
    ----------
    iterates : dict of ndarray, each of shape (iterations + 1, ...)
        Natural scale, such as `Trace.params`.
    """
    return sum(_free_entries(np.asarray(rows)) for rows in iterates.values())


def units(
    data: Mapping[str, Any], expectations: Mapping[str, Any], latents: Collection[str]
) -> tuple[int | None, str]:
    """Count the units.

    If exactly one latent is discrete, its values are counted: in a mixture there is one for each
    row, in a hidden Markov model one for each time. Otherwise the rows of the data are counted, if
    all data have the same number.

    Parameters
    ----------
    data : mapping
        As E step and M step are given them.
    expectations : mapping
        What the E step returns.
    latents : collection of str

    Returns
    -------
    number : int or None
        None if it is unknown.
    counted : str
        What was counted, or why the number is unknown.
    """
    discrete = {
        n: p for n in latents if (p := category_probabilities(expectations.get(n))) is not None
    }
    if len(discrete) == 1:
        ((name, values),) = discrete.items()
        return int(np.prod(values.shape[:-1])), f"the values of {name}"
    rows = {np.shape(array)[0] for array in data.values() if np.ndim(array)}
    if len(rows) == 1:
        return rows.pop(), f"the rows of {', '.join(data)}"
    return None, "unknown, since the data have different numbers of rows"


def entropy(
    expectations: Mapping[str, Any], latents: Collection[str], further: Collection[str]
) -> float | str:
    """Compute the entropy of the soft assignment, as a sum over units.

    Parameters
    ----------
    expectations : mapping
        What the E step returns.
    latents : collection of str
    further : collection of str
        Expectations that the model declares in addition to its latents. If there are pair
        probabilities, for example, the latents of different units are not independent given the
        data.

    Returns
    -------
    float or str
        The entropy in nats, or the reason why it is not a sum over units.
    """
    if len(latents) != 1:
        return "there are several latents, whose entropies do not add up"
    (name,) = latents
    values = category_probabilities(expectations.get(name))
    if values is None:
        return f"{name} does not assign units to categories"
    if further:
        return (
            f"the values of {name} are not independent given the data: the E step also returns "
            f"{', '.join(further)}"
        )
    positive = values[values > 0]
    return float(-np.sum(positive * np.log(positive))) + 0.0


def category_probabilities(values: Any) -> np.ndarray | None:
    """Return an entry of the E step if it holds category probabilities along its last axis.

    Returns
    -------
    ndarray or None
        None if the entry is missing or holds something else.
    """
    array = np.asarray(values, dtype=float) if values is not None else np.empty(0)
    if array.ndim < 2 or not _sums_to_one(array):
        return None
    return array


def _free_entries(rows: np.ndarray) -> int:
    """Count the free entries of one parameter; `rows` are its iterates."""
    shape = rows.shape[1:]
    estimated = (rows != 0).any(axis=0)
    if shape and _sums_to_one(rows):
        return int(estimated.sum()) - int(np.prod(shape[:-1]))
    if len(shape) > 1 and _sums_to_one(rows.reshape(len(rows), -1)):
        return int(estimated.sum()) - 1
    if len(shape) > 1 and shape[-1] == shape[-2] > 1 and _positive_definite(rows):
        return int(np.tril(estimated).sum())
    return int(estimated.sum())


def _sums_to_one(array: np.ndarray) -> bool:
    return bool(
        (array >= 0).all() and (np.abs(array.sum(axis=-1) - 1) < _SUM_TO_ONE_ABSOLUTE).all()
    )


def _positive_definite(array: np.ndarray) -> bool:
    if not np.allclose(array, array.swapaxes(-1, -2), rtol=_SYMMETRY_RELATIVE, atol=0):
        return False
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError:
        return False
    return True
