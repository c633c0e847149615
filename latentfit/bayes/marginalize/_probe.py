"""How log p(x, z | θ) depends on the latent z, found out by trying.

Which strategy can integrate a latent out, and in which pieces, is a property of the terms of
log p(x, z | θ) as functions of z. They are evaluated at parameters, latents and data drawn from the
model itself, so that all of them are possible. What lacks a property at random points lacks it;
what has it at all of them lacks it elsewhere with probability zero.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
from pymc.logprob.basic import conditional_logp
from pymc.model.fgraph import ModelVar
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.random.type import RandomType

from latentfit.declaration import double_precision, function, interpreting, stable

# Tries until a draw from the model has a finite density.
_TRIES = 20


@dataclass(frozen=True)
class Probe:
    """Terms of log p(x, z | θ) at one θ and x.

    Attributes
    ----------
    draws : tuple of ndarray, each of the latent's shape
        Values that the latent can have.
    terms : callable
        From a value of the latent to log p(z | θ) and the log p(x | z, θ) of every dependent,
        as flat arrays.
    slope : callable
        From a value of the latent to the gradient of their sum in it.
    """

    draws: tuple[np.ndarray, ...]
    terms: Callable[[np.ndarray], list[np.ndarray]]
    slope: Callable[[np.ndarray], np.ndarray]


# Functions with steps or kinks, which few random points may lie on both sides of.
_KINKED = (ps.Abs, ps.Maximum, ps.Minimum, ps.Clip)
_NOT_SMOOTH = (
    *_KINKED,
    ps.GT,
    ps.GE,
    ps.LT,
    ps.LE,
    ps.EQ,
    ps.NEQ,
    ps.Sign,
    ps.Floor,
    ps.Ceil,
    ps.Trunc,
    ps.RoundHalfToEven,
    ps.RoundHalfAwayFromZero,
    ps.IntDiv,
    ps.Mod,
)


def smooth(latent: Any, dependents: Sequence[Any]) -> bool:
    """Whether a latent enters what depends on it through smooth functions alone."""
    return not _any(_NOT_SMOOTH, latent, dependents)


def kinked(latent: Any) -> bool:
    """Whether the log density of a latent has a kink, as that of Laplace's distribution."""
    value = latent.type()
    # Switches and comparisons are how PyMC says where a density is zero.
    return _any(_KINKED, value, [pm.logp(latent, value)])


def _any(functions: tuple[type, ...], source: Any, ends: Sequence[Any]) -> bool:
    after = {source}
    for node in io_toposort([source], list(ends)):
        if after.isdisjoint(node.inputs):
            continue
        after.update(node.outputs)
        if isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, functions):
            return True
    return False


def log_joint(latent: Any, dependents: Sequence[Any]) -> tuple[Any, list[Any], list[Any]]:
    """Terms of log p(x, z | θ) as graphs of placeholders.

    Returns
    -------
    Variable
        Stands for a value of the latent.
    list of Variable
        Stand for values of the dependents.
    list of Variable
        log p(z | θ), and log p(x | z, θ) of each dependent.
    """
    value, others = latent.type(), [dependent.type() for dependent in dependents]
    pairs = dict(zip([latent, *dependents], [value, *others], strict=True))
    with double_precision():
        found = conditional_logp(pairs)
    return value, others, [found[placeholder] for placeholder in (value, *others)]


def marginal(
    density: Any, placeholders: Sequence[Any], given: Sequence[Any], values: Sequence[Any]
) -> Any:
    """What a log-probability returns: log p(x | θ), booked on the first of the dependents.

    Parameters
    ----------
    density : Variable
        A graph of placeholders.
    placeholders, given : sequence of Variable
        Those, and what stands in their place.
    values : sequence of Variable
        Of the dependents.
    """
    found: Any = in_place(density, placeholders, given)
    return (found, *(pt.constant(0.0) for _ in values[1:])) if len(values) > 1 else found


def in_place(graph: Any, placeholders: Sequence[Any], given: Sequence[Any]) -> Any:
    """A graph of placeholders as a graph of what stands in their place."""
    return graph_replace([graph], dict(zip(placeholders, given, strict=True)), strict=False)[0]


def probes(
    inputs: Sequence[Any], outputs: Sequence[Any], count: int = 2, *, finite: bool = True
) -> list[Probe] | None:
    """Draw a few; None where nothing can be drawn (an improper prior), or has a finite density.

    Parameters
    ----------
    inputs : sequence of Variable
        What the subgraph needs of the rest of the model.
    outputs : sequence of Variable
        The latent, and the variables that depend on it.
    count : int
    finite : bool
        Whether to leave out values of the latent at which the density is zero.
    """
    needed = [one for one in inputs if not isinstance(one.type, RandomType)]
    inner = FunctionGraph(list(inputs), list(outputs), clone=True)
    value, dependents, terms = log_joint(inner.outputs[0], inner.outputs[1:])
    # A shared variable (the length of a dimension) cannot be an argument; its like can.
    places = {a: a.type() for a, b in zip(inner.inputs, inputs, strict=True) if b in needed}
    terms = graph_replace(terms, places, strict=False)
    arguments, simple = [value, *dependents, *places.values()], stable(terms)
    evaluate = function(arguments, simple, rewritten=True)

    @cache
    def differentiated() -> Callable[..., np.ndarray]:
        total = sum(pt.sum(term) for term in simple)
        gradient = pytensor.grad(total, value, disconnected_inputs="ignore")
        found: Callable[..., np.ndarray] = function(arguments, gradient, rewritten=True)
        return found

    whole = FunctionGraph(outputs=[*needed, *outputs], clone=True)
    for node in whole.toposort():
        if isinstance(node.op, ModelVar):
            whole.replace(node.outputs[0], node.inputs[0], import_missing=True)
    found: list[Probe] = []
    try:
        with interpreting(), np.errstate(all="ignore"):
            sample = pm.pytensorf.compile([], whole.outputs, random_seed=0)
            draws = [sample() for _ in range(_TRIES)]
    except NotImplementedError:
        return None
    for draw in draws:
        given, data = draw[: len(needed)], draw[len(needed) + 1 :]

        def at(z: np.ndarray, given: Any = given, data: Any = data) -> list[np.ndarray]:
            with np.errstate(all="ignore"):
                return [np.ravel(part) for part in evaluate(z, *data, *given)]

        def slope(z: np.ndarray, given: Any = given, data: Any = data) -> np.ndarray:
            return differentiated()(z, *data, *given)

        own, *others = (one[len(needed)] for one in (draw, *(d for d in draws if d is not draw)))
        if _possible(at(own)):
            elsewhere = [other for other in others if not finite or _possible(at(other))]
            if len(elsewhere) > 1:
                found.append(Probe((own, *elsewhere), at, slope))
        if len(found) == count:
            return found
    return None


def _possible(terms: list[np.ndarray]) -> bool:
    return all(np.isfinite(term).all() for term in terms)
