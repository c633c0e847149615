"""The result of a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pymc as pm
import xarray as xr

from latentfit.agreement.results import JointModeResult, Latent, Optimum, Parameter, Verdict
from latentfit.agreement.uncertainty import Uncertainty
from latentfit.check import CheckResult
from latentfit.display import HtmlDisplay
from latentfit.em import Fit
from latentfit.plain import plain


@dataclass(frozen=True, repr=False)
class Comparison(HtmlDisplay):
    """One declaration, four answers: EM, MLE, MAP and posterior.

    Attributes
    ----------
    name, title, derivation : str
        The model; its derivation is Markdown with LaTeX.
    objective : {"likelihood", "posterior"}
        What the M step maximises.
    parameters : tuple of Parameter
        Those that EM estimates; where some are not identified, deterministics that are, too.
    latents : tuple of Latent
    log_likelihood : dict
        log p(x | θ) at ``em``, ``mle`` and ``map``.
    verdicts : tuple of Verdict
    agree : bool or None
        Whether every verdict that could be reached is favourable. None where the chains are
        not to be trusted: then nothing is said about agreement, unless the derivation fails
        its check; that needs no chains.
    optima : tuple of Optimum
    uncertainty : Uncertainty
        Standard errors by several routes, and the information that is missing.
    joint_mode : JointModeResult or None
    dimension : int
        Number of unconstrained coordinates of the parameters.
    fit : Fit
        EM from all its starts.
    timings, versions, settings : dict
    seed : int
    published : tuple of dict
    model : pm.Model
        The declaration.
    latent_names : tuple of str
    check : CheckResult or None
        Whether the derivation is right, step by step; None where that was not asked for, or
        could not be examined.
    tree : DataTree
        Groups ``posterior`` (components renumbered, latents recovered), ``sample_stats``,
        ``observed_data``, ``log_likelihood``, ``posterior_predictive``, ``em``, ``mle``, ``map``.
    """

    name: str
    title: str
    derivation: str
    objective: str
    parameters: tuple[Parameter, ...]
    latents: tuple[Latent, ...]
    log_likelihood: dict[str, float]
    verdicts: tuple[Verdict, ...]
    agree: bool | None
    optima: tuple[Optimum, ...]
    uncertainty: Uncertainty
    joint_mode: JointModeResult | None
    dimension: int
    fit: Fit
    timings: dict[str, float]
    versions: dict[str, str]
    settings: dict[str, Any]
    seed: int
    published: tuple[Mapping[str, Any], ...]
    model: pm.Model
    latent_names: tuple[str, ...]
    check: CheckResult | None
    tree: xr.DataTree = field(compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data, ready for JSON: NaN and infinities become None."""
        result: dict[str, Any] = plain(
            {
                "model": self.name,
                "agree": self.agree,
                "objective": self.objective,
                "parameters": [vars(parameter) for parameter in self.parameters],
                "log_likelihood": self.log_likelihood,
                "dimension": self.dimension,
                "verdicts": [vars(verdict) for verdict in self.verdicts],
                "check": self.check.to_dict() if self.check else None,
                "latents": [
                    {
                        "name": latent.name,
                        "kind": latent.kind,
                        "largest_difference": latent.largest_difference,
                        "mean_difference": latent.mean_difference,
                        "adjusted_rand": latent.adjusted_rand,
                    }
                    for latent in self.latents
                ],
                "optima": [vars(optimum) for optimum in self.optima],
                "uncertainty": self.uncertainty.to_dict(),
                "joint_mode": vars(self.joint_mode) if self.joint_mode else None,
                "em": {
                    "iterations": self.fit.best.iterations,
                    "evaluations": self.fit.best.evaluations,
                    "accelerated": self.fit.best.accelerated,
                    "stop": self.fit.best.stop.name.lower(),
                    "converged": self.fit.best.converged,
                    "message": self.fit.best.message,
                    "rate": self.fit.best.rate,
                    "remaining": self.fit.best.remaining,
                },
                "timings": self.timings,
                "versions": self.versions,
                "settings": self.settings,
                "seed": self.seed,
            }
        )
        return result

    def __repr__(self) -> str:
        width = max(len(parameter.name) for parameter in self.parameters)
        columns = ("EM", "(se)", "MLE", "MAP", "mean", "sd")
        head = " " * width + "".join(f" {column:>10}" for column in columns)
        rows = [
            f"{p.name:{width}}"
            + "".join(
                f" {figure:10.4g}"
                for figure in (p.em, p.em_se, p.mle, p.map, p.posterior_mean, p.posterior_sd)
            )
            for p in self.parameters
        ]
        verdicts = [f"{v.status:4}  {v.title}: {v.detail}" for v in self.verdicts]
        return "\n".join([f"Comparison of {self.name}", head, *rows, "", *verdicts])
