"""Exact conditional expectations of statistics that are additive over discrete latents.

A count of genotypes, a sum over members of a class, a number of transitions: each has the form

    f(z) = c + Σ_i g_i(z_i) + Σ_t h_t(z_t, z_{t+1}),

where the last sum is over neighbours along the last axis, for a Markov chain. E f then depends on
p(z | x, θ) only through the probabilities of single entries and of neighbours. The terms are found
by evaluating f at a base point, at all points that differ from it in one entry, and for a Markov
chain at those that differ in two neighbouring entries. Random points test whether f is the sum of
its terms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

# Number of evaluations of a user's function, and number of latent values in all of them, beyond
# which the terms are not computed. So many evaluations take a second or two.
_MAX_EVALUATIONS = 50_000
_MAX_EVALUATED_VALUES = 500_000_000
_RANDOM_TESTS = 5
# Difference of a statistic from the sum of its terms, relative to its size, that is attributed to
# rounding.
_EQUAL_STATISTIC_RELATIVE = 1e-9

StatisticFunction = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class AdditiveStatistic:
    """The terms of an additive statistic.

    Attributes
    ----------
    constant : ndarray
        f at the base point, where every entry has category 0.
    single : dict
        ``{latent: (*shape, K, *shape of f)}``: the change of f when one entry has category k.
    pairs : dict
        ``{latent: (*batch, T - 1, K, K, *shape of f)}``: the further change of f when two
        neighbours have categories k and l. Empty unless the latent is a Markov chain.
    """

    constant: np.ndarray
    single: Mapping[str, np.ndarray]
    pairs: Mapping[str, np.ndarray]

    def mean(self, single: Mapping[str, np.ndarray], pairs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Compute E f from the probabilities of categories and of neighbouring pairs.

        Parameters
        ----------
        single : mapping
            ``{latent: (*shape, K)}``.
        pairs : mapping
            ``{latent: (*batch, T - 1, K, K)}``.
        """
        total = self.constant.copy()
        for terms, weights in ((self.single, single), (self.pairs, pairs)):
            for name, term in terms.items():
                r = weights[name]
                total = total + np.tensordot(np.where(r > 0, r, 0.0), term, axes=r.ndim)
        return total


def find_additive_terms(
    function: StatisticFunction,
    shapes: Mapping[str, tuple[int, ...]],
    categories: Mapping[str, int],
    *,
    chain: bool,
) -> AdditiveStatistic | None:
    """Find the terms of a statistic.

    Parameters
    ----------
    function : callable
        From one value of the latents, ``{name: int array}``, to an array.
    shapes : mapping
        Shapes of the latents.
    categories : mapping
        Number of categories of each latent.
    chain : bool
        Whether neighbours along the last axis may contribute jointly.

    Returns
    -------
    AdditiveStatistic or None
        None if the statistic is not additive, or has too many terms.
    """
    base = {name: np.zeros(shape, dtype=int) for name, shape in shapes.items()}
    entries = {name: list(np.ndindex(shape)) for name, shape in shapes.items()}
    count = sum(len(entries[n]) * (k + chain * k**2) for n, k in categories.items())
    values = count * sum(map(len, entries.values()))
    if count > _MAX_EVALUATIONS or values > _MAX_EVALUATED_VALUES:
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
            pairs[name] = _pair_terms(at, name, shape, k, terms, constant)
    statistic = AdditiveStatistic(constant, single, pairs)
    return statistic if _is_sum_of_terms(statistic, function, shapes, categories) else None


def _pair_terms(
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
                separately = single[(*index, one)] + single[(*after, other)]
                jointly = at(name, (index, one), (after, other))
                terms[(*index, one, other)] = jointly - constant - separately
    return terms


def _is_sum_of_terms(
    statistic: AdditiveStatistic,
    function: StatisticFunction,
    shapes: Mapping[str, tuple[int, ...]],
    categories: Mapping[str, int],
) -> bool:
    """Compare the statistic with the sum of its terms at random values of the latents."""
    rng = np.random.default_rng(0)
    for _ in range(_RANDOM_TESTS):
        z = {name: rng.integers(categories[name], size=shape) for name, shape in shapes.items()}
        indicators = {name: np.eye(categories[name])[value] for name, value in z.items()}
        pair_indicators = {
            name: indicators[name][..., :-1, :, None] * indicators[name][..., 1:, None, :]
            for name in statistic.pairs
        }
        value = np.asarray(function(z), float)
        sum_of_terms = statistic.mean(indicators, pair_indicators)
        size = np.max(np.abs(value), initial=1.0)
        if value.shape != sum_of_terms.shape:
            return False
        if not np.all(np.abs(value - sum_of_terms) <= _EQUAL_STATISTIC_RELATIVE * size):
            return False
    return True
