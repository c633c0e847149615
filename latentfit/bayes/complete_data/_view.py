"""Q of one declaration, and expectations under p(z | x, θ)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import pytensor

from latentfit.bayes._chain import Chain
from latentfit.bayes._curvature import curvature
from latentfit.bayes._density import Density
from latentfit.bayes._maximise import Maximum, maximise, polish
from latentfit.bayes.complete_data._additive import Additive, additive
from latentfit.declaration import Declaration, function

Statistics = Mapping[str, np.ndarray]
# Relative difference of expectations over two sets of points.
_SAME = 1e-9
# A complete-data statistic: a function of (latents, data).
Statistic = Callable[[Mapping[str, np.ndarray], Mapping[str, Any]], Any]


@dataclass(frozen=True)
class CompleteData:
    """Conditional expectations and Q of one declaration on one data set.

    Attributes
    ----------
    declaration : Declaration
    density : Density
    exact : bool
        Whether the statistics are exact; otherwise they are draws, sample axis first.
    discrete : bool
        Whether the latents are: exact statistics are then probabilities of categories.
    joint : callable or None
        From θ', unconstrained, to ``{latent: (log p(x, z = k | θ'), log p(z = k | θ'))}``,
        categories along the last axis; where the latents are categorical.
    chain : callable or None
        From θ' to a `Chain`, where the latent is one.
    """

    declaration: Declaration
    density: Density
    exact: bool
    discrete: bool
    _statistics: Callable[[np.ndarray, np.random.Generator], dict[str, np.ndarray]]
    # Statistics that Q takes, in order, and the symbols that stand for them in its graph.
    _names: tuple[str, ...]
    _inputs: tuple[Any, ...]
    _q: Any
    joint: Callable[[np.ndarray], dict[str, tuple[np.ndarray, np.ndarray]]] | None = None
    chain: Callable[[np.ndarray], Chain] | None = None
    _additive: dict[Statistic, Additive | None] = field(default_factory=dict, compare=False)
    _exactly: dict[Statistic, bool] = field(default_factory=dict, compare=False)

    @property
    def latents(self) -> tuple[str, ...]:
        """Names of the latents."""
        return self.declaration.latents

    def statistics(self, point: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What Q(· | θ') has to know of θ', ``{latent: array}``.

        Of a discrete latent, the probabilities of its categories, shape (*shape, K), of a Markov
        chain besides under `pairs_of` those of neighbours; of a continuous one, its mean, and
        under `points_of` and `again_of` points that stand for its distribution; or draws, shape
        (sample, *shape).

        Parameters
        ----------
        point : ndarray, shape (size,)
            θ', unconstrained.
        rng : Generator
            Used where the statistics are draws.
        """
        return self._statistics(point, rng)

    def expectation(self, statistic: Statistic, statistics: Statistics) -> np.ndarray | None:
        """E[f(z, x) | x, θ'], exactly.

        Parameters
        ----------
        statistic : callable
            f, a function of (latents, data).
        statistics : mapping
            Of θ'.

        Returns
        -------
        ndarray or None
            None where it is not known exactly: f does not add over the entries of discrete
            latents, or points that stand for continuous ones do not serve for it.
        """
        if not self.exact:
            return None
        if not self.discrete:
            return self._over_points(statistic, statistics)
        terms = self.additive(statistic, statistics)
        return None if terms is None else self.mean(terms, statistics)

    def additive(self, statistic: Statistic, statistics: Statistics) -> Additive | None:
        """The terms of a statistic of discrete latents, found once and kept."""
        if statistic not in self._additive:
            probabilities = {name: statistics[name] for name in self.latents}
            self._additive[statistic] = additive(
                lambda latents: np.asarray(statistic(latents, self.declaration.data)),
                {name: r.shape[:-1] for name, r in probabilities.items()},
                {name: r.shape[-1] for name, r in probabilities.items()},
                chain=self.chain is not None,
            )
        return self._additive[statistic]

    def _over_points(self, statistic: Statistic, statistics: Statistics) -> np.ndarray | None:
        def mean(of: Callable[[str], str]) -> np.ndarray:
            every = [
                np.asarray(
                    statistic(
                        {n: statistics[of(n)][i] for n in self.latents}, self.declaration.data
                    ),
                    float,
                )
                for i in range(len(statistics[of("weights")]))
            ]
            found: np.ndarray = np.tensordot(statistics[of("weights")], np.stack(every), axes=1)
            return found

        found = mean(points_of)
        if statistic not in self._exactly:
            self._exactly[statistic] = agree(found, mean(again_of))
        return found if self._exactly[statistic] else None

    def mean(self, terms: Additive, statistics: Statistics) -> np.ndarray:
        """The expectation of an additive statistic, given probabilities."""
        pairs = {name: statistics[pairs_of(name)] for name in terms.pairs}
        return terms.mean(statistics, pairs)

    def q(
        self, statistics: Statistics, point: np.ndarray, *, prior: bool = False
    ) -> tuple[float, np.ndarray]:
        """Q(θ | θ') and its gradient in θ on the unconstrained scale.

        Parameters
        ----------
        prior : bool
            Q(θ | θ') + log p(θ) instead.
        """
        value, gradient = self._evaluate(point, *(statistics[name] for name in self._names))
        if prior:
            more, slope = self.density.log_prior(point)
            return float(value) + more, gradient + slope
        return float(value), gradient

    def hessian(
        self, statistics: Statistics, point: np.ndarray, *, prior: bool = False
    ) -> np.ndarray:
        """Second derivatives of `q` in θ, shape (size, size)."""
        (matrix,) = self._curvature(point, *(statistics[name] for name in self._names))
        if prior:
            return matrix + self.density.prior_hessian(point)
        return matrix

    def maximise(
        self, statistics: Statistics, start: np.ndarray, *, prior: bool = False
    ) -> Maximum:
        """The M step that the declaration itself would take.

        Parameters
        ----------
        prior : bool
            Maximise Q(θ | θ') + log p(θ) instead.
        """
        objective = partial(self.q, statistics, prior=prior)
        bend = partial(self.hessian, statistics, prior=prior)
        # Q is all but quadratic as a rule, and Newton's method then needs a few steps.
        bounded = self.density.space.bounded
        found = polish(objective, bend, start, bounded)
        return found if found.reached else maximise(objective, bend, start, bounded)

    @cached_property
    def _evaluate(self) -> Callable[..., list[np.ndarray]]:
        return function([self.density.point, *self._inputs], self._graphs, rewritten=True)

    @cached_property
    def _graphs(self) -> list[Any]:
        """Q and its gradient."""
        point = self.density.point
        return [self._q, pytensor.grad(self._q, point, disconnected_inputs="ignore")]

    @cached_property
    def _curvature(self) -> Callable[..., list[np.ndarray]]:
        return curvature(self._graphs[1:], self.density.point, self._inputs)


def pairs_of(latent: str) -> str:
    """Under which name the statistics of a Markov chain hold pairs of neighbouring states."""
    return f"{latent}, neighbours"


def points_of(latent: str) -> str:
    """Under which name the statistics hold points for a continuous latent, and their weights."""
    return f"{latent}, points"


def again_of(latent: str) -> str:
    """Under which name they hold other points for it, on which the same has to follow."""
    return f"{latent}, other points"


def agree(one: Any, other: Any) -> bool:
    """Whether two ways to an expectation lead to the same numbers."""
    size = np.max(np.abs(one), initial=0.0)
    with np.errstate(all="ignore"):
        return bool(np.all(np.abs(np.subtract(one, other)) <= _SAME * size))
