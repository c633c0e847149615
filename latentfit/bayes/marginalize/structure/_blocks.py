"""Blocks of a latent that are independent of one another, given x and θ.

Entries of z belong to one block if a term of log p(x, z | θ) depends on them together. Then
log p(x, z | θ) is a sum over blocks, and z can be marginalised one block at a time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from latentfit.bayes.marginalize.structure._probe import Probe

# Latents with more entries than this are not examined entry by entry; one without a simple
# structure is then a single block.
_MAX_EXAMINED_ENTRIES = 500
# Number of other values of the latent, at each probe, with which the terms are compared.
_COMPARED_VALUES = 2


@dataclass(frozen=True)
class IndependentBlocks:
    """A partition of the entries of a latent, and of the terms that depend on them.

    Attributes
    ----------
    shape : tuple of int
        Shape of the latent.
    entries : ndarray of int, shape (blocks, size)
        The entries of each block, as indices of the flat latent; -1 pads smaller blocks.
    owners : tuple of ndarray of int
        For each flat array of terms: the block on which each term depends, or -1 for none.
    """

    shape: tuple[int, ...]
    entries: np.ndarray
    owners: tuple[np.ndarray, ...]

    @property
    def count(self) -> int:
        """Number of blocks."""
        return len(self.entries)

    @property
    def size(self) -> int:
        """Number of entries of the largest block."""
        return int(self.entries.shape[1])

    @property
    def full(self) -> bool:
        """Whether all blocks have the same number of entries."""
        return bool(np.all(self.entries >= 0))

    def gather(self, flat: Any) -> Any:
        """Arrange the flat latent in blocks, shape (blocks, size), padded with zeros."""
        if np.array_equal(self.entries.ravel(), np.arange(self.entries.size)):
            return flat.reshape(self.entries.shape)
        blocks = flat[np.maximum(self.entries, 0)]
        return blocks if self.full else pt.where(self.entries >= 0, blocks, 0.0)

    def scatter(self, blocks: Any) -> Any:
        """Arrange blocks, shape (blocks, size), in the shape of the latent."""
        order = np.empty(int(np.prod(self.shape)), dtype=int)
        flat = self.entries.ravel()
        order[flat[flat >= 0]] = np.flatnonzero(flat >= 0)
        latent = blocks.reshape((-1,))
        if not np.array_equal(order, np.arange(flat.size)):
            latent = latent[order]
        return latent.reshape(self.shape)

    def sums(self, terms: Sequence[Any]) -> tuple[Any, list[Any]]:
        """Sum the terms of each block, shape (blocks,), and return the terms of no block apart."""
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


def partition_into_blocks(probes: Sequence[Probe], joint_axes: int = 0) -> IndependentBlocks:
    """Find the finest partition into blocks that the terms allow.

    Parameters
    ----------
    probes : sequence of Probe
        A term depends on an entry of the latent if it changes with it at any of the probes.
    joint_axes : int
        Number of the last axes whose entries cannot be separated: 1 for a simplex, whose entries
        sum to one.
    """
    shape = probes[0].draws[0].shape
    flat = np.arange(int(np.prod(shape))).reshape(shape)
    size = int(np.prod(shape[len(shape) - joint_axes :]))
    candidates = [flat.reshape(-1, size)]
    for axis in range(len(shape) - joint_axes):
        if len(shape) > 1 and shape[axis] > 1:
            candidates.append(np.moveaxis(flat, axis, 0).reshape(shape[axis], -1))
    for entries in candidates:
        if (owners := _owners(probes, entries)) is not None:
            return IndependentBlocks(shape, entries, owners)
    return _connected_entries(probes, shape, separable=not joint_axes)


def _owners(probes: Sequence[Probe], entries: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Find the block on which each term depends; None if a term depends on several blocks.

    Blocks are numbered in binary. For every digit, the blocks whose digit is 1 are changed, and
    then all other blocks. A term that depends on a single block changes in only one of the two
    cases, which shows the digit of its block.
    """
    count = len(entries)
    number = np.empty(entries.size, dtype=int)
    number[entries] = np.arange(count)[:, None]
    digits = max(1, (count - 1).bit_length())
    by_digit = [_changed_terms(probes, number, digit) for digit in range(digits)]
    for changes in zip(*by_digit, strict=True):
        for with_ones, with_zeros in changes:
            if np.any(with_ones & with_zeros):
                return None
    owners = []
    for changes in zip(*by_digit, strict=True):
        owner = sum(ones.astype(int) << digit for digit, (ones, _) in enumerate(changes))
        none = ~np.logical_or.reduce([ones | zeros for ones, zeros in changes])
        owners.append(np.where(none, -1, owner))
    return tuple(owners)


