"""log p(x | θ) and log p(θ) on the unconstrained scale, with gradients and Hessians.

Compiled once for a declaration and shared by whatever optimises or differentiates. The log
prior is the density on the *natural* scale, without the Jacobian of the transform: its mode is
the MAP as PyMC's ``find_MAP`` has it, and the unconstrained scale is only how one gets there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from latentfit.bayes._curvature import curvature
from latentfit.bayes._maximise import Maximum
from latentfit.declaration import Space, double_precision, function, stable

Objective = tuple[float, np.ndarray]


@dataclass(frozen=True)
class Density:
    """Log densities of one declaration on one data set.

    Attributes
    ----------
    view : pm.Model
        The observed view.
    space : Space
        What the unconstrained vector stands for.
    """

    view: pm.Model
    space: Space

    @property
    def tractable(self) -> bool:
        """Whether log p(x | θ) is known."""
        return True

    def log_likelihood(self, point: np.ndarray) -> Objective:
        """Value and gradient of log p(x | θ), shapes () and (size,)."""
        likelihood, _, score, _ = self._evaluate(point)
        return float(likelihood), score

    def log_prior(self, point: np.ndarray) -> Objective:
        """Value and gradient of log p(θ), the density on the natural scale."""
        _, prior, _, slope = self._evaluate(point)
        return float(prior), slope

    def log_posterior(self, point: np.ndarray) -> Objective:
        """Value and gradient of log p(x | θ) + log p(θ)."""
        likelihood, prior, score, slope = self._evaluate(point)
        return float(likelihood + prior), score + slope

    def height(self, point: np.ndarray, *, prior: bool = False) -> float:
        """log p(x | θ), or log p(x | θ) + log p(θ), without the gradient."""
        likelihood, other = self._heights(point)
        return float(likelihood + other if prior else likelihood)

    def hessian(self, point: np.ndarray, *, prior: bool = False) -> np.ndarray:
        """Second derivatives of log p(x | θ), or of log p(x | θ) + log p(θ); exact.

        Returns
        -------
        ndarray, shape (size, size)
        """
        likelihood, other = self._curvature(point)
        return likelihood + other if prior else likelihood

    def prior_hessian(self, point: np.ndarray) -> np.ndarray:
        """Second derivatives of log p(θ), shape (size, size)."""
        return self._curvature(point)[1]

    @cached_property
    def climbs(self) -> dict[bytes, Maximum]:
        """Where climbs on log p(x | θ) have ended, by the bytes of their starts."""
        return {}

    @cached_property
    def point(self) -> Any:
        """The symbolic unconstrained vector of which the densities are graphs."""
        return pt.vector("point", shape=(self.space.size,))

    @cached_property
    def graphs(self) -> tuple[Any, Any]:
        """log p(x | θ) and log p(θ) as graphs of `point`."""
        view, parts = self.view, self.space.symbolic(self.point)
        observed, free = view.observed_RVs, view.free_RVs
        with double_precision():
            factors: Any = view.logp(vars=[*observed, *free], jacobian=False, sum=False)
            terms = [
                sum(map(pt.sum, some))
                for some in (factors[: len(observed)], factors[len(observed) :])
            ]
        values = {value: parts[value.name] for value in view.value_vars}
        likelihood, prior = graph_replace(terms, values, strict=False)
        return likelihood, prior

    @cached_property
    def _evaluate(self) -> Callable[..., list[np.ndarray]]:
        return function([self.point], self._stable, rewritten=True)

    @cached_property
    def _heights(self) -> Callable[..., list[np.ndarray]]:
        return function([self.point], self._stable[:2], rewritten=True)

    @cached_property
    def _stable(self) -> list[Any]:
        """Both densities, then the gradient of each."""
        terms = stable(self.graphs)
        return [*terms, *(_gradient(term, self.point) for term in terms)]

    @cached_property
    def _curvature(self) -> Callable[..., list[np.ndarray]]:
        return curvature(self._stable[2:], self.point)


def _gradient(term: Any, point: Any) -> Any:
    return pytensor.grad(term, point, disconnected_inputs="ignore")
