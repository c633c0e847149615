"""Parts of log p(x, z | θ) as graphs of the unconstrained parameters."""

from typing import Any

import pytensor.tensor as pt
from pymc.model.transform.conditioning import remove_value_transforms
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors

from latentfit.bayes.views import Density, at_unconstrained_point
from latentfit.declaration import Declaration, double_precision


def log_joint_graph(declaration: Declaration, density: Density) -> tuple[tuple[Any, ...], Any]:
    """Build log p(x, z | θ) as a graph of the latents and the unconstrained point.

    Returns
    -------
    latents : tuple of TensorVariable
        The latents on the natural scale, in the order of the declaration.
    log_joint : TensorVariable
        A scalar.
    """
    latents = declaration.latents
    model = remove_value_transforms(
        declaration.model, vars=[declaration.model[name] for name in latents]
    )
    variables = [model[name] for name in latents]
    with double_precision():
        log_joint = model.logp(vars=[*model.observed_RVs, *variables], jacobian=False)
    parts = density.space.symbolic(density.point)
    inputs = tuple(model.rvs_to_values[variable].type(variable.name) for variable in variables)
    values = {model.rvs_to_values[v]: one for v, one in zip(variables, inputs, strict=True)}
    values |= {value: parts[value.name] for value in model.value_vars if value.name in parts}
    return inputs, graph_replace(log_joint, values, strict=False)


def log_density_without_latents(declaration: Declaration, density: Density) -> Any:
    """Build the log density of the observed variables that do not depend on any latent."""
    model = declaration.model
    latents = {model[name] for name in declaration.latents}
    others = [rv for rv in model.observed_RVs if latents.isdisjoint(ancestors([rv]))]
    if not others:
        return pt.zeros(())
    with double_precision():
        (graph,) = at_unconstrained_point(density, model, [model.logp(vars=others)])
    return graph


def expected_sum(weights: Any, log_density: Any) -> Any:
    """Sum weights times log densities, where zero times minus infinity is zero."""
    return pt.sum(pt.switch(pt.eq(weights, 0), 0.0, weights * log_density))
