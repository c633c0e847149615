"""Entries of a latent that are identically distributed given the data, whatever θ is.

Persons with the same answers have the same conditional distribution, for example, which then has to
be computed only once.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.basic import Constant
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.elemwise import CAReduce, DimShuffle, Elemwise


def identically_distributed(
    properties: Iterable[Sequence[np.ndarray]], group_of: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Group entries whose distributions are the same.

    Parameters
    ----------
    properties : iterable of sequences of ndarray, shape (sample, entries, ...)
        Arrays that determine the distribution of each entry, at some draws of θ and then at more
        draws. Entries belong to one group if all their properties are equal in every bit.
    group_of : ndarray of int, shape (entries,), optional
        Groups that were found before and are to be divided further.

    Returns
    -------
    first : ndarray of int, shape (groups,)
        The first entry of each group.
    group_of : ndarray of int, shape (entries,)
        The group of each entry.
    """
    for parts in properties:
        rows = [np.moveaxis(part, 1, 0).reshape(part.shape[1], -1) for part in parts]
        rows += [] if group_of is None else [group_of[:, None].astype(float)]
        table = np.ascontiguousarray(np.concatenate(rows, axis=1))
        bits = table.view(np.dtype((np.void, table.itemsize * table.shape[1])))
        _, group_of = np.unique(bits.ravel(), return_inverse=True)
    assert group_of is not None
    return np.unique(group_of, return_index=True)[1], group_of


def take_entries(variable: Any, entries: np.ndarray, axis: int = 0) -> Any:
    """Build ``pt.take(variable, entries, axis)`` without computing the other entries.

    The selection is applied to the inputs of elementwise operations, transpositions and sums,
    recursively. Where an operation combines entries, all of them are computed. PyMC's checks that
    parameters are within range, which concern all entries together, are left out.
    """
    return _take(variable, entries, axis, {})


def _take(variable: Any, entries: np.ndarray, axis: int, known: dict[Any, Any]) -> Any:
    key = (variable, axis)
    if key not in known:
        known[key] = _take_from_inputs(variable, entries, axis, known)
    return known[key]


def _take_from_inputs(variable: Any, entries: np.ndarray, axis: int, known: dict[Any, Any]) -> Any:
    if variable.type.shape[axis] == 1:
        return variable
    if isinstance(variable, Constant):
        return pt.constant(np.take(variable.data, entries, axis))
    op = variable.owner.op if variable.owner else None
    if isinstance(op, Elemwise) and len(variable.owner.outputs) == 1:
        return op(*(_take(one, entries, axis, known) for one in variable.owner.inputs))
    if isinstance(op, CheckAndRaise):
        return _take(variable.owner.inputs[0], entries, axis, known)
    if isinstance(op, DimShuffle):
        (source,) = variable.owner.inputs
        taken = _take(source, entries, int(op.new_order[axis]), known)
        return taken.dimshuffle(op.new_order)
    if isinstance(op, CAReduce) and op.axis is not None:
        (source,) = variable.owner.inputs
        kept = [number for number in range(source.type.ndim) if number not in op.axis]
        return op(_take(source, entries, kept[axis], known))
    return pt.take(variable, entries, axis=axis)
