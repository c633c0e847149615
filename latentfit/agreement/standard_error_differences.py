"""Why a standard error differs from the posterior's standard deviation.

In large samples the two are the same (Bernstein & von Mises; van der Vaart 1998, theorem 10.1): the
posterior is normal about the MLE with the inverse of the observed information as its covariance.
Where they differ, a condition of the theorem does not hold:

- the estimate is on the boundary of the parameter space, and has no standard error;
- there are other maxima of nearly the same likelihood, and the posterior covers them too;
- the prior narrows the posterior: log p(x | θ) + log p(θ) has a larger curvature at the MAP, and
  the standard deviation of the Laplace approximation at the MAP is the posterior's;
- the posterior is not normal: it is skewed or has long tails, as in small samples.
"""

from collections.abc import Mapping, Sequence

import arviz_stats
import numpy as np
import xarray as xr

from latentfit.agreement import tree
from latentfit.agreement.results import Optimum, Parameter
from latentfit.declaration import labels

# Ratios of standard deviations up to this count as 1, on the logarithmic scale.
_SAME_RATIO_LOG = np.log(1.1)
# A ratio has to be further from 1 than so many Monte Carlo standard errors.
_MONTE_CARLO_ERRORS = 3.0
# Another maximum matters if its density is at least a hundredth of the highest one's: nats.
_NEARBY_MAXIMUM_NATS = np.log(100.0)
# Log-likelihoods that differ by less belong to the same maximum: nats.
_SAME_MAXIMUM_NATS = 1e-3
# Moments of standardised draws from which on a marginal posterior is called not normal.
_SKEWNESS = 0.2
_EXCESS_KURTOSIS = 0.5


def explain_differences(
    rows: Sequence[Parameter],
    without: Mapping[str, str],
    laplace: Mapping[str, float],
    posterior: xr.Dataset,
    optima: Sequence[Optimum],
) -> dict[str, str]:
    """Explain, for each standard error that differs from the posterior sd, why it does.

    Parameters
    ----------
    rows : sequence of Parameter
    without : mapping
        ``{label: reason}`` of parameters without a standard error.
    laplace : mapping
        ``{label: standard deviation}`` of the Laplace approximation at the MAP.
    posterior : Dataset
        Draws, components renumbered.
    optima : sequence of Optimum

    Returns
    -------
    dict
        ``{label: reason}``; the reason is empty if no condition explains the difference.
    """
    draws = posterior[list(dict.fromkeys(row.name.partition("[")[0] for row in rows))]
    monte_carlo = _by_label(arviz_stats.mcse(draws, method="sd"))
    samples = {
        label: values
        for name in draws.data_vars
        for label, values in _columns(str(name), tree.stacked(draws)[name].values)
    }
    other_maximum = _other_maximum(optima)
    found = {}
    for row in rows:
        if not row.identified:
            continue
        if not np.isfinite(row.em_se):
            found[row.name] = without.get(row.name, "it has no standard error")
            continue
        relative = monte_carlo[row.name] / row.posterior_sd if row.posterior_sd > 0 else 0.0
        ratio = log_ratio(row.em_se, row.posterior_sd)
        if abs(ratio) <= _SAME_RATIO_LOG + _MONTE_CARLO_ERRORS * relative:
            continue
        laplace_ratio = log_ratio(laplace.get(row.name, np.nan), row.posterior_sd)
        reasons = (
            "the estimate is on the boundary or beside it" if row.at_edge else "",
            other_maximum,
            f"the prior: with it, the curvature at the MAP gives {np.exp(laplace_ratio):.2f} "
            f"posterior sd"
            if abs(laplace_ratio) <= abs(ratio) / 2
            else "",
            _not_normal(samples[row.name]),
        )
        found[row.name] = "; ".join(filter(None, reasons))
    return found


def log_ratio(one: float, other: float) -> float:
    """log(one / other); infinite if either is not positive."""
    return float(np.log(one / other)) if one > 0 and other > 0 else np.inf


def _other_maximum(optima: Sequence[Optimum]) -> str:
    values = [o.log_likelihood for o in optima if not o.note and np.isfinite(o.log_likelihood)]
    highest = max(values, default=np.nan)
    near = [v for v in values if _SAME_MAXIMUM_NATS < highest - v <= _NEARBY_MAXIMUM_NATS]
    if not near:
        return ""
    return f"the log-likelihood of another maximum is only {highest - max(near):.2g} lower"


def _not_normal(values: np.ndarray) -> str:
    standard = (values - values.mean()) / values.std()
    skewness, kurtosis = float(np.mean(standard**3)), float(np.mean(standard**4) - 3)
    moments = []
    if abs(skewness) > _SKEWNESS:
        moments.append(f"skewness {skewness:.2g}")
    if abs(kurtosis) > _EXCESS_KURTOSIS:
        moments.append(f"excess kurtosis {kurtosis:.2g}")
    return f"the posterior is not normal ({', '.join(moments)})" if moments else ""


def _columns(name: str, draws: np.ndarray) -> list[tuple[str, np.ndarray]]:
    flat = draws.reshape(len(draws), -1)
    return list(zip(labels(name, draws.shape[1:]), flat.T, strict=True))


def _by_label(values: xr.Dataset) -> dict[str, float]:
    return {
        label: float(value)
        for name in values.data_vars
        for label, value in zip(
            labels(str(name), values[name].shape), np.ravel(values[name].values), strict=True
        )
    }
