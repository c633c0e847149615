"""The terms of log p(x, z | θ) as functions of the latent z, evaluated at random points.

Which strategy can marginalise a latent, and in which blocks, depends on the terms of log p(x, z |
θ) as functions of z. They are evaluated at parameters, latents and data that are drawn from the
model itself, so that all of them are possible. A property that fails at random points does not
hold. A property that holds at all of them fails elsewhere with probability zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.model.fgraph import ModelVar
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import graph_replace
from pytensor.tensor.random.type import RandomType

from latentfit.bayes.marginalize.structure._graphs import log_joint_graphs
from latentfit.declaration import function, interpreting, stable

# Number of draws from the model, of which some have a finite density.
_MODEL_DRAWS = 20


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
    inputs: Sequence[Any], outputs: Sequence[Any], count: int = 2, *, finite: bool = True
) -> list[Probe] | None:
    """Draw parameters, latents and data from a model, and build a probe for each draw.

    Parameters
    ----------
    inputs : sequence of Variable
        The variables of the rest of the model that the subgraph depends on.
    outputs : sequence of Variable
        The latent, and the variables that depend on it.
    count : int
        Number of probes.
    finite : bool
        Whether to leave out values of the latent at which the density is zero.

    Returns
    -------
    list of Probe or None
        None if the model cannot be drawn from (because a prior is improper), or if too few
        draws have a finite density.
    """
    needed = [one for one in inputs if not isinstance(one.type, RandomType)]
    inner = FunctionGraph(list(inputs), list(outputs), clone=True)
    value, dependents, terms = log_joint_graphs(inner.outputs[0], inner.outputs[1:])
    # A shared variable, such as the length of a dimension, cannot be an argument of a function,
    # but a variable of the same type can.
    places = {a: a.type() for a, b in zip(inner.inputs, inputs, strict=True) if b in needed}
    terms = graph_replace(terms, places, strict=False)
    arguments, stable_terms = [value, *dependents, *places.values()], stable(terms)
    evaluate = function(arguments, stable_terms, rewritten=True)

    @cache
    def gradient_function() -> Callable[..., np.ndarray]:
        total = sum(pt.sum(term) for term in stable_terms)
        gradient = pytensor.grad(total, value, disconnected_inputs="ignore")
        compiled: Callable[..., np.ndarray] = function(arguments, gradient, rewritten=True)
        return compiled

    model_graph = FunctionGraph(outputs=[*needed, *outputs], clone=True)
    for node in model_graph.toposort():
        if isinstance(node.op, ModelVar):
            model_graph.replace(node.outputs[0], node.inputs[0], import_missing=True)
    found: list[Probe] = []
    try:
        with interpreting(), np.errstate(all="ignore"):
            sample = pm.pytensorf.compile([], model_graph.outputs, random_seed=0)
            draws = [sample() for _ in range(_MODEL_DRAWS)]
    except NotImplementedError:
        return None
    for draw in draws:
        given, data = draw[: len(needed)], draw[len(needed) + 1 :]

        def at(z: np.ndarray, given: Any = given, data: Any = data) -> list[np.ndarray]:
            with np.errstate(all="ignore"):
                return [np.ravel(part) for part in evaluate(z, *data, *given)]

        def slope(z: np.ndarray, given: Any = given, data: Any = data) -> np.ndarray:
            return gradient_function()(z, *data, *given)

        own, *others = (one[len(needed)] for one in (draw, *(d for d in draws if d is not draw)))
        if _all_finite(at(own)):
            possible = [other for other in others if not finite or _all_finite(at(other))]
            if len(possible) > 1:
                found.append(Probe((own, *possible), at, slope))
        if len(found) == count:
            return found
    return None


def _all_finite(terms: list[np.ndarray]) -> bool:
    return all(np.isfinite(term).all() for term in terms)
