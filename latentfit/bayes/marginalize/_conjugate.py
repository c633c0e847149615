r"""Marginalisation of a latent whose conditional distribution belongs to a known family.

Where p(z | x, θ) belongs to a family whose parameters follow from the derivatives of log p(x, z |
θ) in z, no integral has to be computed. For any z,

    log p(x | θ) = log p(x, z | θ) - log p(z | x, θ)

(Besag 1989, Biometrika 76(1); Chib 1995, JASA 90). The best z is in the centre of the conditional
distribution, where both terms are small. Each family is a module with a `ConjugateFamily`, which
has

- the support of its latents, and a test of log p(x, z | θ) as a function of z;
- the parameters of the conditional, given gradient and Hessian at one value of z;
- the density, the centre, and the random variable of the conditional.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pytensor.graph.replace import graph_replace

from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    LogDensities,
    Probe,
    block_hessian,
    block_log_densities,
    draw_probes,
    is_smooth,
    log_joint_graphs,
    marginal_log_densities,
    partition_into_blocks,
    substitute,
    support_transform,
)
from latentfit.declaration.compilation import double_precision

Parameters = tuple[Any, ...]


@dataclass(frozen=True)
class ConjugateFamily:
    """A family of conditional distributions of blocks of a latent.

    Attributes
    ----------
    name : str
        Name of the distribution, for reports.
    transform : str or None
        PyMC's name of the transform for the support of the latents; None for the whole real line.
    matches : callable
        ``matches(log_densities, draws)``: whether log p(x, z | θ) of every block, a function of
        z, belongs to this family. The draws are possible values of z.
    expansion_point : callable
        ``expansion_point(latent, blocks)``: the z at which derivatives are taken, shape
        (blocks, size).
    parameters : callable
        ``parameters(z, gradient, hessian)``: the parameters of the conditional, given derivatives
        at z. Shapes (blocks, size), (blocks, size) and (blocks, size, size).
    centre : callable
        ``centre(parameters)``: a z in the centre of the conditional, shape (blocks, size).
    log_density : callable
        ``log_density(parameters, centre, blocks)``: log p(z | x, θ) of each block at its centre,
        shape (blocks,).
    distribution : callable
        ``distribution(parameters, blocks)``: the random variable.
    separate_entries : bool
        Whether the family describes single entries only, so that all blocks must have size 1.
    joint_axes : int
        Number of the last axes of the latent that form one value: 1 for a simplex.
    """

    name: str
    transform: str | None
    matches: Callable[[LogDensities, tuple[np.ndarray, ...]], bool]
    expansion_point: Callable[[Any, IndependentBlocks], Any]
    parameters: Callable[[Any, Any, Any], Parameters]
    centre: Callable[[Parameters], Any]
    log_density: Callable[[Parameters, Any, IndependentBlocks], Any]
    distribution: Callable[[Parameters, IndependentBlocks], Any]
    separate_entries: bool = True
    joint_axes: int = 0


class ConjugateMarginalRV(MarginalRV):
    """Variables that depend on a latent whose conditional belongs to a known family.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(
        self, *args: Any, family: ConjugateFamily, blocks: IndependentBlocks, **kwargs: Any
    ) -> None:
        self.family = family
        self.blocks = blocks
        self.strategy = f"closed form, its conditional distribution is {family.name}"
        super().__init__(*args, **kwargs)


def conjugate_strategy(family: ConjugateFamily) -> Strategy:
    """Make the strategy that marginalises latents whose conditional belongs to the family."""

    def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
        match = match_family(family, inputs, outputs[: 1 + marginalized["n_dependent_rvs"]])
        if match is None:
            return None
        blocks, _ = match
        return ConjugateMarginalRV(
            inputs=inputs, outputs=outputs, family=family, blocks=blocks, **marginalized
        )

    return Strategy(Precedence.CLOSED_FORM, build)


def match_family(
    family: ConjugateFamily, inputs: list[Any], outputs: list[Any]
) -> tuple[IndependentBlocks, Probe] | None:
    """Test whether the conditional of a latent belongs to a family.

    Returns
    -------
    (IndependentBlocks, Probe) or None
        The blocks of the latent, and a probe of log p(x, z | θ). None if the conditional does
        not belong to the family.
    """
    latent = outputs[0]
    if latent.type.dtype != "float64" or support_transform(latent) != family.transform:
        return None
    probes = draw_probes(inputs, outputs) if is_smooth(latent, outputs[1:]) else None
    if probes is None:
        return None
    blocks = partition_into_blocks(probes, family.joint_axes)
    if family.separate_entries and blocks.size > 1:
        return None
    matches = all(
        family.matches(block_log_densities(probe, blocks), probe.draws) for probe in probes
    )
    return (blocks, probes[0]) if matches else None


@dataclass(frozen=True)
class _ConjugateGraphs:
    """log p(x, z | θ) and the parameters of the conditional, as graphs of placeholders.

    Attributes
    ----------
    value, dependents : Variable and list of Variable
        Placeholders for the latent and its dependents.
    log_joint : Variable, shape (blocks,)
        log p(x, z | θ) of each block.
    others : list of Variable
        Terms that depend on no block.
    parameters : tuple of Variable
        Parameters of the conditional.
    """

    value: Any
    dependents: list[Any]
    log_joint: Any
    others: list[Any]
    parameters: Parameters


def _conjugate_graphs(op: ConjugateMarginalRV) -> tuple[list[Any], _ConjugateGraphs]:
    """Build the graphs, and return them with the inputs of the inner graph."""
    inner = op.fgraph.unfreeze()
    latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    blocks, family = op.blocks, op.family
    value, others, terms = log_joint_graphs(latent, dependents)
    with double_precision():
        sums, rest = blocks.sums(terms)
        point = family.expansion_point(latent, blocks)
        gradient: Any = pytensor.grad(sums.sum(), value, disconnected_inputs="ignore")
        hessian = block_hessian(gradient, value, blocks)
        at: dict[Any, Any] = {value: blocks.scatter(point).astype(value.dtype)}
        gradient_at, hessian_at = graph_replace(
            [blocks.gather(gradient.reshape((-1,))), hessian], at, strict=False
        )
        parameters = family.parameters(point, gradient_at, hessian_at)
    return inner.inputs, _ConjugateGraphs(value, others, sums, rest, parameters)


@_logprob.register(ConjugateMarginalRV)
def _conjugate_logp(op: ConjugateMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    placeholders, graphs = _conjugate_graphs(op)
    family, blocks = op.family, op.blocks
    with double_precision():
        centre = family.centre(graphs.parameters)
        at = {graphs.value: blocks.scatter(centre).astype(graphs.value.dtype)}
        # Graphs of terms that do not depend on the latent may still contain its placeholder.
        log_joint, *others = graph_replace([graphs.log_joint, *graphs.others], at, strict=False)
        each = log_joint - family.log_density(graphs.parameters, centre, blocks)
        density = pt.concatenate([each, *others]) if others else each
    return marginal_log_densities(
        density, [*placeholders, *graphs.dependents], [*inputs, *values], values
    )


@marginalized_conditional.register(ConjugateMarginalRV)
def _conjugate_conditional(op: ConjugateMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    placeholders, graphs = _conjugate_graphs(op)
    with double_precision():
        variable = op.family.distribution(graphs.parameters, op.blocks)
    return substitute(variable, [*placeholders, *graphs.dependents], [*inputs, *dep_rvs])
