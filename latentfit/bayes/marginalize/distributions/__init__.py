"""Distributions of latents given the data that PyMC does not provide."""

from latentfit.bayes.marginalize.distributions._tabulated import (
    TABLE_NODES,
    TABLE_PANELS,
    TabulatedRV,
    table_of,
    table_positions,
    tabulated,
    tabulated_quantile,
)
from latentfit.bayes.marginalize.distributions._truncated_weibull import (
    TruncatedWeibullRV,
    truncated_weibull,
    truncated_weibull_quantile,
)

__all__ = [
    "TABLE_NODES",
    "TABLE_PANELS",
    "TabulatedRV",
    "TruncatedWeibullRV",
    "table_of",
    "table_positions",
    "tabulated",
    "tabulated_quantile",
    "truncated_weibull",
    "truncated_weibull_quantile",
]
