r"""Sums over the values of a discrete latent, one independent block of it at a time.

Entries of z belong to one block if a term of log p(x, z | θ) depends on them together. With z_b the
values of block b and f_b the sum of the terms that depend on it,

    log p(x | θ) = Σ_b log Σ_{z_b} exp f_b(z_b).

pymc-extras sums over a latent with finitely many values that the other variables use entry by
entry. This strategy sums over any other discrete latent: one that variables index (the class of a
group of observations), one with several entries in a block, one whose dependents had another
latent integrated out (a mixture of t distributions by gamma scales), and a count without a bound
(`_count_range`).
"""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv
from pytensor.graph.replace import graph_replace, vectorize_graph

from latentfit.bayes.marginalize._count_range import COUNTS, CountRange, count_range
from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    Probe,
    draw_probes,
    log_joint_graphs,
    marginal_log_densities,
    partition_into_blocks,
    substitute,
)
from latentfit.declaration.compilation import compile_function, double_precision

# Largest number of values of one block, and of values of all blocks together.
_MAX_STATES = 4096
_MAX_EVALUATED_STATES = 2_000_000
# Number of values of a block up to which each has a graph of its own, which PyTensor simplifies
# further than one graph for all of them.
_MAX_SEPARATE_STATES = 8
# Differences from a possible value at which the terms of log p(x, z | θ) are evaluated to find the
# terms that depend on an entry.
_STEPS = (1, 2, 3, 5)


