r"""Latents that are observed through thresholds: censored, rounded, grouped; probit utilities.

The variables that depend on such a latent compare it with thresholds c_1 < ... < c_m and do not
depend on it in any other way, so that p(x | z, θ) is constant between thresholds. The integral is
then a sum,

    p(x | θ) = Σ_k p(c_k < z <= c_{k+1} | θ) p(x | z in between, θ).

Where x determines the interval, z | x, θ has the distribution of z truncated to that interval.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from pymc.distributions.continuous import WeibullBetaRV
from pymc.distributions.transforms import _default_transform
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pymc_extras.model.marginal.distributions.enumerable import (
    align_logp_dims,
    reduce_batch_dependent_logps,
)
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.scalar.basic import GE, GT, LE, LT
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.random.basic import ExponentialRV, NormalRV

from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize._tail_probabilities import log_interval_probability
from latentfit.bayes.marginalize.distributions import truncated_weibull
from latentfit.bayes.marginalize.structure import (
    axes_of_dependents,
    draw_probes,
    log_joint_graphs,
    marginal_log_densities,
    substitute,
)
from latentfit.declaration.compilation import double_precision


class ThresholdMarginalRV(MarginalRV):
    """Variables that depend on a latent through comparisons with thresholds alone.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, dims_connections: Any, **kwargs: Any) -> None:
        self.dims_connections = dims_connections
        self.strategy = "summed over the intervals between thresholds"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a latent that the dependents only compare with thresholds."""
    variables = outputs[: 1 + marginalized["n_dependent_rvs"]]
    latent, *dependents = variables
    if not isinstance(latent.owner.op, NormalRV | ExponentialRV | WeibullBetaRV):
        return None
    if _thresholds(latent, dependents) is None or not _possible_or_impossible(inputs, variables):
        return None
    axes = axes_of_dependents(latent, dependents)
    if axes is None:
        return None
    return ThresholdMarginalRV(
        inputs=inputs, outputs=outputs, dims_connections=axes, **marginalized
    )


STRATEGY = Strategy(Precedence.CLOSED_FORM, build)


def _possible_or_impossible(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
    """Whether each interval either gives the data probability one or makes them impossible."""
    probes = draw_probes(inputs, outputs, finite=False)
    return probes is not None and all(
        np.isin(term, (0.0, -np.inf)).all()
        for probe in probes
        for draw in probe.draws
        for term in probe.terms(draw)[1:]
    )


def _thresholds(latent: Any, dependents: Sequence[Any]) -> list[Any] | None:
    """Find the thresholds of a latent; None if the dependents use it in any other way."""
    used = set(ancestors(dependents))
    thresholds, comparisons = [], []
    for node in io_toposort([latent], dependents):
        if not (isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, GT | GE | LT | LE)):
            continue
        is_latent = [side is latent for side in node.inputs]
        if sum(is_latent) != 1 or node.outputs[0] not in used:
            continue
        threshold = node.inputs[is_latent.index(False)]
        if latent in ancestors([threshold]):
            return None
        thresholds.append(threshold)
        comparisons.append(node.outputs[0])
    if not thresholds or latent in ancestors(dependents, blockers=comparisons):
        return None
    return thresholds


class _IntervalGraphs:
    """Graphs of the intervals between thresholds and of the likelihood in each of them.

    Attributes
    ----------
    latent, value : Variable
        The latent, and the placeholder for its value.
    intervals : list of (Variable, Variable)
        Lower and upper ends.
    likelihoods : list of Variable
        log p(x | z, θ) for z in each interval.
    lowest : float
        Lower end of the support of the latent.
    placeholders : list of Variable
        Inputs of the inner graph, and placeholders for the dependents and the latent.
    blank : Variable
        Replaces the placeholder of the latent, of which only the shape is used.
    """

    def __init__(self, op: ThresholdMarginalRV) -> None:
        inner = op.fgraph.unfreeze()
        latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
        self.latent = latent
        thresholds = _thresholds(latent, dependents)
        assert thresholds is not None  # otherwise `build` would not have made the operation
        with double_precision():
            value, others, (_, *terms) = log_joint_graphs(latent, dependents)
            positive = _default_transform(latent.owner.op, latent) is not None
            lowest = 0.0 if positive else -np.inf
            each = [pt.maximum(pt.broadcast_to(one, value.shape), lowest) for one in thresholds]
            ordered = pt.sort(pt.stack(each), axis=0)
            ends = [pt.full_like(value, lowest), *(ordered[k] for k in range(len(each)))]
            ends.append(pt.full_like(value, np.inf))
            self.intervals = list(pairwise(ends))
            joint = reduce_batch_dependent_logps(
                op.dims_connections, [one.owner.op for one in dependents], terms
            )
            points = [_point_between(low, high) for low, high in self.intervals]
            self.likelihoods = [
                graph_replace([joint], {value: point.astype(value.dtype)}, strict=False)[0]
                for point in points
            ]
            self.value, self.lowest = value, lowest
            self.placeholders = [*inner.inputs, *others, value]
            self.blank = pt.zeros(value.type.shape, dtype=value.dtype)


def _point_between(low: Any, high: Any) -> Any:
    """Choose a point of every interval; for an empty interval, any point."""
    middle = 0.5 * (_zero_if_infinite(low) + _zero_if_infinite(high))
    below, above = pt.isinf(low), pt.isinf(high)
    half_open = pt.switch(above, _zero_if_infinite(low) + 1.0, middle)
    point = pt.switch(below, _zero_if_infinite(high) - 1.0, half_open)
    return pt.switch(pt.and_(below, above), 0.0, point)


def _zero_if_infinite(end: Any) -> Any:
    return pt.switch(pt.isinf(end), 0.0, end)


@_logprob.register(ThresholdMarginalRV)
def _threshold_logp(op: ThresholdMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    graphs = _IntervalGraphs(op)
    with double_precision():
        terms = [
            log_interval_probability(graphs.latent, *interval, graphs.lowest) + likelihood
            for interval, likelihood in zip(graphs.intervals, graphs.likelihoods, strict=True)
        ]
        density = align_logp_dims(op.dims_connections[0], pt.logsumexp(pt.stack(terms), axis=0))
    return marginal_log_densities(
        density, graphs.placeholders, [*inputs, *values, graphs.blank], values
    )


@marginalized_conditional.register(ThresholdMarginalRV)
def _threshold_conditional(op: ThresholdMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    graphs = _IntervalGraphs(op)
    with double_precision():
        lower, upper = pt.full_like(graphs.value, np.inf), pt.full_like(graphs.value, -np.inf)
        for (low, high), likelihood in zip(graphs.intervals, graphs.likelihoods, strict=True):
            possible = pt.and_(pt.gt(likelihood, -np.inf), pt.lt(low, high))
            lower = pt.switch(possible, pt.minimum(lower, low), lower)
            upper = pt.switch(possible, pt.maximum(upper, high), upper)
        latent = graphs.latent
        kind, parameters = latent.owner.op, latent.owner.op.dist_params(latent.owner)
        if isinstance(kind, NormalRV):
            variable = pm.TruncatedNormal.dist(*parameters, lower=lower, upper=upper)
        else:
            shape = (1.0,) if isinstance(kind, ExponentialRV) else ()
            rng = pytensor.shared(np.random.default_rng())
            _, variable = truncated_weibull(
                *shape, *parameters, lower, upper, rng=rng, return_next_rng=True
            )
    return substitute(variable, graphs.placeholders, [*inputs, *dep_rvs, graphs.blank])
