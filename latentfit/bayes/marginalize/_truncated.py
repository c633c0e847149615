"""Distributions cut off on both sides, for conditionals of latents known to lie in an interval.

PyMC's own `Truncated` of anything but a normal cannot be drawn for many parameters at once.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pytensor.tensor.random.op import RandomVariable


class TruncatedWeibullRV(RandomVariable):
    """Weibull variable of a shape and a scale, within bounds; exponential where the shape is 1."""

    name = "truncated_weibull"
    signature = "(),(),(),()->()"
    dtype = "floatX"
    _print_name = ("TruncatedWeibull", "\\operatorname{TruncatedWeibull}")

    @classmethod
    def rng_fn(
        cls,
        rng: np.random.Generator,
        shape: np.ndarray,
        scale: np.ndarray,
        lower: np.ndarray,
        upper: np.ndarray,
        size: Any = None,
    ) -> np.ndarray:
        if size is None:
            size = np.broadcast_shapes(*map(np.shape, (shape, scale, lower, upper)))
        above = rng.random(size=size)
        return quantile(1 - above, above, shape, scale, lower, upper)


truncated_weibull = TruncatedWeibullRV()


def quantile(
    below: np.ndarray,
    above: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> np.ndarray:
    """The value below and above which lie these shares of the probability between the bounds.

    The cumulative hazard (x / scale)^shape is exponential, and without memory.
    """
    begin, end = ((np.maximum(x, 0.0) / scale) ** shape for x in (lower, upper))
    near = np.log1p(np.minimum(below, 0.5) * np.expm1(begin - end))
    far = np.log(above + below * np.exp(begin - end))
    hazard = begin - np.where(below < 0.5, near, far)
    return np.asarray(scale * hazard ** (1 / shape))


@_logprob.register(TruncatedWeibullRV)
def _logp(
    op: TruncatedWeibullRV,
    values: Any,
    rng: Any,
    size: Any,
    shape: Any,
    scale: Any,
    lower: Any,
    upper: Any,
    **kwargs: Any,
) -> Any:
    (value,) = values
    begin, end = ((pt.maximum(x, 0.0) / scale) ** shape for x in (lower, upper))
    density = pt.log(shape / scale) + (shape - 1) * pt.log(value / scale) - (value / scale) ** shape
    within = pt.and_(value >= lower, value <= upper)
    return pt.switch(within, density + begin - pt.log(-pt.expm1(begin - end)), -np.inf)
