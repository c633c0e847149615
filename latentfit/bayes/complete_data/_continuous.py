"""Continuous latents whose conditional distribution is known.

Q(θ | θ') is a weighted sum of log p(x, z | θ) over points z that represent p(z | x, θ')
(`_cubature`). A second set of points tests whether this is exact: it is exact if both sets give the
same sum.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.traversal import ancestors
from pytensor.tensor.elemwise import DimShuffle
from pytensor.tensor.random.op import RandomVariable
from pytensor.tensor.shape import Reshape
from pytensor.tensor.subtensor import AdvancedSubtensor

from latentfit.bayes.complete_data._complete_data import (
    WEIGHTS,
    CompleteData,
    equal_expectations,
    points_key,
    second_points_key,
)
from latentfit.bayes.complete_data._cubature import (
    NORMAL_VARIABLES,
    PLACEMENTS,
    CubatureRule,
    axis_rule,
    trapezoidal_rule,
)
from latentfit.bayes.complete_data._graphs import log_joint_graph
from latentfit.bayes.views import (
    Density,
    at_unconstrained_point,
    childless_latents,
    conditional_view,
)
from latentfit.declaration import Declaration
from latentfit.declaration.compilation import compile_function, double_precision, stabilise

# Largest number of entries of the array that holds the latents at all points.
_MAX_POINT_ENTRIES = 20_000_000
# Number of random θ and θ' at which the two sets of points are compared.
_RANDOM_TESTS = 3


@dataclass(frozen=True)
class _ConditionalDistribution:
    """The conditional distribution of one latent.

    Attributes
    ----------
    variable : str
        PyTensor's name of the random variable.
    size : int
        Number of entries of one value of the random variable.
    count : int
        Number of entries of the latent. PyTensor need not know it, as for an autoregression.
    parameters : callable
        From θ and ``{latent: its points}``, for the latents on which this one depends, to the
        parameters at each point.
    rearrange : callable
        From values of the random variable to values of the latent.
    """

    variable: str
    size: int
    count: int
    parameters: Callable[..., list[np.ndarray]]
    rearrange: Callable[[np.ndarray], np.ndarray]


def build(declaration: Declaration, density: Density) -> CompleteData | None:
    """Build the view; None if a latent is discrete, or if points are not exact for Q."""
    latents, point = declaration.latents, density.point
    if any(not declaration.model[name].dtype.startswith("float") for name in latents):
        return None
    try:
        with double_precision():
            conditionals = _conditionals_in_order(declaration, density)
    except NotImplementedError:
        return None
    if conditionals is None or (rules := _rules(conditionals)) is None:
        return None
    count = len(rules[0].weights)
    if sum(one.count for one in conditionals.values()) * count > _MAX_POINT_ENTRIES:
        return None
    inputs, graph = log_joint_graph(declaration, density)
    (graph,) = stabilise([graph])
    weights = pt.vector(WEIGHTS, shape=(count,))
    every = tuple(
        pt.tensor(one.name, dtype=one.dtype, shape=(count, *one.type.shape)) for one in inputs
    )
    log_joints = vectorize_graph(graph, dict(zip(inputs, every, strict=True)))

    def place(at: np.ndarray, rule: CubatureRule) -> dict[str, np.ndarray]:
        points: dict[str, np.ndarray] = {}
        used = 0
        for name, one in conditionals.items():
            own_rule = rule.part(used, one.size)
            values = PLACEMENTS[one.variable](own_rule, one.parameters(at, points))
            points[name] = one.rearrange(values)
            used += one.size
        return points

    def statistics(at: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        first, second = (place(at, rule) for rule in rules)
        found = {name: np.tensordot(rules[0].weights, first[name], axes=1) for name in latents}
        found |= {points_key(name): first[name] for name in latents}
        found |= {second_points_key(name): second[name] for name in latents}
        return found | {
            points_key(WEIGHTS): rules[0].weights,
            second_points_key(WEIGHTS): rules[1].weights,
        }

    evaluate = compile_function([point, *every], log_joints, rewritten=True)
    if not _is_exact(statistics, evaluate, latents, density):
        return None
    return CompleteData(
        declaration,
        density,
        exact=True,
        categories={},
        _statistics=statistics,
        _names=(*map(points_key, latents), points_key(WEIGHTS)),
        _inputs=(*every, weights),
        _q=pt.dot(weights, log_joints),
    )


def _rules(
    conditionals: Mapping[str, _ConditionalDistribution],
) -> tuple[CubatureRule, CubatureRule] | None:
    """Choose a set of points and a second set to compare it with; None if there is none."""
    rng = np.random.default_rng(0)
    variables = {one.variable for one in conditionals.values()}
    if variables <= NORMAL_VARIABLES:
        size = sum(one.size for one in conditionals.values())
        return axis_rule(size), axis_rule(size, rng)
    if "multivariate_normal" in variables:
        return None
    return trapezoidal_rule(), trapezoidal_rule(rng)


def _conditionals_in_order(
    declaration: Declaration, density: Density
) -> dict[str, _ConditionalDistribution] | None:
    """Find the conditional distributions, in an order in which each depends on those before it.

    Returns
    -------
    dict or None
        None if one of them is of an unknown kind.
    """
    childless = childless_latents(declaration)
    given_data = [name for name in declaration.latents if name not in childless]
    model = conditional_view(density.view) if given_data else declaration.model
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
    conditionals: dict[str, _ConditionalDistribution] = {}
    for name in sorted(declaration.latents, key=lambda name: len(before[name])):
        one = _conditional_distribution(models[name], name, before[name], density)
        if one is None:
            return None
        conditionals[name] = one
    return conditionals


def _conditional_distribution(
    model: pm.Model, name: str, before: list[str], density: Density
) -> _ConditionalDistribution | None:
    """Find the conditional distribution of one latent, which depends on the latents `before`."""
    latent = model[name]
    core = _random_variable(latent)
    if core is None or None in core.type.shape:
        return None
    op, values = core.owner.op, [model.rvs_to_values[model[other]] for other in before]
    every = [pt.tensor(v.name, dtype=v.dtype, shape=(None, *v.type.shape)) for v in values]
    graphs = at_unconstrained_point(density, model, list(op.dist_params(core.owner)))
    batched = vectorize_graph(graphs, dict(zip(values, every, strict=True))) if before else graphs
    evaluate = compile_function([density.point, *every], batched)
    dimensions = [graph.type.ndim for graph in graphs]
    batch = core.type.shape[: len(core.type.shape) - op.ndim_supp]

    def parameters(at: np.ndarray, points: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        results = []
        given = evaluate(at, *(points[other] for other in before))
        for value, ndim, own in zip(given, dimensions, op.ndims_params, strict=True):
            led = value if value.ndim > ndim else value[None]
            shape = (len(led), *batch, *led.shape[led.ndim - own :])
            middle = (1,) * (len(shape) - led.ndim)
            results.append(np.broadcast_to(led.reshape(len(led), *middle, *led.shape[1:]), shape))
        return results

    size = core.type.shape[-1] if op.ndim_supp else 1
    count = int(np.prod(core.type.shape))
    return _ConditionalDistribution(op.name, size, count, parameters, _rearrangement(latent, core))


def _random_variable(variable: Any) -> Any:
    """Find the random variable that a variable rearranges; None if it is of an unknown kind."""
    while variable.owner is not None and not isinstance(variable.owner.op, RandomVariable):
        if not isinstance(variable.owner.op, Reshape | AdvancedSubtensor | DimShuffle):
            return None
        variable = variable.owner.inputs[0]
    known = variable.owner is not None and variable.owner.op.name in PLACEMENTS
    return variable if known else None


def _rearrangement(variable: Any, core: Any) -> Callable[[np.ndarray], np.ndarray]:
    """Make the function from values of the random variable `core` to values of `variable`."""
    if variable is core:
        return lambda values: values
    single = core.type()
    every = pt.tensor(dtype=core.dtype, shape=(None, *core.type.shape))
    (rearranged,) = graph_replace([variable], {core: single}, strict=False)
    rearrange: Callable[[np.ndarray], np.ndarray] = compile_function(
        [every], vectorize_graph(rearranged, {single: every})
    )
    return rearrange


def _is_exact(
    statistics: Callable[..., dict[str, np.ndarray]],
    evaluate: Callable[..., np.ndarray],
    latents: Sequence[str],
    density: Density,
) -> bool:
    """Whether both sets of points give the same Q(θ | θ'), at random θ and θ'."""
    rng = np.random.default_rng(0)
    for _ in range(_RANDOM_TESTS):
        points = density.space.origin + rng.uniform(-1, 1, (2, density.space.size))
        found = statistics(points[0], rng)
        pair = [
            found[key(WEIGHTS)] @ evaluate(points[1], *(found[key(name)] for name in latents))
            for key in (points_key, second_points_key)
        ]
        if not equal_expectations(*pair):
            return False
    return True
