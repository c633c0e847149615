"""Logarithms of probabilities of intervals, accurate in both tails, with finite derivatives."""

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.distributions.continuous import WeibullBetaRV
from pytensor.tensor.random.basic import ExponentialRV, NormalRV


def log_interval_probability(latent: Any, low: Any, high: Any, lowest: float) -> Any:
    """Build log p(low < z <= high) as a graph, for a normal, exponential or Weibull variable z.

    Parameters
    ----------
    latent : TensorVariable
        The random variable z.
    low, high : TensorVariable
        Ends of the interval, which may be infinite. The interval is empty unless low < high.
    lowest : float
        Lower end of the support of z.
    """
    below, above = pt.le(low, lowest), pt.isinf(high)
    # Derivatives of a switch pass through the branch that is not chosen too, and have to be
    # finite there. Infinite ends are therefore replaced by 1.
    begin, end = (pt.switch(pt.or_(pt.le(x, lowest), pt.isinf(x)), 1.0, x) for x in (low, high))
    over, under = _log_survival(latent, begin), _log_cumulative(latent, end)
    # The difference of two probabilities is computed in the tail in which the interval lies.
    upper = pt.lt(over, np.log(0.5))
    large = pt.switch(upper, over, under)
    small = pt.switch(upper, _log_survival(latent, end), _log_cumulative(latent, begin))
    one_sided_or_empty = pt.or_(pt.ge(low, high), pt.or_(below, above))
    gap = pt.switch(one_sided_or_empty, -1.0, small - large)
    two_sided = large + pt.log(-pt.expm1(gap))
    one_sided_above = pt.switch(above, over, two_sided)
    log_probability = pt.switch(below, pt.switch(above, 0.0, under), one_sided_above)
    return pt.switch(pt.ge(low, high), -np.inf, log_probability)


def _log_survival(latent: Any, value: Any) -> Any:
    """Build log p(z > value)."""
    op = latent.owner.op
    if isinstance(op, ExponentialRV):
        (scale,) = op.dist_params(latent.owner)
        return -pt.maximum(value, 0.0) / scale
    if isinstance(op, WeibullBetaRV):
        shape, scale = op.dist_params(latent.owner)
        # The derivative takes the logarithm of the value, which must not be zero.
        positive = pt.gt(value, 0)
        return pt.switch(positive, -((pt.switch(positive, value, 1.0) / scale) ** shape), 0.0)
    mean, sd = op.dist_params(latent.owner)
    return _log_normal_cumulative((mean - value) / sd)


def _log_cumulative(latent: Any, value: Any) -> Any:
    """Build log p(z <= value)."""
    op = latent.owner.op
    if isinstance(op, NormalRV):
        mean, sd = op.dist_params(latent.owner)
        return _log_normal_cumulative((value - mean) / sd)
    return pm.logcdf(latent, value)


def _log_normal_cumulative(t: Any) -> Any:
    """Build log Φ(t).

    The derivative of PyMC's function is not defined for t > 8, where its branch for the lower tail
    takes the logarithm of zero.
    """
    lower_tail = pt.lt(t, -1.0)
    out, near = pt.switch(lower_tail, t, -1.0), pt.switch(lower_tail, -1.0, t)
    tail = pt.log(0.5 * pt.erfcx(-out / np.sqrt(2))) - 0.5 * out**2
    return pt.switch(lower_tail, tail, pt.log1p(-0.5 * pt.erfc(near / np.sqrt(2))))
