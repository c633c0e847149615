"""Every scalar parameter under EM, MLE, MAP and posterior."""

from collections.abc import Collection, Mapping
from typing import Any

import arviz_stats
import numpy as np
import xarray as xr

from latentfit.agreement.results import Parameter
from latentfit.declaration import labels

Values = Mapping[str, np.ndarray]

# Probability of the equal-tailed posterior intervals.
_INTERVAL_PROBABILITY = 0.95

_stats: Any = arviz_stats


def tabulate_parameters(
    em: Values,
    errors: Values,
    mle: Values,
    mode: Values,
    posterior: xr.Dataset,
    boundary: Collection[str] = (),
    judged: Collection[str] | None = None,
) -> tuple[Parameter, ...]:
    """Make a row for each scalar among the names that EM estimates.

    Parameters
    ----------
    em, errors, mle, mode : mapping
        EM's estimate, its standard error, MLE and MAP: ``{name: array}``, natural scale.
    posterior : Dataset
        Aligned draws; ``chain`` and ``draw`` are the first dimensions.
    boundary : collection of str
        Labels of the parameters that are on the boundary of the parameter space.
    judged : collection of str, optional
        Labels of the parameters that are identified; by default all.
    """
    draws = posterior[list(em)]
    summaries = {
        "rhat": _stats.rhat(draws),
        "bulk": _stats.ess(draws, method="bulk"),
        "tail": _stats.ess(draws, method="tail"),
        "mcse": _stats.mcse(draws),
    }
    rows = []
    for name in em:
        flat = draws[name].stack(sample=("chain", "draw")).transpose("sample", ...).values
        low, high = np.quantile(
            flat, [(1 - _INTERVAL_PROBABILITY) / 2, (1 + _INTERVAL_PROBABILITY) / 2], axis=0
        )
        mean, sd = flat.mean(axis=0), flat.std(axis=0, ddof=1)
        below = np.mean(flat < em[name], axis=0)
        above = np.mean(flat > em[name], axis=0)
        for index, label in zip(np.ndindex(sd.shape), labels(name, sd.shape), strict=True):
            rows.append(
                Parameter(
                    name=label,
                    em=float(em[name][index]),
                    em_se=float(errors[name][index]),
                    mle=float(mle[name][index]),
                    map=float(mode[name][index]),
                    posterior_mean=float(mean[index]),
                    posterior_sd=float(sd[index]),
                    eti=(float(low[index]), float(high[index])),
                    rhat=float(summaries["rhat"][name].values[index]),
                    ess_bulk=float(summaries["bulk"][name].values[index]),
                    ess_tail=float(summaries["tail"][name].values[index]),
                    mcse_mean=float(summaries["mcse"][name].values[index]),
                    em_minus_mle=_in_posterior_sds(em[name][index] - mle[name][index], sd[index]),
                    map_minus_mle=_in_posterior_sds(
                        mode[name][index] - mle[name][index], sd[index]
                    ),
                    tail=min(1.0, 2 * min(float(below[index]), float(above[index]))),
                    at_edge=label in boundary,
                    identified=judged is None or label in judged,
                )
            )
    return tuple(rows)


def _in_posterior_sds(difference: Any, sd: Any) -> float:
    return float(difference / sd) if sd > 0 else (0.0 if difference == 0 else np.inf)
