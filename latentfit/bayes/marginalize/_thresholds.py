r"""Latents that are seen through thresholds: censored, rounded, grouped; probit utilities.

What depends on such a latent compares it with thresholds c_1 < ... < c_m and knows no more of it,
so that p(x | z, θ) is constant between them. The integral is then a sum,

    p(x | θ) = Σ_k p(c_k < z <= c_{k+1} | θ) p(x | z in between, θ),

and where x leaves one interval possible, z | x, θ is its own distribution cut off at the ends of
it.
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
from pymc_extras.model.marginal.graph_analysis import subgraph_batch_dim_connection
from pytensor.graph.replace import graph_replace
from pytensor.graph.traversal import ancestors, io_toposort
from pytensor.scalar.basic import GE, GT, LE, LT
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.random.basic import ExponentialRV, NormalRV

from latentfit.bayes.marginalize._probe import in_place, log_joint, marginal, probes
from latentfit.bayes.marginalize._truncated import truncated_weibull
from latentfit.declaration import double_precision


class ThresholdMarginalRV(MarginalRV):
    """Variables that depend on a latent through comparisons with thresholds alone.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, dims_connections: Any, **kwargs: Any) -> None:
        self.dims_connections = dims_connections
        self.strategy = "between thresholds its distribution function is known"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Integrate out a latent that is compared with thresholds and enters in no other way."""
    among = outputs[: 1 + marginalized["n_dependent_rvs"]]
    latent, *dependents = among
    if not isinstance(latent.owner.op, NormalRV | ExponentialRV | WeibullBetaRV):
        return None
    if _thresholds(latent, dependents) is None or not _certain(inputs, among):
        return None
    try:
        connections = subgraph_batch_dim_connection(latent, dependents)
    except (ValueError, NotImplementedError):
        return None
    return ThresholdMarginalRV(
        inputs=inputs, outputs=outputs, dims_connections=connections, **marginalized
    )


def _certain(inputs: Sequence[Any], outputs: Sequence[Any]) -> bool:
    """Whether intervals are possible or not, and nothing in between."""
    found = probes(inputs, outputs, finite=False)
    return found is not None and all(
        np.isin(term, (0.0, -np.inf)).all()
        for probe in found
        for draw in probe.draws
        for term in probe.terms(draw)[1:]
    )


def _thresholds(latent: Any, dependents: Sequence[Any]) -> list[Any] | None:
    """What a latent is compared with; None where it enters in any other way."""
    within = set(ancestors(dependents))
    found, compared = [], []
    for node in io_toposort([latent], dependents):
        if not (isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, GT | GE | LT | LE)):
            continue
        sides = [side is latent for side in node.inputs]
        if sum(sides) != 1 or node.outputs[0] not in within:
            continue
        other = node.inputs[sides.index(False)]
        if latent in ancestors([other]):
            return None
        found.append(other)
        compared.append(node.outputs[0])
    if not found or latent in ancestors(dependents, blockers=compared):
        return None
    return found


class _Pieces:
    """Intervals, their probabilities, and what they make of the dependents."""

    def __init__(self, op: ThresholdMarginalRV) -> None:
        inner = op.fgraph.unfreeze()
        latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
        self.latent = latent
        thresholds = _thresholds(latent, dependents)
        assert thresholds is not None  # or the op would not have been made
        with double_precision():
            value, others, (_, *terms) = log_joint(latent, dependents)
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
            inside = [_between(low, high) for low, high in self.intervals]
            self.likelihoods = [
                graph_replace([joint], {value: there.astype(value.dtype)}, strict=False)[0]
                for there in inside
            ]
            self.value, self.lowest = value, lowest
            # The shape of the latent is all that is left of its value.
            self.placeholders = [*inner.inputs, *others, value]
            self.blank = pt.zeros(value.type.shape, dtype=value.dtype)


def _between(low: Any, high: Any) -> Any:
    """A point of every interval; of an empty one, any."""
    middle = 0.5 * (_finite(low) + _finite(high))
    below, above = pt.isinf(low), pt.isinf(high)
    found = pt.switch(below, _finite(high) - 1.0, pt.switch(above, _finite(low) + 1.0, middle))
    return pt.switch(pt.and_(below, above), 0.0, found)


def _finite(end: Any) -> Any:
    return pt.switch(pt.isinf(end), 0.0, end)


def _log_probability(latent: Any, low: Any, high: Any, lowest: float) -> Any:
    """Of the interval, from the tail in which it lies."""
    below, above = pt.le(low, lowest), pt.isinf(high)
    # Derivatives pass through terms that are not chosen, and have to be finite there too.
    begin, end = (pt.switch(pt.or_(pt.le(x, lowest), pt.isinf(x)), 1.0, x) for x in (low, high))
    over, under = _log_survival(latent, begin), _log_cumulative(latent, end)
    upper = pt.lt(over, np.log(0.5))
    large = pt.switch(upper, over, under)
    small = pt.switch(upper, _log_survival(latent, end), _log_cumulative(latent, begin))
    empty = pt.or_(pt.ge(low, high), pt.or_(below, above))
    gap = pt.switch(empty, -1.0, small - large)
    inside = large + pt.log(-pt.expm1(gap))
    found = pt.switch(below, pt.switch(above, 0.0, under), pt.switch(above, over, inside))
    return pt.switch(pt.ge(low, high), -np.inf, found)


def _log_survival(latent: Any, value: Any) -> Any:
    """Log p(z > value)."""
    op = latent.owner.op
    if isinstance(op, ExponentialRV):
        (scale,) = op.dist_params(latent.owner)
        return -pt.maximum(value, 0.0) / scale
    if isinstance(op, WeibullBetaRV):
        shape, scale = op.dist_params(latent.owner)
        # Of zero a logarithm is taken in the derivative.
        positive = pt.gt(value, 0)
        return pt.switch(positive, -((pt.switch(positive, value, 1.0) / scale) ** shape), 0.0)
    mean, sd = op.dist_params(latent.owner)
    return _log_normal((mean - value) / sd)


def _log_cumulative(latent: Any, value: Any) -> Any:
    """Log p(z <= value)."""
    op = latent.owner.op
    if isinstance(op, NormalRV):
        mean, sd = op.dist_params(latent.owner)
        return _log_normal((value - mean) / sd)
    return pm.logcdf(latent, value)


def _log_normal(t: Any) -> Any:
    """Log Φ(t). PyMC's has no derivatives beyond t = 8, where the other tail's is taken of 0."""
    far = pt.lt(t, -1.0)
    out, near = pt.switch(far, t, -1.0), pt.switch(far, -1.0, t)
    tail = pt.log(0.5 * pt.erfcx(-out / np.sqrt(2))) - 0.5 * out**2
    return pt.switch(far, tail, pt.log1p(-0.5 * pt.erfc(near / np.sqrt(2))))


@_logprob.register(ThresholdMarginalRV)
def _marginal_logp(op: ThresholdMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    pieces = _Pieces(op)
    with double_precision():
        terms = [
            _log_probability(pieces.latent, *interval, pieces.lowest) + likelihood
            for interval, likelihood in zip(pieces.intervals, pieces.likelihoods, strict=True)
        ]
        found = align_logp_dims(op.dims_connections[0], pt.logsumexp(pt.stack(terms), axis=0))
    return marginal(found, pieces.placeholders, [*inputs, *values, pieces.blank], values)


@marginalized_conditional.register(ThresholdMarginalRV)
def _conditional(op: ThresholdMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    pieces = _Pieces(op)
    with double_precision():
        lower, upper = pt.full_like(pieces.value, np.inf), pt.full_like(pieces.value, -np.inf)
        for (low, high), likelihood in zip(pieces.intervals, pieces.likelihoods, strict=True):
            possible = pt.and_(pt.gt(likelihood, -np.inf), pt.lt(low, high))
            lower = pt.switch(possible, pt.minimum(lower, low), lower)
            upper = pt.switch(possible, pt.maximum(upper, high), upper)
        latent = pieces.latent
        kind, given = latent.owner.op, latent.owner.op.dist_params(latent.owner)
        if isinstance(kind, NormalRV):
            graph = pm.TruncatedNormal.dist(*given, lower=lower, upper=upper)
        else:
            shape = (1.0,) if isinstance(kind, ExponentialRV) else ()
            rng = pytensor.shared(np.random.default_rng())
            _, graph = truncated_weibull(
                *shape, *given, lower, upper, rng=rng, return_next_rng=True
            )
    return in_place(graph, pieces.placeholders, [*inputs, *dep_rvs, pieces.blank])
