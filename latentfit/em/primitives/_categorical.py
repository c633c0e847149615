"""Log probabilities of categories, and how often each is expected.

With indicators [x_ij = c] of item j and category c,

    log p(x_i | z_i = k) = Σ_j Σ_c [x_ij = c] log p_kjc,   n_kjc = Σ_i r_ik [x_ij = c].

The data are the codes 0, 1, 2, ... of the categories; indicators are not built.
"""

from typing import Any

import numpy as np

from latentfit.em.primitives._check import codes, numbers, room, shape, some, weights
from latentfit.em.primitives._worth import compiling


def log_categorical(x: Any, p: Any, *, out: Any = None) -> np.ndarray:
    """Σ_j log p_kj of the category of x_ij, of every row and component.

    Parameters
    ----------
    x : array_like of int, shape (n,) or (n, J)
        Codes 0, ..., C - 1 of one item or several.
    p : array_like, shape (K, C) or (K, J, C)
        Probabilities. Items with fewer categories than others have zeros at the end.
    out : ndarray, shape (n, K), optional
        Where the result is written: float64, contiguous. By default a new array is.

    Returns
    -------
    ndarray, shape (n, K)
        Natural logarithm; minus infinity where a probability is 0.

    Raises
    ------
    TypeError
        `x` are not integers, or `p` or `out` is not of double precision.
    ValueError
        A code is negative or above C - 1, shapes do not go together, entries are masked, or `out`
        cannot be written to.
    """
    x, table = tables(x, p)
    out = room(out, (len(x), table.shape[2]), x)
    items, categories, components = table.shape
    if compiling(x.size * components):
        from latentfit.em.primitives._compiled.categorical import log_probabilities

        refuse(x, log_probabilities(x, table, out), categories)
    else:
        refuse(x, _outside(x, categories), categories)
        with np.errstate(all="ignore"):
            np.sum(table[np.arange(items), x], axis=1, out=out)
    return out


def weighted_counts(r: Any, x: Any, categories: int) -> np.ndarray:
    """Σ_i r_ik [x_ij = c], the expected numbers of each category.

    Parameters
    ----------
    r : array_like, shape (n, K)
        Responsibilities.
    x : array_like of int, shape (n,) or (n, J)
        Codes 0, ..., C - 1.
    categories : int
        C.

    Returns
    -------
    ndarray, shape (K, C) or (K, J, C)

    Raises
    ------
    TypeError
        `x` are not integers, or `r` is not of double precision.
    ValueError
        A code is negative or above C - 1, `categories` is below 1, shapes do not go together, or
        entries are masked.
    """
    x = some("x", codes("x", x, 1, 2))
    r = weights(r, len(x))
    if categories < 1:
        raise ValueError(f"categories must be at least 1, not {categories}")
    answers = x.reshape(len(x), -1)
    if compiling(answers.size * r.shape[1]):
        from latentfit.em.primitives._compiled.categorical import count

        counts, bad = count(r, answers, categories)
        refuse(answers, bad, categories)
    else:
        refuse(answers, _outside(answers, categories), categories)
        items = answers.shape[1]
        # Categories of the second item are numbered after those of the first, and so on.
        number = (answers.astype(np.intp) + categories * np.arange(items)).ravel()
        each = [np.bincount(number, np.repeat(w, items), items * categories) for w in r.T]
        counts = np.stack(each)
    return counts.reshape(r.shape[1], *x.shape[1:], categories)


def tables(x: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes with two axes, and log p with the component last."""
    x = some("x", codes("x", x, 1, 2))
    p = some("p", numbers("p", p, x.ndim + 1))
    shape("p", p, (len(p), *x.shape[1:], p.shape[-1]), "components, items as in x, categories")
    x = x.reshape(len(x), -1)
    with np.errstate(all="ignore"):
        log_p = np.log(p.reshape(len(p), x.shape[1], -1))
    return x, np.ascontiguousarray(np.moveaxis(log_p, 0, -1))


def refuse(x: np.ndarray, bad: np.ndarray, categories: int) -> None:
    """Name the first code that is out of range, if there are `bad` rows."""
    if len(bad):
        row = int(bad[0])
        column = int(np.argmax((x[row] < 0) | (x[row] >= categories)))
        raise ValueError(
            f"x[{row}, {column}] is {x[row, column]}; with {categories} categories codes are "
            f"0 to {categories - 1}"
        )


def _outside(x: np.ndarray, categories: int) -> np.ndarray:
    """Rows with a code that is out of range."""
    return np.flatnonzero(((x < 0) | (x >= categories)).any(axis=1))
