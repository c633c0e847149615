"""Blocks of a latent that are independent of one another, given x and θ.

Entries of z belong to one block if a term of log p(x, z | θ) depends on them together. The terms of
different blocks are then apart: log p(x, z | θ) is a sum over blocks, and z is integrated out one
block at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt

from latentfit.bayes.marginalize._probe import Probe

# As many entries are tried one by one; a latent with more that has no simple structure is one
# block.
_MOST = 500


@dataclass(frozen=True)
class Blocks:
    """A partition of the entries of a latent, and of the terms that depend on them.

    Attributes
    ----------
    shape : tuple of int
        Of the latent.
    entries : ndarray of int, shape (blocks, size)
        Entries of each, as indices of the flat latent; -1 fills up blocks that are smaller.
    owners : tuple of ndarray of int
        For each array of terms, flat: the block that each depends on, or -1 for none.
    """

    shape: tuple[int, ...]
    entries: np.ndarray
    owners: tuple[np.ndarray, ...]

    @property
    def count(self) -> int:
        return len(self.entries)

    @property
    def size(self) -> int:
        """Entries of the largest block."""
        return int(self.entries.shape[1])

    @property
    def full(self) -> bool:
        """Whether all blocks have as many entries."""
        return bool(np.all(self.entries >= 0))

    def gather(self, flat: Any) -> Any:
        """From the flat latent to its blocks, shape (blocks, size); what fills up is zero."""
        if np.array_equal(self.entries.ravel(), np.arange(self.entries.size)):
            return flat.reshape(self.entries.shape)
        blocks = flat[np.maximum(self.entries, 0)]
        return blocks if self.full else pt.where(self.entries >= 0, blocks, 0.0)

    def scatter(self, blocks: Any) -> Any:
        """From blocks to the latent itself."""
        order = np.empty(int(np.prod(self.shape)), dtype=int)
        flat = self.entries.ravel()
        order[flat[flat >= 0]] = np.flatnonzero(flat >= 0)
        found = blocks.reshape((-1,))
        if not np.array_equal(order, np.arange(flat.size)):
            found = found[order]
        return found.reshape(self.shape)

    def sums(self, terms: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Sum of the terms of each block, shape (blocks,), and the terms of none."""
        total, others = pt.zeros(self.count), []
        for term, owner in zip(terms, self.owners, strict=True):
            flat = term.reshape((-1,)) if term.type.ndim != 1 else term
            if np.array_equal(owner, np.arange(self.count)):
                total = total + flat
                continue
            own = np.flatnonzero(owner >= 0)
            if len(own) < len(owner):
                others.append(flat[np.flatnonzero(owner < 0)])
                flat = flat[own]
            if len(own) == len(owner) and len(owner) % self.count == 0:
                each = len(owner) // self.count
                if np.array_equal(owner, np.repeat(np.arange(self.count), each)):
                    total = total + flat.reshape((self.count, each)).sum(axis=1)
                    continue
            total = pt.inc_subtensor(total[owner[own]], flat)
        return total, others


def blocks_of(probe: Probe, together: int = 0) -> Blocks:
    """The finest partition that the terms allow.

    Parameters
    ----------
    probe : Probe
    together : int
        So many axes, the last ones, cannot be taken apart: of a simplex, whose entries have to sum
        to one.
    """
    shape = probe.draws[0].shape
    flat = np.arange(int(np.prod(shape))).reshape(shape)
    size = int(np.prod(shape[len(shape) - together :]))
    candidates = [flat.reshape(-1, size)]
    for axis in range(len(shape) - together):
        if len(shape) > 1 and shape[axis] > 1:
            candidates.append(np.moveaxis(flat, axis, 0).reshape(shape[axis], -1))
    for entries in candidates:
        if (owners := _owners(probe, entries)) is not None:
            return Blocks(shape, entries, owners)
    return _components(probe, shape, apart=not together)


def _owners(probe: Probe, entries: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Which of these blocks each term depends on; None if one depends on several.

    Blocks are numbered in binary. For every digit those where it is 1 are moved, then the others:
    a term that depends on one block alone changes in just one of the two, which tells the digit.
    """
    count = len(entries)
    number = np.empty(entries.size, dtype=int)
    number[entries] = np.arange(count)[:, None]
    digits = max(1, (count - 1).bit_length())
    for some in zip(*(_changed(probe, number, d) for d in range(digits)), strict=True):
        for moved, others in some:
            if np.any(moved & others):
                return None
    found = []
    for some in zip(*(_changed(probe, number, d) for d in range(digits)), strict=True):
        owner = sum(moved.astype(int) << digit for digit, (moved, _) in enumerate(some))
        none = ~np.logical_or.reduce([moved | others for moved, others in some])
        found.append(np.where(none, -1, owner))
    return tuple(found)


def _changed(probe: Probe, number: np.ndarray, digit: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each array of terms: what changes with blocks of this digit 1, and with the others."""
    base, other = (draw.ravel() for draw in probe.draws[:2])
    before, high = probe.terms(probe.draws[0]), (number >> digit) & 1 == 1
    moved, rest = (
        probe.terms(np.where(which, other, base).reshape(probe.draws[0].shape))
        for which in (high, ~high)
    )
    return [
        (one != start, two != start) for start, one, two in zip(before, moved, rest, strict=True)
    ]


def _components(probe: Probe, shape: tuple[int, ...], *, apart: bool) -> Blocks:
    """Entries that are connected by terms, moved one by one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    base, other = (draw.ravel() for draw in probe.draws[:2])
    before = np.concatenate(probe.terms(probe.draws[0]))
    ends = np.cumsum([len(part) for part in probe.terms(probe.draws[0])])[:-1]
    if not apart or base.size > _MOST:
        owner = np.zeros(len(before), dtype=int)
        return Blocks(shape, np.arange(base.size)[None], tuple(np.split(owner, ends)))

    def changed(entry: int) -> np.ndarray:
        moved = base.copy()
        moved[entry] = other[entry]
        return np.flatnonzero(np.concatenate(probe.terms(moved.reshape(shape))) != before)

    touched = [changed(entry) for entry in range(base.size)]
    rows = np.repeat(np.arange(base.size), [len(t) for t in touched])
    columns = np.concatenate(touched)
    size = base.size + len(before)
    edges = coo_array((np.ones(len(rows)), (rows, base.size + columns)), shape=(size, size))
    _, label = connected_components(edges, directed=False)
    names, block = np.unique(label[: base.size], return_inverse=True)
    members = [np.flatnonzero(block == b) for b in range(len(names))]
    entries = np.full((len(names), max(map(len, members))), -1)
    for row, member in zip(entries, members, strict=True):
        row[: len(member)] = member
    known = {name: number for number, name in enumerate(names)}
    owner = np.array([known.get(name, -1) for name in label[base.size :]])
    return Blocks(shape, entries, tuple(np.split(owner, ends)))


Evaluate = Callable[[np.ndarray], np.ndarray]


def heights(probe: Probe, blocks: Blocks) -> Evaluate:
    """From a value of the latent to log p(x, z | θ) of each block, but for a constant."""

    def at(z: np.ndarray) -> np.ndarray:
        total = np.zeros(blocks.count)
        for term, owner in zip(probe.terms(z), blocks.owners, strict=True):
            own = owner >= 0
            np.add.at(total, owner[own], term[own])
        return total

    return at
