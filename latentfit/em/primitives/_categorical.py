"""Log probabilities of categorical data and expected category counts.

With the indicator [x_ij = c] that item j of row i has category c,

    log p(x_i | z_i = k) = Σ_j Σ_c [x_ij = c] log p_kjc,   n_kjc = Σ_i r_ik [x_ij = c].

The data are category codes 0, 1, 2, ...; the indicators are not stored.
"""

from typing import Any

import numpy as np

from latentfit.em.primitives._arguments import (
    code_array,
    float_array,
    output_array,
    require_entries,
    require_shape,
    weight_array,
)
from latentfit.em.primitives._dispatch import use_compiled


def log_categorical(x: Any, p: Any, *, out: Any = None) -> np.ndarray:
    """Compute the log probability Σ_j log p_kj(x_ij) of every row under every component.

    Parameters
    ----------
    x : array_like of int, shape (n,) or (n, J)
        Category codes 0, ..., C - 1 of one item or of J items.
    p : array_like, shape (K, C) or (K, J, C)
        Category probabilities of each component. An item with fewer than C categories has zeros
        at the end.
    out : ndarray, shape (n, K), optional
        Array in which to write the result: float64, contiguous. By default a new array is
        allocated.

    Returns
    -------
    ndarray, shape (n, K)
        Natural logarithms; minus infinity where a probability is 0.

    Raises
    ------
    TypeError
        `x` is not an integer array, or `p` or `out` is not of double precision.
    ValueError
        A code is negative or above C - 1, shapes do not match, entries are masked, or `out`
        cannot be written to.
    """
    x, log_p = codes_and_log_probabilities(x, p)
    items, categories, components = log_p.shape
    result = output_array(out, (len(x), components), x)
    if use_compiled(x.size * components):
        from latentfit.em.primitives._compiled.categorical import fill_log_probabilities

        require_codes_in_range(x, fill_log_probabilities(x, log_p, result), categories)
    else:
        require_codes_in_range(x, _rows_out_of_range(x, categories), categories)
        with np.errstate(all="ignore"):
            np.sum(log_p[np.arange(items), x], axis=1, out=result)
    return result


def weighted_counts(r: Any, x: Any, categories: int) -> np.ndarray:
    """Compute the expected category counts n_kjc = Σ_i r_ik [x_ij = c].

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities.
    x : array_like of int, shape (n,) or (n, J)
        Category codes 0, ..., C - 1 of one item or of J items.
    categories : int
        Number of categories C.

    Returns
    -------
    ndarray, shape (K, C) or (K, J, C)

    Raises
    ------
    TypeError
        `x` is not an integer array, or `r` is not of double precision.
    ValueError
        A code is negative or above C - 1, `categories` is below 1, shapes do not match, or
        entries are masked.
    """
    x = require_entries("x", code_array("x", x, 1, 2))
    r = weight_array(r, len(x))
    if categories < 1:
        raise ValueError(f"categories must be at least 1, not {categories}")
    table = x.reshape(len(x), -1)
    if use_compiled(table.size * r.shape[1]):
        from latentfit.em.primitives._compiled.categorical import count_categories

        counts, bad_rows = count_categories(r, table, categories)
        require_codes_in_range(table, bad_rows, categories)
    else:
        require_codes_in_range(table, _rows_out_of_range(table, categories), categories)
        items = table.shape[1]
        # One np.bincount for all items: the categories of item j are numbered from j * C.
        number = (table.astype(np.intp) + categories * np.arange(items)).ravel()
        each = [np.bincount(number, np.repeat(w, items), items * categories) for w in r.T]
        counts = np.stack(each)
    return counts.reshape(r.shape[1], *x.shape[1:], categories)


def codes_and_log_probabilities(x: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    """Validate category codes and probabilities.

    Parameters
    ----------
    x : array_like of int, shape (n,) or (n, J)
        Category codes.
    p : array_like, shape (K, C) or (K, J, C)
        Category probabilities.

    Returns
    -------
    x : ndarray of int, shape (n, J)
    log_p : ndarray, shape (J, C, K)
        Natural logarithm of `p` with the component on the last axis, as the kernels read it.

    Raises
    ------
    TypeError
        `x` is not an integer array, or `p` is not of double precision.
    ValueError
        Shapes do not match, an array is empty, or entries are masked.
    """
    x = require_entries("x", code_array("x", x, 1, 2))
    p = require_entries("p", float_array("p", p, x.ndim + 1))
    expected = (len(p), *x.shape[1:], p.shape[-1])
    require_shape("p", p, expected, "components, items as in x, categories")
    x = x.reshape(len(x), -1)
    with np.errstate(all="ignore"):
        log_p = np.log(p.reshape(len(p), x.shape[1], -1))
    return x, np.ascontiguousarray(np.moveaxis(log_p, 0, -1))


def require_codes_in_range(x: np.ndarray, bad_rows: np.ndarray, categories: int) -> None:
    """Raise an error that names the first code out of range, if there are any `bad_rows`.

    Raises
    ------
    ValueError
        `bad_rows` is not empty.
    """
    if len(bad_rows):
        row = int(bad_rows[0])
        column = int(np.argmax((x[row] < 0) | (x[row] >= categories)))
        raise ValueError(
            f"x[{row}, {column}] is {x[row, column]}; with {categories} categories codes are "
            f"0 to {categories - 1}"
        )


def _rows_out_of_range(x: np.ndarray, categories: int) -> np.ndarray:
    return np.flatnonzero(((x < 0) | (x >= categories)).any(axis=1))
