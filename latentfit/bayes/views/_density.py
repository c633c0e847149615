"""log p(x | θ) and log p(θ) at unconstrained points, with gradients and Hessians.

The functions are compiled once for a declaration and shared by all code that optimises or
differentiates. The log prior is the density on the *natural* scale, without the Jacobian of the
transform, so that its mode is the MAP estimate as PyMC's ``find_MAP`` defines it. The unconstrained
scale is used for optimisation and differentiation only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace

from latentfit.bayes.derivatives import gradient
from latentfit.bayes.views._hessian import hessian_function
from latentfit.declaration import Space
from latentfit.declaration.compilation import compile_function, double_precision, stabilise

# Number of points whose Hessian of the log-likelihood a density keeps.
_CACHED_HESSIANS = 32

# Relative rounding error of the conversion between natural and unconstrained scale.
_ROUNDING_RELATIVE = 1e-14

# A log density, and its gradient of shape (size,).
ValueAndGradient = tuple[float, np.ndarray]


@dataclass(frozen=True)
class Density:
    """Log densities of one declaration on one data set.

    Attributes
    ----------
    view : pm.Model
        The observed view.
    space : Space
        The parameter space, which maps unconstrained points to natural parameters.
    """

    view: pm.Model
    space: Space

    @property
    def tractable(self) -> bool:
        """Whether log p(x | θ) can be evaluated."""
        return True

    def log_likelihood(self, point: np.ndarray) -> ValueAndGradient:
        """Evaluate log p(x | θ) and its gradient, shapes () and (size,)."""
        likelihood, score = self._likelihood(point)
        return float(likelihood), score

    def log_prior(self, point: np.ndarray) -> ValueAndGradient:
        """Evaluate log p(θ), the density on the natural scale, and its gradient."""
        prior, gradient = self._prior(point)
        return float(prior), gradient

    def log_posterior(self, point: np.ndarray) -> ValueAndGradient:
        """Evaluate log p(x | θ) + log p(θ) and its gradient."""
        likelihood, score = self.log_likelihood(point)
        prior, gradient = self.log_prior(point)
        return likelihood + prior, score + gradient

    def objective(self, point: np.ndarray, *, prior: bool = False) -> float:
        """Evaluate log p(x | θ), or log p(x | θ) + log p(θ), without the gradient.

        A parameter that bounds the range of the data has its maximum where it equals the largest
        of them. The conversion to the unconstrained scale and back changes its last digit, and the
        data would be impossible by rounding. Where the likelihood is 0, its value is therefore the
        largest one at points that differ from the given one by rounding.
        """
        value = self._value(point)
        if value == -np.inf:
            steps = _ROUNDING_RELATIVE * np.diag(1 + np.abs(point))
            value = max(value, *(self._value(point + step) for step in (*steps, *-steps)))
        return value + (self.log_prior(point)[0] if prior else 0.0)

    def _value(self, point: np.ndarray) -> float:
        (likelihood,) = self._likelihood_value(point)
        return float(likelihood)

    def hessian(self, point: np.ndarray, *, prior: bool = False) -> np.ndarray:
        """Evaluate the exact Hessian of log p(x | θ), or of log p(x | θ) + log p(θ).

        Returns
        -------
        ndarray, shape (size, size)
            With respect to the unconstrained coordinates.
        """
        likelihood = self._likelihood_hessian(np.asarray(point, float).tobytes())
        return likelihood + self.prior_hessian(point) if prior else likelihood

    def prior_hessian(self, point: np.ndarray) -> np.ndarray:
        """Evaluate the exact Hessian of log p(θ), shape (size, size)."""
        (prior,) = self._prior_hessian(point)
        return prior

    @cached_property
    def cached_results(self) -> dict[tuple[str, bytes], Any]:
        """Results of expensive computations on this density.

        Each function that stores results here uses its own name and the bytes of the point as
        the key.
        """
        return {}

    @cached_property
    def point(self) -> Any:
        """The symbolic unconstrained vector of which the densities are graphs."""
        return pt.vector("point", shape=(self.space.size,))

    @cached_property
    def graphs(self) -> tuple[Any, Any]:
        """Graphs of log p(x | θ) and log p(θ) as functions of `point`."""
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
        compiled: Callable[..., list[np.ndarray]] = compile_function(
            [self.point], self._stable_graphs[0], rewritten=True
        )
        return compiled

    @cached_property
    def _prior(self) -> Callable[..., list[np.ndarray]]:
        compiled: Callable[..., list[np.ndarray]] = compile_function(
            [self.point], self._stable_graphs[1], rewritten=True
        )
        return compiled

    @cached_property
    def _likelihood_value(self) -> Callable[..., list[np.ndarray]]:
        compiled: Callable[..., list[np.ndarray]] = compile_function(
            [self.point], self._stable_graphs[0][:1], rewritten=True
        )
        return compiled

    @cached_property
    def _likelihood_hessian(self) -> Callable[[bytes], np.ndarray]:
        """The Hessian of log p(x | θ) as a function of the bytes of a point.

        Results are cached because the Hessian at a maximum is used many times.
        """

        @lru_cache(_CACHED_HESSIANS)
        def hessian(raw: bytes) -> np.ndarray:
            (matrix,) = self._evaluate_likelihood_hessian(np.frombuffer(raw))
            matrix.flags.writeable = False
            return matrix

        return hessian

    @cached_property
    def _evaluate_likelihood_hessian(self) -> Callable[..., list[np.ndarray]]:
        return hessian_function(self._stable_graphs[0][1:], self.point)

    @cached_property
    def _prior_hessian(self) -> Callable[..., list[np.ndarray]]:
        return hessian_function(self._stable_graphs[1][1:], self.point)

    @cached_property
    def _stable_graphs(self) -> list[list[Any]]:
        """Numerically stable graphs of each log density and its gradient."""
        return [[term, gradient(term, self.point)] for term in stabilise(self.graphs)]


def at_unconstrained_point(density: Density, model: pm.Model, graphs: list[Any]) -> list[Any]:
    """Express graphs of a model's parameters as graphs of the unconstrained point.

    Parameters
    ----------
    density : Density
        Its `Density.point` is the unconstrained point.
    model : pm.Model
        The declared model or a view of it, to which the graphs belong.
    graphs : list of TensorVariable
    """
    parts = density.space.symbolic(density.point)
    values = {value: parts[value.name] for value in model.value_vars if value.name in parts}
    return list(graph_replace(model.replace_rvs_by_values(graphs), values, strict=False))
