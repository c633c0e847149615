"""The figures of a comparison as text, column by column, ready to be set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.declaration import labels
from latentfit.report._numbers import (
    MISSING,
    aligned,
    brief,
    fixed,
    plain,
    seconds,
    to_scale,
    typeset,
)
from latentfit.report._words import marked

if TYPE_CHECKING:
    from latentfit.agreement import Comparison, Latent, Parameter

type Column = tuple[str, str, Callable[["Parameter"], str]]

_MOST_ENTRIES = 12
_SPANS = {
    "build_s": "Building the model",
    "complete_s": "Building the complete-data view",
    "check_s": "Checking the derivation",
    "em_s": "EM, all starts",
    "bootstrap_s": "Bootstrap",
    "errors_s": "Standard errors",
    "mle_s": "Direct maximum likelihood",
    "map_s": "Maximum a posteriori",
    "compile_s": "Compiling for NUTS",
    "posterior_s": "NUTS",
    "latents_s": "Recovering the latents",
    "predictive_s": "Posterior predictive",
    "profile_s": "Profile likelihood",
    "verdicts_s": "Verdicts",
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
    remarks : bool
        Whether the last column holds sentences instead of numbers.
    """

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: bool = False


def agreement(comparison: "Comparison") -> Table:
    """EM, MLE, MAP and posterior of every scalar parameter, natural scale."""
    units = "in posterior standard deviations"
    return per_parameter(
        comparison,
        ("EM", "estimate of the EM algorithm", lambda p: to_scale(p.em, p.posterior_sd)),
        (
            "se",
            "its standard error, from the curvature of what EM maximises",
            lambda p: to_scale(p.em_se, p.posterior_sd),
        ),
        ("MLE", "direct maximum of log p(x | θ)", lambda p: to_scale(p.mle, p.posterior_sd)),
        ("MAP", "mode of p(θ | x), natural scale", lambda p: to_scale(p.map, p.posterior_sd)),
        ("mean", "posterior mean", lambda p: to_scale(p.posterior_mean, p.posterior_sd)),
        (
            "sd",
            "posterior standard deviation",
            lambda p: to_scale(p.posterior_sd, p.posterior_sd),
        ),
        (
            "2.5 %",
            "lower end of the equal-tailed 95 % interval",
            lambda p: to_scale(p.eti[0], p.posterior_sd),
        ),
        (
            "97.5 %",
            "upper end of the equal-tailed 95 % interval",
            lambda p: to_scale(p.eti[1], p.posterior_sd),
        ),
        ("EM − MLE", units, lambda p: _judged(p, brief(p.em_minus_mle))),
        (
            "MAP − MLE",
            f"{units}: the pull of the prior",
            lambda p: _judged(p, brief(p.map_minus_mle)),
        ),
        (
            "tail",
            "two-sided posterior tail probability of EM's estimate",
            lambda p: _judged(p, fixed(p.tail, 3)),
        ),
    )


def diagnostics(comparison: "Comparison") -> Table:
    """How far the chains can be trusted (Vehtari et al. 2021, Bayesian Analysis 16(2))."""
    return per_parameter(
        comparison,
        ("R-hat", "rank-normalised split R-hat", lambda p: fixed(p.rhat, 4)),
        ("bulk ESS", "effective draws in the bulk", lambda p: fixed(p.ess_bulk, 0)),
        ("tail ESS", "effective draws in the tails", lambda p: fixed(p.ess_tail, 0)),
        ("MCSE", "Monte Carlo standard error of the mean", lambda p: brief(p.mcse_mean)),
    )


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
    if not any(optimum.note for optimum in found):
        return table
    return Table(
        (*table.columns, ("", "")),
        tuple((*row, optimum.note) for row, optimum in zip(table.rows, found, strict=True)),
        remarks=True,
    )


def means(latent: "Latent") -> Table | None:
    """A continuous latent entry by entry, where the entries are few enough to be read."""
    if latent.kind != "continuous" or latent.em.size > _MOST_ENTRIES:
        return None
    unknown = np.full(latent.em.shape, np.nan)
    sds = np.ravel(unknown if latent.posterior_sd is None else latent.posterior_sd)
    numbers = {
        ("EM", "conditional mean at EM's estimate"): [
            to_scale(value, sd) for value, sd in zip(np.ravel(latent.em), sds, strict=True)
        ],
        ("posterior mean", ""): [
            to_scale(value, sd) for value, sd in zip(np.ravel(latent.posterior), sds, strict=True)
        ],
        ("posterior sd", ""): [to_scale(sd, sd) for sd in sds],
    }
    return _table("latent", labels(latent.name, latent.em.shape), numbers)


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
    shown = entries[:_MOST_ENTRIES]
    rows = [(label, typeset(plain(there)), typeset(plain(here))) for label, there, here in shown]
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


def published(comparison: "Comparison") -> dict[str, Table]:
    """Figures from the literature, by their source, with the data that they belong to."""
    sources: dict[str, list[Mapping[str, Any]]] = {}
    for figure in comparison.published:
        sources.setdefault(str(figure.get("source", "")), []).append(figure)
    columns = (
        ("figure", ""),
        ("value", ""),
        ("within", "how precisely it is given"),
        ("data", ""),
    )
    return {source: Table(columns, tuple(map(_quoted, s))) for source, s in sources.items()}


def timings(comparison: "Comparison") -> tuple[tuple[str, str], ...]:
    """What took how long."""
    return tuple(
        (_SPANS.get(name, name.removesuffix("_s").replace("_", " ")), seconds(value))
        for name, value in comparison.timings.items()
    )


def per_parameter(comparison: "Comparison", *columns: Column) -> Table:
    """A row for every scalar parameter; of a column, heading, meaning and text."""
    numbers = {
        (heading, meaning): [text(parameter) for parameter in comparison.parameters]
        for heading, meaning, text in columns
    }
    return _table("parameter", [marked(parameter) for parameter in comparison.parameters], numbers)


def _judged(parameter: "Parameter", figure: str) -> str:
    """A figure that says something only of what is identified."""
    return figure if parameter.identified else MISSING


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


def _quoted(figure: Mapping[str, Any]) -> tuple[str, ...]:
    value, tolerance = figure.get("value"), figure.get("tolerance")
    return (
        str(figure.get("name", "")),
        typeset(f"{value:.10g}" if isinstance(value, float) else str(value)),
        typeset(plain(tolerance)) if isinstance(tolerance, float) else MISSING,
        ", ".join(str(figure[key]) for key in ("data", "column") if key in figure),
    )
