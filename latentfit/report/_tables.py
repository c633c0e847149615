"""The figures of a comparison as text, column by column, ready to be set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.declaration import labels
from latentfit.report._numbers import MISSING, aligned, brief, fixed, seconds, to_scale

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

_MOST_OF_THE_TRAP = 12
_SPANS = {
    "em_s": "EM, all starts",
    "mle_s": "Direct maximum likelihood",
    "map_s": "Maximum a posteriori",
    "compile_s": "Compiling for NUTS",
    "posterior_s": "NUTS",
    "latents_s": "Recovering the latents",
}


@dataclass(frozen=True)
class Table:
    """Text in rows and columns.

    Attributes
    ----------
    columns : tuple of (str, str)
        Heading, and what it means.
    rows : tuple of tuple of str
        The first entry names the row.
    """

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]


def agreement(comparison: "Comparison") -> Table:
    """EM, MLE, MAP and posterior of every scalar parameter, natural scale."""
    parameters = comparison.parameters
    numbers = {
        ("EM", "estimate of the EM algorithm"): [to_scale(p.em, p.posterior_sd) for p in parameters],
        ("se", "its standard error, from the observed information"): [
            to_scale(p.em_se, p.posterior_sd) for p in parameters
        ],
        ("MLE", "direct maximisation of log p(x | θ)"): [
            to_scale(p.mle, p.posterior_sd) for p in parameters
        ],
        ("MAP", "mode of p(θ | x), natural scale"): [
            to_scale(p.map, p.posterior_sd) for p in parameters
        ],
        ("mean", "posterior mean"): [to_scale(p.posterior_mean, p.posterior_sd) for p in parameters],
        ("sd", "posterior standard deviation"): [
            to_scale(p.posterior_sd, p.posterior_sd) for p in parameters
        ],
        ("2.5 %", "lower end of the equal-tailed 95 % interval"): [
            to_scale(p.eti[0], p.posterior_sd) for p in parameters
        ],
        ("97.5 %", "upper end of the equal-tailed 95 % interval"): [
            to_scale(p.eti[1], p.posterior_sd) for p in parameters
        ],
        ("EM − MLE", "in posterior standard deviations"): [
            brief(p.em_minus_mle) for p in parameters
        ],
        ("MAP − MLE", "in posterior standard deviations: the pull of the prior"): [
            brief(p.map_minus_mle) for p in parameters
        ],
        ("tail", "two-sided posterior tail probability of EM's estimate"): [
            fixed(p.tail, 3) for p in parameters
        ],
    }
    return _table("parameter", [p.name for p in parameters], numbers)


def diagnostics(comparison: "Comparison") -> Table:
    """How far the chains can be trusted (Vehtari et al. 2021, Bayesian Analysis 16(2))."""
    parameters = comparison.parameters
    numbers = {
        ("R-hat", "rank-normalised split R-hat"): [fixed(p.rhat, 4) for p in parameters],
        ("bulk ESS", "effective draws in the bulk"): [fixed(p.ess_bulk, 0) for p in parameters],
        ("tail ESS", "effective draws in the tails"): [fixed(p.ess_tail, 0) for p in parameters],
        ("MCSE", "Monte Carlo standard error of the mean"): [
            brief(p.mcse_mean) for p in parameters
        ],
    }
    return _table("parameter", [p.name for p in parameters], numbers)


def heights(comparison: "Comparison") -> Table:
    """log p(x | θ) at the three estimates."""
    rows = {"em": "EM", "mle": "MLE", "map": "MAP"}
    values = [comparison.log_likelihood.get(key, float("nan")) for key in rows]
    return _table("estimate", list(rows.values()), _below_the_best(values))


def optima(comparison: "Comparison") -> Table:
    """The heights at which EM and direct maximisation ended."""
    found = comparison.optima
    numbers = _below_the_best([optimum.log_likelihood for optimum in found])
    numbers[("starts", "how many ended there")] = [str(optimum.count) for optimum in found]
    table = _table("method", [optimum.method for optimum in found], numbers)
    return Table(
        (*table.columns, ("", "")),
        tuple((*row, optimum.note) for row, optimum in zip(table.rows, found, strict=True)),
    )


def trap(comparison: "Comparison") -> Table | None:
    """The mode over parameters and latents together, beside the MLE."""
    mode = comparison.joint_mode
    if mode is None:
        return None
    mle = comparison.tree["mle"].to_dataset()
    known = {name: mle[name].values for name in mode.params if name in mle}
    entries = [
        (label, float(there), float(here))
        for name, values in mode.params.items()
        for label, there, here in _entries(name, values, known.get(name))
    ] + [
        (label, float(there), float("nan"))
        for name, values in mode.latents.items()
        for label, there, _ in _entries(name, values, None)
    ]
    shown = entries[:_MOST_OF_THE_TRAP]
    rows = [(label, f"{there:.5g}", MISSING if np.isnan(here) else f"{here:.5g}")
            for label, there, here in shown]  # fmt: skip
    if len(entries) > len(shown):
        rows.append((f"and {len(entries) - len(shown)} more", "", ""))
    return Table(
        (
            ("", ""),
            ("joint mode", "maximum of p(x, z, θ) over z and θ together"),
            ("MLE", "maximum of p(x | θ)"),
        ),
        tuple(rows),
    )


def published(comparison: "Comparison") -> tuple[Mapping[str, str], ...]:
    """Figures from the literature, with the data that they belong to."""
    return tuple(
        {
            "name": str(figure.get("name", "")),
            "value": _plain(figure.get("value")),
            "tolerance": _plain(figure.get("tolerance")),
            "data": ", ".join(str(figure[key]) for key in ("data", "column") if key in figure),
            "source": str(figure.get("source", "")),
        }
        for figure in comparison.published
    )


def timings(comparison: "Comparison") -> tuple[tuple[str, str], ...]:
    """What took how long."""
    return tuple(
        (_SPANS.get(name, name.removesuffix("_s").replace("_", " ")), seconds(value))
        for name, value in comparison.timings.items()
    )


def _table(
    first: str, names: Sequence[str], numbers: Mapping[tuple[str, str], Sequence[str]]
) -> Table:
    columns = [aligned(column) for column in numbers.values()]
    return Table(((first, ""), *numbers), tuple(zip(names, *columns, strict=True)))


def _below_the_best(values: Sequence[float]) -> dict[tuple[str, str], list[str]]:
    best = max((v for v in values if np.isfinite(v)), default=float("nan"))
    return {
        ("log p(x | θ)", "log-likelihood of the observed data"): [fixed(v, 6) for v in values],
        ("below the highest", "difference to the highest of these"): [
            brief(best - v) for v in values
        ],
    }


def _entries(name: str, values: Any, beside: Any) -> list[tuple[str, Any, Any]]:
    values = np.asarray(values)
    beside = np.full(values.shape, np.nan) if beside is None else np.asarray(beside)
    return list(zip(labels(name, values.shape), values.ravel(), beside.ravel(), strict=True))


def _plain(value: Any) -> str:
    return MISSING if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
