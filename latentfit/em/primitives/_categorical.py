"""Log probabilities of categories, and how often each is expected.

With indicators [x_ij = c] of item j and category c,

    log p(x_i | z_i = k) = Σ_j Σ_c [x_ij = c] log p_kjc,   n_kjc = Σ_i r_ik [x_ij = c].

The data are the codes 0, 1, 2, ... of the categories; indicators are not built.
"""

from typing import Any

import numpy as np

from latentfit.em.primitives._blocks import WIDE
from latentfit.em.primitives._blocks import transpose as transpose_numbers
from latentfit.em.primitives._check import codes, numbers, room, shape, some
from latentfit.em.primitives._chunks import cut, spread
from latentfit.em.primitives._code_blocks import count, log_probability, look_up, tally, transpose
from latentfit.em.primitives._jit import reordered


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
    chunks, size = cut(len(x))
    bad = np.full(chunks, -1)
    spread(_log_kernel, chunks, out.size * x.shape[1], x, size, table, out, bad)
    refuse(x, bad, table.shape[1])
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
        A code is negative or above C - 1, shapes do not go together, or entries are masked.
    """
    x = some("x", codes("x", x, 1, 2))
    r = some("r", numbers("r", r, 2))
    shape("r", r, (len(x), r.shape[1]), "rows as in x, and components")
    answers = x.reshape(len(x), -1)
    chunks, size = cut(len(x))
    counts = np.zeros((chunks, answers.shape[1], categories, r.shape[1]))
    bad = np.full(chunks, -1)
    work = 2 * r.size * answers.shape[1]
    spread(_count_kernel, chunks, work, r, answers, size, counts, bad)
    refuse(answers, bad, categories)
    return by_component(counts).reshape(r.shape[1], *x.shape[1:], categories)


def tables(x: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes with two axes, and log p with the component last."""
    x = some("x", codes("x", x, 1, 2))
    p = some("p", numbers("p", p, x.ndim + 1))
    shape("p", p, (len(p), *x.shape[1:], p.shape[-1]), "components, items as in x, categories")
    x = x.reshape(len(x), -1)
    with np.errstate(all="ignore"):
        log_p = np.log(p.reshape(len(p), x.shape[1], -1))
    return x, np.ascontiguousarray(np.moveaxis(log_p, 0, -1))


def by_component(counts: np.ndarray) -> np.ndarray:
    """Counts of all chunks, the component first."""
    return np.ascontiguousarray(np.moveaxis(counts.sum(axis=0), -1, 0))


def refuse(x: np.ndarray, bad: np.ndarray, categories: int) -> None:
    """Name the first code that is out of range, if one is."""
    rows = bad[bad >= 0]
    if len(rows):
        row = int(rows[0])
        column = int(np.argmax((x[row] < 0) | (x[row] >= categories)))
        raise ValueError(
            f"x[{row}, {column}] is {x[row, column]}; with {categories} categories codes are "
            f"0 to {categories - 1}"
        )


@reordered
def _log_kernel(
    first: int,
    last: int,
    x: np.ndarray,
    size: int,
    table: np.ndarray,
    out: np.ndarray,
    bad: np.ndarray,
) -> None:
    n, items = x.shape
    categories, components = table.shape[1:]
    block, v = np.empty((items, WIDE), np.int64), np.empty((components, WIDE))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            bad[chunk] = transpose(x, begin, rows, categories, block)
            if bad[chunk] >= 0:
                return
            if items == 1:
                look_up(block[0], rows, table[0], out[begin : begin + rows])
                continue
            v[:] = 0.0
            log_probability(block, rows, table, v)
            for i in range(rows):
                for k in range(components):
                    out[begin + i, k] = v[k, i]


@reordered
def _count_kernel(
    first: int,
    last: int,
    r: np.ndarray,
    x: np.ndarray,
    size: int,
    counts: np.ndarray,
    bad: np.ndarray,
) -> None:
    n, items = x.shape
    block, weights = np.empty((items, WIDE), np.int64), np.empty((r.shape[1], WIDE))
    for chunk in range(first, last):
        end = min(n, (chunk + 1) * size)
        for begin in range(chunk * size, end, WIDE):
            rows = min(WIDE, end - begin)
            bad[chunk] = transpose(x, begin, rows, counts.shape[2], block)
            if bad[chunk] >= 0:
                return
            if items == 1:
                tally(r[begin : begin + rows], block[0], rows, counts[chunk, 0])
                continue
            transpose_numbers(r, begin, rows, weights)
            count(weights, block, rows, counts[chunk])
