"""Why a standard error is not the posterior's standard deviation.

In large samples the two are the same (Bernstein & von Mises; van der Vaart 1998, theorem 10.1): the
posterior is normal about the MLE with the inverse of the observed information as its covariance.
Where they differ, something in that sentence does not hold, and each part leaves a mark:

- the estimate lies at the end of its range, and has no standard error;
- there are other maxima nearly as high, and the posterior covers them too;
- the prior narrows the posterior: log p(x | θ) + log p(θ) is bent more strongly at the MAP, and the
  standard deviation of the Laplace approximation there is the posterior's;
- the posterior is no normal: it is skewed or has long tails, as where the sample is small for what
  is estimated from it.
"""

from collections.abc import Mapping, Sequence

import arviz_stats
import numpy as np
import xarray as xr

from latentfit.agreement import _tree
from latentfit.agreement._comparison import Optimum, Parameter, Verdict
from latentfit.declaration import labels

# Ratios that are as good as one; and Monte Carlo standard errors beyond which it is not chance.
_ALIKE = np.log(1.1)
_CHANCE = 3.0
# A lower maximum that has at least a hundredth of the highest's density.
_NEAR = np.log(100.0)
# What a normal has none of.
_SKEWED = 0.2
_TAILS = 0.5
_SHOWN = 4


def differences(
    rows: Sequence[Parameter],
    without: Mapping[str, str],
    laplace: Mapping[str, float],
    posterior: xr.Dataset,
    optima: Sequence[Optimum],
) -> dict[str, str]:
    """Why a standard error differs from the posterior sd, by label, for those that do.

    Parameters
    ----------
    rows : sequence of Parameter
    without : mapping
        Why an entry has no standard error, by label.
    laplace : mapping
        Standard deviations of the Laplace approximation at the MAP, by label.
    posterior : Dataset
        Draws, components renumbered.
    optima : sequence of Optimum

    Returns
    -------
    dict
        Empty sentences where nothing explains the difference.
    """
    draws = posterior[list(dict.fromkeys(row.name.partition("[")[0] for row in rows))]
    noise = _by_label(arviz_stats.mcse(draws, method="sd"))
    shape = {
        label: values
        for name in draws.data_vars
        for label, values in _columns(str(name), _tree.stacked(draws)[name].values)
    }
    several = _other_maxima(optima)
    found = {}
    for row in rows:
        if not row.identified:
            continue
        if not np.isfinite(row.em_se):
            found[row.name] = without.get(row.name, "it has no standard error")
            continue
        blur = noise[row.name] / row.posterior_sd if row.posterior_sd > 0 else 0.0
        off = _log_ratio(row.em_se, row.posterior_sd)
        if abs(off) <= _ALIKE + _CHANCE * blur:
            continue
        left = _log_ratio(laplace.get(row.name, np.nan), row.posterior_sd)
        reasons = (
            "at the boundary or beside it" if row.at_edge else "",
            several,
            f"the prior: with it the curvature at the MAP gives {np.exp(left):.2f} posterior sd"
            if abs(left) <= abs(off) / 2
            else "",
            _not_normal(shape[row.name]),
        )
        found[row.name] = "; ".join(filter(None, reasons))
    return found


def verdict(rows: Sequence[Parameter], found: Mapping[str, str]) -> Verdict:
    """Whether standard errors and posterior sds are the same, or it is known why not.

    Parameters
    ----------
    rows : sequence of Parameter
    found : mapping
        What `differences` found.
    """
    judged = [row for row in rows if row.identified]
    usual = [r for r in judged if np.isfinite(r.em_se) and r.posterior_sd > 0 and r.em_se > 0]
    if not usual:
        return Verdict(
            "errors_vs_posterior",
            "skip",
            "No standard errors to set beside the posterior",
            "no parameter has one",
        )
    furthest = max(usual, key=lambda r: abs(_log_ratio(r.em_se, r.posterior_sd)))
    numbers = (
        f"se / posterior sd is furthest from 1 for {furthest.name}, "
        f"{furthest.em_se / furthest.posterior_sd:.2f}"
    )
    apart = {row.name: found[row.name] for row in usual if row.name in found}
    if not apart:
        return Verdict(
            "errors_vs_posterior", "pass", "Standard errors are those of the posterior", numbers
        )
    unexplained = [name for name, reason in apart.items() if not reason]
    if unexplained:
        return Verdict(
            "errors_vs_posterior",
            "warn",
            "Standard errors are not those of the posterior",
            f"{numbers}; nothing explains it for {_few(unexplained)}",
        )
    first = furthest.name if furthest.name in apart else next(iter(apart))
    return Verdict(
        "errors_vs_posterior",
        "pass",
        "Standard errors differ from the posterior's, and it is known why",
        f"{numbers}; {first}: {apart[first]}"
        + (f"; {len(apart) - 1} more in the table" if len(apart) > 1 else ""),
    )


def _log_ratio(one: float, other: float) -> float:
    return float(np.log(one / other)) if one > 0 and other > 0 else np.inf


def _other_maxima(optima: Sequence[Optimum]) -> str:
    heights = [o.log_likelihood for o in optima if not o.note and np.isfinite(o.log_likelihood)]
    top = max(heights, default=np.nan)
    # Nearer than this two heights are the same.
    near = [h for h in heights if 1e-3 < top - h <= _NEAR]
    return f"another maximum is only {top - max(near):.2g} lower" if near else ""


def _not_normal(values: np.ndarray) -> str:
    standard = (values - values.mean()) / values.std()
    skewness, tails = float(np.mean(standard**3)), float(np.mean(standard**4) - 3)
    marks = []
    if abs(skewness) > _SKEWED:
        marks.append(f"skewness {skewness:.2g}")
    if abs(tails) > _TAILS:
        marks.append(f"excess kurtosis {tails:.2g}")
    return f"the posterior is no normal ({', '.join(marks)})" if marks else ""


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


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