class EnumerationMarginalRV(MarginalRV):
    """Variables that depend on a discrete latent, which is summed over its values.

    Inner graph: [latent, *dependents, *rng updates].

    Attributes
    ----------
    blocks : IndependentBlocks
    domain : ndarray of int, or CountRange
        The values of an entry.
    truncated : bool
        Whether values are left out because they are improbable.
    """

    def __init__(
        self,
        *args: Any,
        blocks: IndependentBlocks,
        domain: np.ndarray | CountRange,
        **kwargs: Any,
    ) -> None:
        self.blocks = blocks
        self.domain = domain
        self.truncated = isinstance(domain, CountRange)
        self.strategy = (
            domain.strategy if isinstance(domain, CountRange) else "summed over its categories"
        )
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a discrete latent that consists of blocks with few values."""
    variables = outputs[: 1 + marginalized["n_dependent_rvs"]]
    latent = variables[0]
    domain = _domain(latent)
    if domain is None:
        return None
    probes = draw_probes(inputs, variables, finite=False)
    if probes is None:
        return None
    blocks = partition_into_blocks([_between_values(p, k, domain) for p in probes for k in _STEPS])
    if isinstance(domain, CountRange):
        if blocks.size > 1:
            return None
    elif not len(domain) ** blocks.size <= min(_MAX_STATES, _MAX_EVALUATED_STATES // blocks.count):
        return None
    return EnumerationMarginalRV(
        inputs=inputs, outputs=outputs, blocks=blocks, domain=domain, **marginalized
    )


STRATEGY = Strategy(Precedence.CLOSED_FORM, build)


def _domain(latent: Any) -> np.ndarray | CountRange | None:
    """Find the values of a discrete latent; None if it is continuous or of an unknown kind."""
    if isinstance(latent.owner.op, COUNTS):
        return count_range()
    if latent.owner.op.ndim_supp or not latent.type.dtype.startswith(("int", "bool")):
        return None
    try:
        return np.asarray(compile_function([], get_domain_of_finite_discrete_rv(latent))())
    except (NotImplementedError, ValueError):
        # The values are not known, or depend on a parameter.
        return None


def _between_values(probe: Probe, step: int, domain: np.ndarray | CountRange) -> Probe:
    """Make a probe of a possible value of the latent and of one that differs in every entry."""
    own = probe.draws[0]
    if isinstance(domain, CountRange):
        other = own + step
    else:
        number = (own - domain[0] + 1 + (step - 1) % max(1, len(domain) - 1)) % len(domain)
        other = domain[number].astype(own.dtype)
    return replace(probe, draws=(own, other))


class _EnumerationGraphs:
    """Graphs of log p(x, z | θ) of every block at each of its values.

    Attributes
    ----------
    placeholders : list of Variable
        Inputs of the inner graph, and placeholders for the dependents.
    states : Variable or ndarray, shape (states, size)
        Values of the entries of a block.
    log_joint : Variable, shape (states, blocks)
    others : list of Variable
        Terms that depend on no block.
    """

    def __init__(self, op: EnumerationMarginalRV) -> None:
        inner = op.fgraph.unfreeze()
        latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
        self.blocks = op.blocks
        value, others, terms = log_joint_graphs(latent, dependents)
        self.placeholders = [*inner.inputs, *others]
        with double_precision():
            sums, rest = op.blocks.sums(terms)
            state: Any = pt.vector("state", dtype=value.dtype, shape=(op.blocks.size,))
            at: Any = {value: self._filled(state)}
            (sums,) = graph_replace([sums], at, strict=False)
            # Terms that do not depend on the latent may still contain its placeholder.
            self.others = graph_replace(
                rest, {value: self._filled(pt.zeros_like(state))}, strict=False
            )

            def evaluate(states: Any) -> Any:
                return vectorize_graph(sums, {state: states.astype(value.dtype)})

            if isinstance(op.domain, CountRange):
                counts = op.domain.counts(lambda grid: evaluate(grid[:, None]))
                self.states: Any = counts[:, None]
                self.log_joint: Any = evaluate(self.states)
                return
            states = np.array(list(product(op.domain, repeat=op.blocks.size)))
            self.states = states
            if len(states) <= _MAX_SEPARATE_STATES:
                constants = [pt.constant(one.astype(value.dtype)) for one in states]
                self.log_joint = pt.stack(
                    [graph_replace([sums], {state: one}, strict=False)[0] for one in constants]
                )
            else:
                self.log_joint = evaluate(pt.constant(states))
            if not op.blocks.full:
                # An entry that pads a block has one value, so that each value of the other
                # entries is counted once.
                padded = op.blocks.entries < 0
                twice = np.any(padded & (states[:, None, :] != op.domain[0]), axis=-1)
                self.log_joint = pt.switch(twice, -np.inf, self.log_joint)

    def _filled(self, state: Any) -> Any:
        """Build the value of the latent in which every block has the same value."""
        blocks = self.blocks
        if blocks.size == 1:
            return pt.broadcast_to(state[0], blocks.shape)
        return blocks.scatter(pt.broadcast_to(state, (blocks.count, blocks.size)))


@_logprob.register(EnumerationMarginalRV)
def _enumeration_logp(op: EnumerationMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    graphs = _EnumerationGraphs(op)
    with double_precision():
        density = pt.logsumexp(graphs.log_joint, axis=0)
        if graphs.others:
            density = pt.concatenate([density, *graphs.others])
    return marginal_log_densities(density, graphs.placeholders, [*inputs, *values], values)


@marginalized_conditional.register(EnumerationMarginalRV)
def _enumeration_conditional(op: EnumerationMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    graphs, blocks = _EnumerationGraphs(op), op.blocks
    dtype = op.inner_outputs[0].type.dtype
    with double_precision():
        if blocks.size > 1:
            number = pm.Categorical.dist(logit_p=graphs.log_joint.T)
            variable = blocks.scatter(pt.constant(graphs.states.astype(dtype))[number])
        else:
            order = np.argsort(blocks.entries[:, 0])
            table = graphs.log_joint.T
            if not np.array_equal(order, np.arange(blocks.count)):
                table = table[order]
            logits = table.reshape((*blocks.shape, table.shape[-1]))
            variable = pm.Categorical.dist(logit_p=logits)
            first = graphs.states[0, 0]
            if isinstance(op.domain, CountRange) or first != 0:
                variable = variable + pt.as_tensor(first).astype(dtype)
    return substitute(variable, graphs.placeholders, [*inputs, *dep_rvs])
