"""Distributions of latents given the data that PyMC does not provide."""

from latentfit.bayes.marginalize.distributions._tabulated import (
    TABLE_POINTS,
    TabulatedRV,
    tabulated,
    tabulated_quantile,
)
from latentfit.bayes.marginalize.distributions._truncated_weibull import (
    TruncatedWeibullRV,
    truncated_weibull,
    truncated_weibull_quantile,
)

__all__ = [
    "TABLE_POINTS",
    "TabulatedRV",
    "TruncatedWeibullRV",
    "tabulated",
    "tabulated_quantile",
    "truncated_weibull",
    "truncated_weibull_quantile",
]
