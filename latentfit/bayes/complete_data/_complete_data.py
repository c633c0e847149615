"""Q of one declaration, and expectations under p(z | x, θ)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from latentfit.bayes.complete_data._additive import AdditiveStatistic, find_additive_terms
from latentfit.bayes.derivatives import gradient
from latentfit.bayes.maxima import Maximum, maximise, polish
from latentfit.bayes.views import Density, MarkovChainTerms, hessian_function
from latentfit.declaration import Declaration
from latentfit.declaration.compilation import compile_function

Statistics = Mapping[str, np.ndarray]
# A complete-data statistic: a function of (latents, data).
Statistic = Callable[[Mapping[str, np.ndarray], Mapping[str, Any]], Any]

# `points_key` of this name is the key of the weights of the points of continuous latents.
WEIGHTS = "weights"

# Difference of two values of one expectation, relative to its size, that is attributed to rounding.
_EQUAL_EXPECTATION_RELATIVE = 1e-9


@dataclass(frozen=True)
class CompleteData:
    """Conditional expectations and Q of one declaration on one data set.

    Attributes
    ----------
    declaration : Declaration
    density : Density
    exact : bool
        Whether the statistics are exact. Otherwise they are draws, with the sample axis first.
    categories : mapping of str to ndarray of int
        ``{latent: its values}`` for the categorical latents, of which an E step returns
        probabilities. Of all other latents, counts included, it returns the expectation.
    joint : callable or None
        From θ', unconstrained, to ``{latent: (log p(x, z = k | θ'), log p(z = k | θ'))}``, with
        categories along the last axis. None unless the latents are categorical.
    chain : callable or None
        From θ', unconstrained, to `MarkovChainTerms`. None unless the latent is a Markov chain.
    """

    declaration: Declaration
    density: Density
    exact: bool
    categories: Mapping[str, np.ndarray]
    _statistics: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]
    # The names of the statistics on which Q depends, and their variables in its graph.
    _names: tuple[str, ...]
    _inputs: tuple[Any, ...]
    _q: Any
    joint: Callable[[np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]] | None = None
    chain: Callable[[np.ndarray], MarkovChainTerms] | None = None
    _additive: dict[Statistic, AdditiveStatistic | None] = field(
        default_factory=dict, compare=False
    )
    _points_suffice: dict[Statistic, bool] = field(default_factory=dict, compare=False)

    @property
    def latents(self) -> tuple[str, ...]:
        """Names of the latents."""
        return self.declaration.latents

    @property
    def discrete(self) -> bool:
        """Whether all latents are categorical."""
        return all(name in self.categories for name in self.latents)

    def statistics(self, point: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Compute the arrays through which Q(· | θ') depends on θ'.

        Parameters
        ----------
        point : ndarray, shape (size,)
            θ', unconstrained.
        rng : Generator
            Used where the statistics are draws.

        Returns
        -------
        dict of ndarray
            For a discrete latent, the probabilities of its categories, shape (*shape, K), and
            for a Markov chain also those of pairs of neighbours under `pairs_key`. For a
            continuous latent, its mean, and points that represent its distribution under
            `points_key` and `second_points_key`. Where the statistics are not exact, draws of
            shape (sample, *shape).
        """
        return self._statistics(point, rng)

    def expectation(self, statistic: Statistic, statistics: Statistics) -> np.ndarray | None:
        """Compute E[f(z, x) | x, θ'] exactly.

        Parameters
        ----------
        statistic : callable
            f, a function of (latents, data).
        statistics : mapping
            The statistics at θ'.

        Returns
        -------
        ndarray or None
            None where the exact expectation is not available: f is not additive over the
            entries of discrete latents, or the points that represent continuous latents are not
            exact for f.
        """
        if not self.exact:
            return None
        if not self.discrete:
            return self._mean_over_points(statistic, statistics)
        terms = self.additive(statistic, statistics)
        return None if terms is None else self.mean(terms, statistics)

    def additive(self, statistic: Statistic, statistics: Statistics) -> AdditiveStatistic | None:
        """Find the terms of a statistic of discrete latents, once for each statistic.

        Returns
        -------
        AdditiveStatistic or None
            None if the statistic is not additive.
        """
        if statistic not in self._additive:
            probabilities = {name: statistics[name] for name in self.latents}
            self._additive[statistic] = find_additive_terms(
                lambda latents: np.asarray(
                    statistic(
                        {name: self.categories[name][z] for name, z in latents.items()},
                        self.declaration.data,
                    )
                ),
                {name: r.shape[:-1] for name, r in probabilities.items()},
                {name: r.shape[-1] for name, r in probabilities.items()},
                chain=self.chain is not None,
            )
        return self._additive[statistic]

    def mean(self, terms: AdditiveStatistic, statistics: Statistics) -> np.ndarray:
        """Compute the expectation of an additive statistic from the statistics at θ'."""
        pairs = {name: statistics[pairs_key(name)] for name in terms.pairs}
        return terms.mean(statistics, pairs)

    def q(
        self, statistics: Statistics, point: np.ndarray, *, prior: bool = False
    ) -> tuple[float, np.ndarray]:
        """Evaluate Q(θ | θ') and its gradient in θ on the unconstrained scale.

        Parameters
        ----------
        statistics : mapping
            The statistics at θ'.
        point : ndarray, shape (size,)
            θ, unconstrained.
        prior : bool
            Evaluate Q(θ | θ') + log p(θ) instead.
        """
        value, gradient = self._evaluate(point, *(statistics[name] for name in self._names))
        if prior:
            log_prior, prior_gradient = self.density.log_prior(point)
            return float(value) + log_prior, gradient + prior_gradient
        return float(value), gradient

    def hessian(
        self, statistics: Statistics, point: np.ndarray, *, prior: bool = False
    ) -> np.ndarray:
        """Evaluate the Hessian of `q` in θ, shape (size, size); exact for these statistics."""
        matrix: np.ndarray
        (matrix,) = self._hessian(point, *(statistics[name] for name in self._names))
        return matrix + self.density.prior_hessian(point) if prior else matrix

    def maximise(
        self, statistics: Statistics, start: np.ndarray, *, prior: bool = False
    ) -> Maximum:
        """Maximise Q numerically: the M step that follows from the declaration.

        Parameters
        ----------
        statistics : mapping
            The statistics at θ'.
        start : ndarray, shape (size,)
            Unconstrained.
        prior : bool
            Maximise Q(θ | θ') + log p(θ) instead.
        """
        objective = partial(self.q, statistics, prior=prior)
        hessian = partial(self.hessian, statistics, prior=prior)
        # Q is usually close to quadratic, and Newton's method alone then needs a few steps.
        bounded = self.density.space.bounded
        maximum = polish(objective, hessian, start, bounded)
        return maximum if maximum.reached else maximise(objective, hessian, start, bounded)

    def _mean_over_points(self, statistic: Statistic, statistics: Statistics) -> np.ndarray | None:
        """Compute a weighted mean over points; None if a second set of points disagrees."""

        def mean(key: Callable[[str], str]) -> np.ndarray:
            every = [
                np.asarray(
                    statistic(
                        {n: statistics[key(n)][i] for n in self.latents}, self.declaration.data
                    ),
                    float,
                )
                for i in range(len(statistics[key(WEIGHTS)]))
            ]
            weighted: np.ndarray = np.tensordot(statistics[key(WEIGHTS)], np.stack(every), axes=1)
            return weighted

        expectation = mean(points_key)
        if statistic not in self._points_suffice:
            self._points_suffice[statistic] = equal_expectations(
                expectation, mean(second_points_key)
            )
        return expectation if self._points_suffice[statistic] else None

    @cached_property
    def _evaluate(self) -> Callable[..., list[np.ndarray]]:
        compiled: Callable[..., list[np.ndarray]] = compile_function(
            [self.density.point, *self._inputs], self._graphs, rewritten=True
        )
        return compiled

    @cached_property
    def _graphs(self) -> list[Any]:
        """Graphs of Q and its gradient."""
        return [self._q, gradient(self._q, self.density.point)]

    @cached_property
    def _hessian(self) -> Callable[..., list[np.ndarray]]:
        return hessian_function(self._graphs[1:], self.density.point, self._inputs)


def pairs_key(latent: str) -> str:
    """Key under which the statistics of a Markov chain hold pairs of neighbouring states."""
    return f"{latent}, neighbours"


def points_key(latent: str) -> str:
    """Key under which the statistics hold points for a continuous latent, or their weights."""
    return f"{latent}, points"


def second_points_key(latent: str) -> str:
    """Key under which the statistics hold a second set of points, which checks the first one."""
    return f"{latent}, other points"


def equal_expectations(one: Any, other: Any) -> bool:
    """Whether two computations of one expectation agree up to rounding."""
    size = np.max(np.abs(one), initial=0.0)
    with np.errstate(all="ignore"):
        difference = np.abs(np.subtract(one, other))
        return bool(np.all(difference <= _EQUAL_EXPECTATION_RELATIVE * size))
