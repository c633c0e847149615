"""The agreement table: every scalar parameter under EM, MLE, MAP and posterior."""

from collections.abc import Collection, Mapping
from typing import Any

import arviz_stats
import numpy as np
import xarray as xr

from latentfit.agreement.results import Latent, Parameter
from latentfit.bayes import Recovered
from latentfit.declaration import labels

Values = Mapping[str, np.ndarray]
INTERVAL = 0.95

azs: Any = arviz_stats


def tabulate_parameters(
    em: Values,
    errors: Values,
    mle: Values,
    mode: Values,
    posterior: xr.Dataset,
    boundary: Collection[str] = (),
    judged: Collection[str] | None = None,
) -> tuple[Parameter, ...]:
    """One row for each scalar among the names that EM estimates.

    Parameters
    ----------
    em, errors, mle, mode : mapping
        EM's estimate, its standard error, MLE and MAP: ``{name: array}``, natural scale.
    posterior : Dataset
        Draws with components already renumbered; ``chain`` and ``draw`` come first.
    boundary : collection of str
        Labels of those on the boundary of the parameter space.
    judged : collection of str, optional
        Labels of those that are identified; by default all.
    """
    draws = posterior[list(em)]
    summaries = {
        "rhat": azs.rhat(draws),
        "bulk": azs.ess(draws, method="bulk"),
        "tail": azs.ess(draws, method="tail"),
        "mcse": azs.mcse(draws),
    }
    rows = []
    for name in em:
        flat = draws[name].stack(sample=("chain", "draw")).transpose("sample", ...).values
        low, high = np.quantile(flat, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=0)
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
                    em_minus_mle=_in_units(em[name][index] - mle[name][index], sd[index]),
                    map_minus_mle=_in_units(mode[name][index] - mle[name][index], sd[index]),
                    tail=min(1.0, 2 * min(float(below[index]), float(above[index]))),
                    at_edge=label in boundary,
                    identified=judged is None or label in judged,
                )
            )
    return tuple(rows)


def compare_latent(name: str, expectation: np.ndarray, recovered: Recovered) -> Latent | None:
    """EM's expectation of one latent beside its posterior.

    None where EM's entry has another shape than probabilities or means would have, for then
    there is nothing to set beside it.
    """
    ours, theirs = np.asarray(expectation, dtype=float), recovered.mean
    if ours.shape != theirs.shape:
        return None
    difference = np.abs(ours - theirs)
    if not recovered.discrete:
        assert recovered.sd is not None
        difference = difference / np.where(recovered.sd > 0, recovered.sd, np.nan)
    return Latent(
        name=name,
        kind="discrete" if recovered.discrete else "continuous",
        em=ours,
        posterior=theirs,
        posterior_sd=recovered.sd,
        largest_difference=float(np.nanmax(difference, initial=0.0)),
        mean_difference=float(np.nanmean(difference)),
        adjusted_rand=adjusted_rand(ours.argmax(axis=-1).ravel(), theirs.argmax(axis=-1).ravel())
        if recovered.discrete
        else None,
    )


def adjusted_rand(first: np.ndarray, second: np.ndarray) -> float:
    """Adjusted Rand index of two partitions of the same n objects.

    1 for partitions that are the same up to names, 0 in expectation for independent ones
    (Hubert & Arabie 1985, J. Classification 2, eq. 5).
    """
    _, rows = np.unique(first, return_inverse=True)
    _, columns = np.unique(second, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)

    def pairs(counts: np.ndarray) -> float:
        return float(np.sum(counts * (counts - 1)) / 2)

    both, one, other = pairs(table), pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    every = pairs(np.array([len(first)]))
    expected = one * other / every if every else 0.0
    most = (one + other) / 2
    # Both partitions trivial: one block each, or singletons each. They are then the same.
    return 1.0 if most == expected else (both - expected) / (most - expected)


def _in_units(difference: Any, sd: Any) -> float:
    return float(difference / sd) if sd > 0 else (0.0 if difference == 0 else np.inf)
