"""Parts of log p(x, z | θ) as graphs of the unconstrained parameters."""

from typing import Any

import pymc as pm
import pytensor.tensor as pt
from pymc.model.transform.conditioning import remove_value_transforms
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from latentfit.bayes._density import Density
from latentfit.declaration import Declaration, double_precision


def in_terms_of(point: Any, density: Density, model: pm.Model, graphs: list[Any]) -> list[Any]:
    """Graphs of a model's parameters as graphs of the unconstrained point."""
    parts = density.space.symbolic(point)
    values = {value: parts[value.name] for value in model.value_vars if value.name in parts}
    found: list[Any] = graph_replace(model.replace_rvs_by_values(graphs), values, strict=False)
    return found


def joint(declaration: Declaration, density: Density) -> tuple[tuple[Any, ...], Any]:
    """Log p(x, z | θ) as a graph of the latents, natural scale, and the unconstrained point."""
    latents = declaration.latents
    model = remove_value_transforms(
        declaration.model, vars=[declaration.model[name] for name in latents]
    )
    variables = [model[name] for name in latents]
    with double_precision():
        found = model.logp(vars=[*model.observed_RVs, *variables], jacobian=False)
    parts = density.space.symbolic(density.point)
    inputs = tuple(model.rvs_to_values[variable].type(variable.name) for variable in variables)
    values = {model.rvs_to_values[v]: one for v, one in zip(variables, inputs, strict=True)}
    values |= {value: parts[value.name] for value in model.value_vars if value.name in parts}
    return inputs, graph_replace(found, values, strict=False)


def rest(declaration: Declaration, density: Density) -> Any:
    """Log p of the observed variables that do not depend on any latent."""
    model = declaration.model
    latents = {model[name] for name in declaration.latents}
    others = [rv for rv in model.observed_RVs if latents.isdisjoint(ancestors([rv]))]
    if not others:
        return pt.zeros(())
    with double_precision():
        (found,) = in_terms_of(density.point, density, model, [model.logp(vars=others)])
    return found


def expected(weights: Any, log_density: Any) -> Any:
    """The sum of weights times log-densities, where 0 times minus infinity is 0."""
    return pt.sum(pt.switch(pt.eq(weights, 0), 0.0, weights * log_density))
