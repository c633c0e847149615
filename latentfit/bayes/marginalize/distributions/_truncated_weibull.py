"""The Weibull distribution truncated on both sides.

It is the conditional distribution of a Weibull or exponential latent that is known to lie in an
interval. PyMC's own `Truncated` distributions, other than the normal one, cannot be drawn for many
parameters at once.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pytensor.tensor.random.op import RandomVariable


class TruncatedWeibullRV(RandomVariable):
    """Weibull variable with a shape, a scale and two bounds; exponential if the shape is 1."""

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
        """Draw by inversion of the distribution function."""
        if size is None:
            size = np.broadcast_shapes(*map(np.shape, (shape, scale, lower, upper)))
        above = rng.random(size=size)
        return truncated_weibull_quantile(1 - above, above, shape, scale, lower, upper)


truncated_weibull = TruncatedWeibullRV()


def truncated_weibull_quantile(
    below: np.ndarray,
    above: np.ndarray,
    shape: np.ndarray,
    scale: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> np.ndarray:
    """Compute quantiles of the truncated distribution.

    The cumulative hazard (x / scale)^shape is exponentially distributed and memoryless.

    Parameters
    ----------
    below, above : ndarray
        Probabilities below and above the quantile, which sum to one. Both are given, because one
        of them may be too small to be the difference of the other from one.
    shape, scale, lower, upper : ndarray
        Parameters and bounds.
    """
    begin, end = ((np.maximum(x, 0.0) / scale) ** shape for x in (lower, upper))
    near = np.log1p(np.minimum(below, 0.5) * np.expm1(begin - end))
    far = np.log(above + below * np.exp(begin - end))
    hazard = begin - np.where(below < 0.5, near, far)
    return np.asarray(scale * hazard ** (1 / shape))


@_logprob.register(TruncatedWeibullRV)
def _truncated_weibull_logp(
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