def _changed_terms(
    probes: Sequence[Probe], number: np.ndarray, digit: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Find the terms that change with the blocks whose digit is 1, and with all other blocks."""
    ones = (number >> digit) & 1 == 1
    return list(
        zip(_changed_with(probes, ones), _changed_with(probes, ~ones), strict=True),
    )


def _changed_with(probes: Sequence[Probe], entries: np.ndarray) -> list[np.ndarray]:
    """Find the terms that change with the selected entries of the flat latent at any probe."""
    changed: list[np.ndarray] = []
    for probe in probes:
        before = probe.terms(probe.draws[0])
        for other in probe.draws[1 : 1 + _COMPARED_VALUES]:
            moved = np.where(entries, other.ravel(), probe.draws[0].ravel())
            after = probe.terms(moved.reshape(other.shape))
            different = [one != start for start, one in zip(before, after, strict=True)]
            changed = [a | b for a, b in zip(changed or different, different, strict=True)]
    return changed


def _connected_entries(
    probes: Sequence[Probe], shape: tuple[int, ...], *, separable: bool
) -> IndependentBlocks:
    """Make blocks of entries that are connected by terms, found by changing them one by one."""
    lengths = [len(part) for part in probes[0].terms(probes[0].draws[0])]
    ends, count, size = np.cumsum(lengths)[:-1], sum(lengths), int(np.prod(shape))
    if not separable or size > _MAX_EXAMINED_ENTRIES:
        owner = np.zeros(count, dtype=int)
        return IndependentBlocks(shape, np.arange(size)[None], tuple(np.split(owner, ends)))
    terms_of_entries = [
        np.flatnonzero(np.concatenate(_changed_with(probes, np.arange(size) == entry)))
        for entry in range(size)
    ]
    rows = np.repeat(np.arange(size), [len(terms) for terms in terms_of_entries])
    columns = np.concatenate(terms_of_entries)
    nodes = size + count
    edges = coo_array((np.ones(len(rows)), (rows, size + columns)), shape=(nodes, nodes))
    _, label = connected_components(edges, directed=False)
    names, block = np.unique(label[:size], return_inverse=True)
    members = [np.flatnonzero(block == b) for b in range(len(names))]
    entries = np.full((len(names), max(map(len, members))), -1)
    for row, member in zip(entries, members, strict=True):
        row[: len(member)] = member
    numbers = {name: number for number, name in enumerate(names)}
    owner = np.array([numbers.get(name, -1) for name in label[size:]])
    return IndependentBlocks(shape, entries, tuple(np.split(owner, ends)))


# From a value of the latent to one log density for each block or entry.
LogDensities = Callable[[np.ndarray], np.ndarray]


def block_log_densities(probe: Probe, blocks: IndependentBlocks) -> LogDensities:
    """Make the function from a value of the latent to log p(x, z | θ) of each block.

    Terms that depend on no block are left out, so that the sum of the blocks is log p(x, z | θ) up
    to a constant.
    """

    def at(z: np.ndarray) -> np.ndarray:
        total = np.zeros(blocks.count)
        for term, owner in zip(probe.terms(z), blocks.owners, strict=True):
            own = owner >= 0
            np.add.at(total, owner[own], term[own])
        return total

    return at
