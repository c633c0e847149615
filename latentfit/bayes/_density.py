"""log p(x | θ) and log p(θ) on the unconstrained scale, with gradients and Hessians.

Compiled once for a declaration and shared by whatever optimises or differentiates. The log
prior is the density on the *natural* scale, without the Jacobian of the transform: its mode is
the MAP as PyMC's ``find_MAP`` has it, and the unconstrained scale is only how one gets there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from latentfit.bayes._curvature import curvature
from latentfit.bayes._maximise import Maximum
from latentfit.declaration import Space, double_precision, function, stable

# Matrices of second derivatives that a density remembers.
_KEPT = 32

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
        likelihood, score = self._likelihood(point)
        return float(likelihood), score

    def log_prior(self, point: np.ndarray) -> Objective:
        """Value and gradient of log p(θ), the density on the natural scale."""
        prior, slope = self._prior(point)
        return float(prior), slope

    def log_posterior(self, point: np.ndarray) -> Objective:
        """Value and gradient of log p(x | θ) + log p(θ)."""
        likelihood, score = self.log_likelihood(point)
        prior, slope = self.log_prior(point)
        return likelihood + prior, score + slope

    def objective(self, point: np.ndarray, *, prior: bool = False) -> float:
        """Log p(x | θ), or log p(x | θ) + log p(θ), without the gradient."""
        (likelihood,) = self._height(point)
        return float(likelihood) + (self.log_prior(point)[0] if prior else 0.0)

    def hessian(self, point: np.ndarray, *, prior: bool = False) -> np.ndarray:
        """Second derivatives of log p(x | θ), or of log p(x | θ) + log p(θ); exact.

        Returns
        -------
        ndarray, shape (size, size)
        """
        likelihood = self._hessian(np.asarray(point, float).tobytes())
        return likelihood + self.prior_hessian(point) if prior else likelihood

    def prior_hessian(self, point: np.ndarray) -> np.ndarray:
        """Second derivatives of log p(θ), shape (size, size)."""
        (prior,) = self._prior_curvature(point)
        return prior

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
        """Log p(x | θ) and log p(θ) as graphs of `point`."""
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
    def _likelihood(self) -> Callable[..., list[np.ndarray]]:
        return function([self.point], self._stable[0], rewritten=True)

    @cached_property
    def _prior(self) -> Callable[..., list[np.ndarray]]:
        return function([self.point], self._stable[1], rewritten=True)

    @cached_property
    def _height(self) -> Callable[..., list[np.ndarray]]:
        return function([self.point], self._stable[0][:1], rewritten=True)

    @cached_property
    def _hessian(self) -> Callable[[bytes], np.ndarray]:
        """Of log p(x | θ), by the bytes of a point: maxima are asked for again and again."""

        @lru_cache(_KEPT)
        def hessian(raw: bytes) -> np.ndarray:
            (found,) = self._curvature(np.frombuffer(raw))
            found.flags.writeable = False
            return found

        return hessian

    @cached_property
    def _curvature(self) -> Callable[..., list[np.ndarray]]:
        return curvature(self._stable[0][1:], self.point)

    @cached_property
    def _prior_curvature(self) -> Callable[..., list[np.ndarray]]:
        return curvature(self._stable[1][1:], self.point)

    @cached_property
    def _stable(self) -> list[list[Any]]:
        """Each density with its gradient."""
        return [[term, _gradient(term, self.point)] for term in stable(self.graphs)]


def _gradient(term: Any, point: Any) -> Any:
    return pytensor.grad(term, point, disconnected_inputs="ignore")
