"""The terms of log p(x, z | θ) as functions of the latent z, evaluated at generic points.

Which strategy can marginalise a latent, and in which blocks, depends on the terms of log p(x, z |
θ) as functions of z. They are evaluated at parameters, latents and data inside their supports. A
property that fails at such points does not hold. A property that holds at all of them fails
elsewhere with probability zero, if the terms depend on the latent there: where a likelihood is flat
to rounding, it shows nothing. Points at which more of the terms change with the latent are
therefore preferred.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import graph_replace
from pytensor.tensor.random.type import RandomType

from latentfit.bayes.marginalize.structure._generic_values import (
    EVALUATION_ERRORS,
    GenericValues,
    generic_values,
)
from latentfit.bayes.marginalize.structure._graphs import log_joint_graphs
from latentfit.declaration.compilation import compile_function, stabilise

# Number of further values of the latent that belong to a probe.
_MAX_OTHER_VALUES = 12
# Number of these values with which the terms of a point are compared, to see which of them change.
_COMPARED_VALUES = 3
# Number of points after which the search ends, if all terms change at them.
_SUFFICIENT_POINTS = 6


@dataclass(frozen=True)
class Probe:
    """The terms of log p(x, z | θ) at one θ and x, as functions of z.

    Attributes
    ----------
    draws : tuple of ndarray, each of the latent's shape
        Possible values of the latent.
    terms : callable
        From a value of the latent to log p(z | θ) and log p(x | z, θ) of every dependent, as
        flat arrays.
    slope : callable
        From a value of the latent to the gradient of the sum of the terms in it.
    """

    draws: tuple[np.ndarray, ...]
    terms: Callable[[np.ndarray], list[np.ndarray]]
    slope: Callable[[np.ndarray], np.ndarray]


def draw_probes(
    inputs: Sequence[Any], outputs: Sequence[Any], count: int = 3, *, finite: bool = True
) -> list[Probe] | None:
    """Choose parameters, latents and data inside their supports, and build a probe for each choice.

    Parameters
    ----------
    inputs : sequence of Variable
        The variables of the rest of the model that the subgraph depends on.
    outputs : sequence of Variable
        The latent, and the variables that depend on it.
    count : int
        Smallest number of probes. More are returned if the latter show dependencies of terms on
        the latent that the former do not.
    finite : bool
        Whether to leave out values of the latent at which the density is zero.

    Returns
    -------
    list of Probe or None
        The most informative one first. None if the data cannot be drawn, or if fewer points than
        `count` with a finite density were found.
    """
    return _draw_probes(tuple(inputs), tuple(outputs), count, finite)


# Several strategies look at the same latent, one after the other.
@lru_cache(maxsize=4)
def _draw_probes(
    inputs: tuple[Any, ...], outputs: tuple[Any, ...], count: int, finite: bool
) -> list[Probe] | None:
    needed = [one for one in inputs if not isinstance(one.type, RandomType)]
    evaluate, slope = _compiled_terms(inputs, outputs, needed)
    points: list[_Point] = []
    latents: list[np.ndarray] = []
    for values in generic_values(needed, outputs[0], outputs[1:]):
        latents.append(values.latent)
        point = _Point(values, evaluate, slope)
        if _all_finite(point.terms(values.latent)):
            points.append(point)
        if len(points) == _SUFFICIENT_POINTS and all(
            point.changed(latents, finite=finite).all() for point in points
        ):
            break
    probes = [
        Probe((point.values.latent, *others), point.terms, point.slope)
        for point in _most_informative(points, latents, count, finite=finite)
        if len(others := point.others(latents, _MAX_OTHER_VALUES, finite=finite)) > 1
    ]
    return probes if len(probes) >= count else None


@dataclass(frozen=True)
class _Point:
    """One choice of parameters, latents and data.

    Attributes
    ----------
    values : GenericValues
    evaluate, derivative : callable
        From latents, data and parameters to the terms of log p(x, z | θ) and their gradient in z.
    """

    values: GenericValues
    evaluate: Callable[..., list[np.ndarray]]
    derivative: Callable[..., np.ndarray]

    def terms(self, z: np.ndarray) -> list[np.ndarray]:
        """Evaluate the terms at a value of the latent; not a number where that is impossible."""
        with np.errstate(all="ignore"):
            try:
                terms = self.evaluate(z, *self.values.data, *self.values.given)
            except EVALUATION_ERRORS:
                return [np.array([np.nan])]
        return [np.ravel(part) for part in terms]

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Evaluate the gradient of the sum of the terms in the latent."""
        return self.derivative(z, *self.values.data, *self.values.given)

    def others(
        self, latents: Sequence[np.ndarray], limit: int, *, finite: bool
    ) -> list[np.ndarray]:
        """Choose other values of the latent, those generated next to this one first."""
        own = next(k for k, z in enumerate(latents) if z is self.values.latent)
        nearest = sorted(range(len(latents)), key=lambda k: (abs(k - own), k))[1:]
        found: list[np.ndarray] = []
        for k in nearest:
            if not finite or _all_finite(self.terms(latents[k])):
                found.append(latents[k])
            if len(found) == limit:
                break
        return found

    def changed(self, latents: Sequence[np.ndarray], *, finite: bool) -> np.ndarray:
        """Find the terms that change with the latent, and the dependents that are not all zero.

        Whether a term is linear or quadratic in the latent may not show where a count is zero.

        Returns
        -------
        ndarray of bool
        """
        own = np.concatenate(self.terms(self.values.latent))
        changed = np.zeros(len(own), dtype=bool)
        for other in self.others(latents, _COMPARED_VALUES, finite=finite):
            terms = np.concatenate(self.terms(other))
            if len(terms) == len(own):
                changed |= terms != own
        return np.append(changed, [np.any(one) for one in self.values.data])


