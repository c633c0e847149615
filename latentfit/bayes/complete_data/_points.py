"""Continuous latents whose conditional distribution is of a known kind.

Q(θ | θ') is log p(x, z | θ) at points z that stand for p(z | x, θ'), weighted and summed
(`_nodes`). Whether that is exact is tried with a second set of points: what both agree on is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc_extras.marginal import conditional
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.shape import Reshape
from pytensor.tensor.subtensor import AdvancedSubtensor

from latentfit.bayes._density import Density
from latentfit.bayes._observed import childless_latents
from latentfit.bayes.complete_data import _nodes
from latentfit.bayes.complete_data._terms import in_terms_of, joint
from latentfit.bayes.complete_data._view import CompleteData, again_of, agree, points_of
from latentfit.declaration import Declaration, double_precision, function, stable

_WEIGHTS = "weights"
# The largest array that is made of all points at once.
_MOST = 20_000_000


@dataclass(frozen=True)
class _Conditional:
    """The conditional of one latent.

    Attributes
    ----------
    kind : str
        Of the random variable.
    size : int
        Entries that make one value of it.
    count : int
        Entries of the latent, which PyTensor need not know: those of an autoregression, say.
    parameters : callable
        From θ and ``{latent: its points}``, of those before it, to the parameters at each point.
    finish : callable
        From values of the random variable to those of the latent.
    """

    kind: str
    size: int
    count: int
    parameters: Callable[..., list[np.ndarray]]
    finish: Callable[[np.ndarray], np.ndarray]


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """The view, or None where a latent is discrete or its conditional of another kind."""
    latents, point = declaration.latents, density.point
    if any(not declaration.model[name].dtype.startswith("float") for name in latents):
        return None
    try:
        with double_precision():
            chain = _chain(declaration, density)
    except NotImplementedError:
        return None
    if chain is None or (rules := _rules(chain)) is None:
        return None
    if sum(one.count for one in chain.values()) * len(rules[0].weights) > _MOST:
        return None
    inputs, graph = joint(declaration, density)
    (graph,) = stable([graph])
    count = len(rules[0].weights)
    weights = pt.vector(_WEIGHTS, shape=(count,))
    every = tuple(
        pt.tensor(one.name, dtype=one.dtype, shape=(count, *one.type.shape)) for one in inputs
    )
    heights = vectorize_graph(graph, dict(zip(inputs, every, strict=True)))

    def points(where: np.ndarray, rule: _nodes.Rule) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        used = 0
        for name, one in chain.items():
            own = rule.part(used, one.size)
            found[name] = one.finish(_nodes.PLACED[one.kind](own, one.parameters(where, found)))
            used += one.size
        return found

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        first, second = (points(where, rule) for rule in rules)
        found = {name: np.tensordot(rules[0].weights, first[name], axes=1) for name in latents}
        found |= {points_of(name): first[name] for name in latents}
        found |= {again_of(name): second[name] for name in latents}
        return found | {points_of(_WEIGHTS): rules[0].weights, again_of(_WEIGHTS): rules[1].weights}

    evaluate = function([point, *every], heights, rewritten=True)
    if not _is_exact(statistics, evaluate, latents, density):
        return None
    return CompleteData(
        declaration,
        density,
        exact=True,
        discrete=False,
        _statistics=statistics,
        _names=(*map(points_of, latents), points_of(_WEIGHTS)),
        _inputs=(*every, weights),
        _q=pt.dot(weights, heights),
    )


def _rules(chain: Mapping[str, _Conditional]) -> tuple[_nodes.Rule, _nodes.Rule] | None:
    """Points, and other points to compare with."""
    rng, kinds = np.random.default_rng(0), {one.kind for one in chain.values()}
    if kinds <= _nodes.NORMAL:
        size = sum(one.size for one in chain.values())
        return _nodes.axes(size), _nodes.axes(size, rng)
    if "multivariate_normal" in kinds:
        return None
    return _nodes.line(), _nodes.line(rng)


def _chain(declaration: Declaration, density: Density) -> dict[str, _Conditional] | None:
    """The latents in an order in which each depends on those before it alone."""
    childless = childless_latents(declaration)
    given_data = [name for name in declaration.latents if name not in childless]
    model = conditional(density.view) if given_data else declaration.model
    models = dict.fromkeys(given_data, model) | dict.fromkeys(childless, declaration.model)
    before = {
        name: [
            other
            for other in declaration.latents
            if other != name and one[other] in ancestors([one[name]])
        ]
        if (one := models[name])
        else []
        for name in declaration.latents
    }
    found: dict[str, _Conditional] = {}
    for name in sorted(declaration.latents, key=lambda name: len(before[name])):
        made = _conditional(models[name], name, before[name], density)
        if made is None:
            return None
        found[name] = made
    return found


def _conditional(
    model: pm.Model, name: str, before: list[str], density: Density
) -> _Conditional | None:
    variable = model[name]
    core = _core(variable)
    if core is None or None in core.type.shape:
        return None
    op, values = core.owner.op, [model.rvs_to_values[model[other]] for other in before]
    every = [pt.tensor(v.name, dtype=v.dtype, shape=(None, *v.type.shape)) for v in values]
    graphs = in_terms_of(density.point, density, model, list(op.dist_params(core.owner)))
    batched = vectorize_graph(graphs, dict(zip(values, every, strict=True))) if before else graphs
    evaluate = function([density.point, *every], batched)
    single = [graph.type.ndim for graph in graphs]
    batch = core.type.shape[: len(core.type.shape) - op.ndim_supp]

    def parameters(where: np.ndarray, found: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        results = []
        given = evaluate(where, *(found[other] for other in before))
        for value, ndim, own in zip(given, single, op.ndims_params, strict=True):
            led = value if value.ndim > ndim else value[None]
            whole = (len(led), *batch, *led.shape[led.ndim - own :])
            middle = (1,) * (len(whole) - led.ndim)
            results.append(np.broadcast_to(led.reshape(len(led), *middle, *led.shape[1:]), whole))
        return results

    size = core.type.shape[-1] if op.ndim_supp else 1
    count = int(np.prod(core.type.shape))
    return _Conditional(op.name, size, count, parameters, _finish(variable, core))


def _core(variable: Any) -> Any:
    """The random variable of which a variable is a rearrangement; None if it is none."""
    while variable.owner is not None and not isinstance(variable.owner.op, RandomVariable):
        if not isinstance(variable.owner.op, Reshape | AdvancedSubtensor | DimShuffle):
            return None
        variable = variable.owner.inputs[0]
    known = variable.owner is not None and variable.owner.op.name in _nodes.PLACED
    return variable if known else None


def _finish(variable: Any, core: Any) -> Callable[[np.ndarray], np.ndarray]:
    if variable is core:
        return lambda values: values
    single = core.type()
    every = pt.tensor(dtype=core.dtype, shape=(None, *core.type.shape))
    (rearranged,) = graph_replace([variable], {core: single}, strict=False)
    found: Callable[[np.ndarray], np.ndarray] = function(
        [every], vectorize_graph(rearranged, {single: every})
    )
    return found


def _is_exact(
    statistics: Callable[..., dict[str, np.ndarray]],
    evaluate: Callable[..., np.ndarray],
    latents: Sequence[str],
    density: Density,
) -> bool:
    """Whether both sets of points give the same Q, away from where they were placed."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        points = density.space.origin + rng.uniform(-1, 1, (2, density.space.size))
        found = statistics(points[0], rng)
        pair = [
            found[of(_WEIGHTS)] @ evaluate(points[1], *(found[of(name)] for name in latents))
            for of in (points_of, again_of)
        ]
        if not agree(*pair):
            return False
    return True
