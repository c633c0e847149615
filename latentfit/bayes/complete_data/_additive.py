"""Exact conditional expectations of statistics that add over the entries of discrete latents.

A count of genotypes, a sum over members of a class, a number of transitions: each is

    f(z) = c + Σ_i g_i(z_i) + Σ_t h_t(z_t, z_{t+1}),

the last sum over neighbours along the last axis, for a Markov chain. Then E f needs nothing of
p(z | x, θ) but the probabilities of single entries and of neighbours. The terms are found by
evaluating f at a base point, at all points that differ from it in one entry, and for a chain in two
neighbouring ones; whether f is their sum is tried at random points.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

# As many evaluations of somebody's function, of as many values in all, take a second or two.
_MOST = 50_000
_MOST_VALUES = 500_000_000
_TRIED = 5
_SAME = 1e-9

Function = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Additive:
    """The terms of an additive statistic.

    Attributes
    ----------
    constant : ndarray
        f at the base point, where every entry is of category 0.
    single : dict
        ``{latent: (*shape, K, *shape of f)}``: what another category adds to it.
    pairs : dict
        ``{latent: (*batch, T - 1, K, K, *shape of f)}``: what two neighbours add to that.
    """

    constant: np.ndarray
    single: Mapping[str, np.ndarray]
    pairs: Mapping[str, np.ndarray]

    def mean(self, single: Mapping[str, np.ndarray], pairs: Mapping[str, np.ndarray]) -> np.ndarray:
        """E f, given the probabilities of categories and of neighbouring pairs."""
        total = self.constant.copy()
        for terms, weights in ((self.single, single), (self.pairs, pairs)):
            for name, term in terms.items():
                r = weights[name]
                total = total + np.tensordot(np.where(r > 0, r, 0.0), term, axes=r.ndim)
        return total


def additive(
    function: Function,
    shapes: Mapping[str, tuple[int, ...]],
    categories: Mapping[str, int],
    *,
    chain: bool,
) -> Additive | None:
    """Find the terms of a statistic; None where it is no such sum, or has too many terms.

    Parameters
    ----------
    function : callable
        From one value of the latents, ``{name: int array}``, to an array.
    shapes : mapping
        Of the latents.
    categories : mapping
        How many each latent has.
    chain : bool
        Whether neighbours along the last axis may contribute together.
    """
    base = {name: np.zeros(shape, dtype=int) for name, shape in shapes.items()}
    entries = {name: list(np.ndindex(shape)) for name, shape in shapes.items()}
    count = sum(len(entries[n]) * (k + chain * k**2) for n, k in categories.items())
    if count > _MOST or count * sum(map(len, entries.values())) > _MOST_VALUES:
        return None

    def at(name: str, *changes: tuple[tuple[int, ...], int]) -> np.ndarray:
        moved = base[name].copy()
        for index, category in changes:
            moved[index] = category
        return np.asarray(function({**base, name: moved}), dtype=float)

    constant = np.asarray(function(base), dtype=float)
    single, pairs = {}, {}
    for name, shape in shapes.items():
        k = categories[name]
        terms = np.zeros((*shape, k, *constant.shape))
        for index in entries[name]:
            for category in range(1, k):
                terms[(*index, category)] = at(name, (index, category)) - constant
        single[name] = terms
        if chain:
            pairs[name] = _neighbours(at, name, shape, k, terms, constant)
    found = Additive(constant, single, pairs)
    return found if _adds_up(found, function, shapes, categories) else None


def _neighbours(
    at: Callable[..., np.ndarray],
    name: str,
    shape: tuple[int, ...],
    k: int,
    single: np.ndarray,
    constant: np.ndarray,
) -> np.ndarray:
    *batch, times = shape
    terms = np.zeros((*batch, times - 1, k, k, *constant.shape))
    for index in np.ndindex(*batch, times - 1):
        after = (*index[:-1], index[-1] + 1)
        for one in range(1, k):
            for other in range(1, k):
                alone = single[(*index, one)] + single[(*after, other)]
                both = at(name, (index, one), (after, other))
                terms[(*index, one, other)] = both - constant - alone
    return terms


def _adds_up(
    found: Additive,
    function: Function,
    shapes: Mapping[str, tuple[int, ...]],
    categories: Mapping[str, int],
) -> bool:
    rng = np.random.default_rng(0)
    for _ in range(_TRIED):
        z = {name: rng.integers(categories[name], size=shape) for name, shape in shapes.items()}
        certain = {name: np.eye(categories[name])[value] for name, value in z.items()}
        together = {
            name: certain[name][..., :-1, :, None] * certain[name][..., 1:, None, :]
            for name in found.pairs
        }
        value, sum_of_terms = np.asarray(function(z), float), found.mean(certain, together)
        size = np.max(np.abs(value), initial=1.0)
        if value.shape != sum_of_terms.shape:
            return False
        if not np.all(np.abs(value - sum_of_terms) <= _SAME * size):
            return False
    return True
