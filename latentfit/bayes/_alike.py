"""Entries of a latent that are distributed alike, whose distribution need be found but once.

Persons with the same answers have the same conditional distribution, whatever θ is.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise


def alike(
    known: Iterable[Sequence[np.ndarray]], which: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """One entry of each kind, and of which kind each is.

    Parameters
    ----------
    known : iterable of sequences of ndarray, shape (sample, entries, ...)
        What the distribution of each entry is known by at some θ, and at some more. Entries are of
        one kind if all of it is the same to the last bit.
    which : ndarray of int, shape (entries,), optional
        Kinds that are told apart already.

    Returns
    -------
    ndarray of int, shape (kinds,)
    ndarray of int, shape (entries,)
    """
    for parts in known:
        rows = [np.moveaxis(part, 1, 0).reshape(part.shape[1], -1) for part in parts]
        rows += [] if which is None else [which[:, None].astype(float)]
        table = np.ascontiguousarray(np.concatenate(rows, axis=1))
        bits = table.view(np.dtype((np.void, table.itemsize * table.shape[1])))
        _, which = np.unique(bits.ravel(), return_inverse=True)
    assert which is not None
    return np.unique(which, return_index=True)[1], which


def taken(variable: Any, entries: np.ndarray, axis: int = 0) -> Any:
    """``pt.take(variable, entries, axis)``, without what only the other entries need.

    As far as they are computed apart from one another; where they are not, all of them are. That
    parameters are in range, which PyMC checks of all entries together, is not checked again.
    """
    return _taken(variable, entries, axis, {})


def _taken(variable: Any, entries: np.ndarray, axis: int, known: dict[Any, Any]) -> Any:
    key = (variable, axis)
    if key not in known:
        known[key] = _pushed(variable, entries, axis, known)
    return known[key]


def _pushed(variable: Any, entries: np.ndarray, axis: int, known: dict[Any, Any]) -> Any:
    if variable.type.shape[axis] == 1:
        return variable
    if isinstance(variable, Constant):
        return pt.constant(np.take(variable.data, entries, axis))
    op = variable.owner.op if variable.owner else None
    if isinstance(op, Elemwise) and len(variable.owner.outputs) == 1:
        return op(*(_taken(one, entries, axis, known) for one in variable.owner.inputs))
    if isinstance(op, CheckAndRaise):
        return _taken(variable.owner.inputs[0], entries, axis, known)
    if isinstance(op, DimShuffle):
        (source,) = variable.owner.inputs
        found = _taken(source, entries, int(op.new_order[axis]), known)
        return found.dimshuffle(op.new_order)
    if isinstance(op, CAReduce) and op.axis is not None:
        (source,) = variable.owner.inputs
        kept = [number for number in range(source.type.ndim) if number not in op.axis]
        return op(_taken(source, entries, kept[axis], known))
    return pt.take(variable, entries, axis=axis)
