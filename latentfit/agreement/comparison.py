"""The result of a comparison."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pymc as pm
import xarray as xr

from latentfit.agreement.results import JointModeResult, Latent, Parameter, SolutionGroup, Verdict
from latentfit.agreement.uncertainty import Uncertainty
from latentfit.check import CheckResult
from latentfit.display import HtmlDisplay
from latentfit.em import Fit
from latentfit.plain import plain


@dataclass(frozen=True, repr=False)
class Comparison(HtmlDisplay):
    """EM's estimate beside the MLE, the MAP and the posterior of the same declaration.

    Attributes
    ----------
    name, title : str
        Of the model.
    derivation : str
        The docstring of the model file, Markdown with LaTeX.
    objective : {"likelihood", "posterior"}
        What the M step maximises.
    parameters : tuple of Parameter
        Rows for the parameters that EM estimates. If some of them are not identified, also rows for
        the deterministics that are.
    latents : tuple of Latent
    log_likelihood : dict
        log p(x | θ) in nats at ``em``, ``mle`` and ``map``.
    verdicts : tuple of Verdict
    agree : bool or None
        Whether no verdict failed. None if the chains cannot be trusted: the comparison then makes
        no statement about agreement, unless the derivation fails its check, which needs no chains.
    optima : tuple of SolutionGroup
        Results of all starts of EM and of direct maximisation.
    uncertainty : Uncertainty
        Standard errors by several methods, and the missing information.
    joint_mode : JointModeResult or None
    dimension : int
        Number of unconstrained coordinates of the parameters.
    fit : Fit
        EM from all its starts.
    timings : dict
        ``{stage: seconds}``.
    versions : dict
        ``{package: version}``.
    settings : dict
        Settings of EM and of the sampler, and options of the model.
    seed : int
    published : tuple of dict
        Published figures of the model file.
    model : pm.Model
        The declaration.
    latent_names : tuple of str
        Names of the latents in the declaration.
    check : CheckResult or None
        The result of the check of the derivation; None if no check was asked for or possible.
    tree : DataTree
        Groups ``posterior`` (aligned draws, with recovered latents), ``sample_stats``,
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
    optima: tuple[SolutionGroup, ...]
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
        """Return the numbers as plain data, ready for JSON: NaN and infinities become None."""
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
                "optima": [vars(group) for group in self.optima],
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
        """Return the table of estimates and the verdicts as text."""
        width = max(len(parameter.name) for parameter in self.parameters)
        columns = ("EM", "(se)", "MLE", "MAP", "mean", "sd")
        head = " " * width + "".join(f" {column:>10}" for column in columns)
        rows = [
            f"{p.name:{width}}"
            + "".join(
                f" {number:10.4g}"
                for number in (p.em, p.em_se, p.mle, p.map, p.posterior_mean, p.posterior_sd)
            )
            for p in self.parameters
        ]
        verdicts = [f"{v.status:4}  {v.title}: {v.detail}" for v in self.verdicts]
        return "\n".join([f"Comparison of {self.name}", head, *rows, "", *verdicts])