def _most_informative(
    points: Sequence[_Point], latents: Sequence[np.ndarray], count: int, *, finite: bool
) -> list[_Point]:
    """Choose points at which many terms change, so that all changes are seen at one of them."""
    remaining = {k: point.changed(latents, finite=finite) for k, point in enumerate(points)}
    chosen: list[_Point] = []
    seen = np.zeros(1, dtype=bool)
    while remaining:
        # Of points that are equally informative the first one is chosen.
        best = max(remaining, key=lambda k: (np.sum(remaining[k] & ~seen), remaining[k].sum(), -k))
        changed = remaining.pop(best)
        if len(chosen) >= count and not np.any(changed & ~seen):
            break
        chosen.append(points[best])
        seen = seen | changed
    return chosen


def _compiled_terms(
    inputs: Sequence[Any], outputs: Sequence[Any], needed: Sequence[Any]
) -> tuple[Callable[..., list[np.ndarray]], Callable[..., np.ndarray]]:
    """Compile the terms of log p(x, z | θ), and their gradient in z on its first call.

    Both are functions of the latent, the dependents, and the variables that are needed besides.
    """
    inner = FunctionGraph(list(inputs), list(outputs), clone=True)
    value, dependents, terms = log_joint_graphs(inner.outputs[0], inner.outputs[1:])
    # A shared variable, such as the length of a dimension, cannot be an argument of a function,
    # but a variable of the same type can.
    places = {a: a.type() for a, b in zip(inner.inputs, inputs, strict=True) if b in needed}
    terms = graph_replace(terms, places, strict=False)
    arguments, stable_terms = [value, *dependents, *places.values()], stabilise(terms)

    @cache
    def gradient_function() -> Callable[..., np.ndarray]:
        total = sum(pt.sum(term) for term in stable_terms)
        gradient = pytensor.grad(total, value, disconnected_inputs="ignore")
        compiled: Callable[..., np.ndarray] = compile_function(arguments, gradient, rewritten=True)
        return compiled

    def derivative(*values: np.ndarray) -> np.ndarray:
        return gradient_function()(*values)

    return compile_function(arguments, stable_terms, rewritten=True), derivative


def _all_finite(terms: list[np.ndarray]) -> bool:
    return all(np.isfinite(term).all() for term in terms)
