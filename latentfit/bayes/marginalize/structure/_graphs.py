"""The terms of log p(x, z | θ) as graphs of placeholders."""

from collections.abc import Sequence
from typing import Any

import pytensor.tensor as pt
from pymc.logprob.basic import conditional_logp
from pytensor.graph.replace import graph_replace

from latentfit.declaration.compilation import double_precision


def log_joint_graphs(
    latent: Any, dependents: Sequence[Any], *, of_placeholders: bool = True
) -> tuple[Any, list[Any], list[Any]]:
    """Build the terms of log p(x, z | θ) for one latent and the variables that depend on it.

    Parameters
    ----------
    latent : TensorVariable
    dependents : sequence of TensorVariable
    of_placeholders : bool
        Whether all other variables are placeholders, so that PyMC should warn of random ones.

    Returns
    -------
    value : Variable
        Placeholder for a value of the latent.
    dependent_values : list of Variable
        Placeholders for values of the dependents.
    terms : list of Variable
        log p(z | θ), and log p(x | z, θ) of each dependent.
    """
    value, others = latent.type(), [dependent.type() for dependent in dependents]
    pairs = dict(zip([latent, *dependents], [value, *others], strict=True))
    with double_precision():
        terms = conditional_logp(pairs, warn_rvs=of_placeholders)
    return value, others, [terms[placeholder] for placeholder in (value, *others)]


def marginal_log_densities(
    density: Any,
    placeholders: Sequence[Any],
    replacements: Sequence[Any],
    values: Sequence[Any],
) -> Any:
    """Return log p(x | θ) in the form in which PyMC expects the log density of several variables.

    Parameters
    ----------
    density : Variable
        log p(x | θ), a graph of placeholders.
    placeholders, replacements : sequence of Variable
        The placeholders, and the variables that replace them.
    values : sequence of Variable
        Values of the dependents.

    Returns
    -------
    Variable or tuple of Variable
        One for each dependent: log p(x | θ) for the first dependent, zero for all others.
    """
    graph: Any = substitute(density, placeholders, replacements)
    return (graph, *(pt.constant(0.0) for _ in values[1:])) if len(values) > 1 else graph


def substitute(graph: Any, placeholders: Sequence[Any], replacements: Sequence[Any]) -> Any:
    """Replace the placeholders of a graph."""
    pairs = dict(zip(placeholders, replacements, strict=True))
    return graph_replace([graph], pairs, strict=False)[0]
