"""The result of a comparison: figures, verdicts and the numbers that they rest on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.em import Fit
from latentfit.plain import plain

if TYPE_CHECKING:
    from latentfit.agreement._uncertainty import Uncertainty
    from latentfit.check import CheckResult

Status = Literal["pass", "fail", "warn", "skip"]


@dataclass(frozen=True)
class Parameter:
    """Everything said of one scalar parameter, natural scale.

    Attributes
    ----------
    name : str
        ``theta``, ``mu[0]``, ``P[0,1]``.
    em, mle, map : float
        Point estimates, components renumbered to match EM's.
    em_se : float
        Standard error of EM's, from the curvature of what EM maximises there: the observed
        information, and that of the log prior where the objective is the posterior.
    posterior_mean, posterior_sd : float
    eti : tuple of float
        Equal-tailed interval of 95 %.
    rhat, ess_bulk, ess_tail, mcse_mean : float
        Rank-normalised split R-hat, effective sample sizes, and the Monte Carlo standard error
        of the posterior mean (Vehtari et al. 2021, Bayesian Analysis 16(2)).
    em_minus_mle, map_minus_mle : float
        In posterior standard deviations.
    tail : float
        Twice the smaller share of draws on one side of EM's estimate.
    at_edge : bool
        Whether EM's estimate or the MLE is at an end of its range, or sums to one with a
        probability that is.
    identified : bool
        Whether the data tell it, if only up to a sign. What they do not tell is shown, and not
        judged.
    """

    name: str
    em: float
    em_se: float
    mle: float
    map: float
    posterior_mean: float
    posterior_sd: float
    eti: tuple[float, float]
    rhat: float
    ess_bulk: float
    ess_tail: float
    mcse_mean: float
    em_minus_mle: float
    map_minus_mle: float
    tail: float
    at_edge: bool = False
    identified: bool = True


@dataclass(frozen=True)
class Latent:
    """EM's expectation of a latent beside its posterior.

    Attributes
    ----------
    name : str
    kind : {"discrete", "continuous"}
    em, posterior : ndarray
        Category probabilities, categories along the last axis; or means. EM's are those at its
        estimate; the posterior's average over the uncertainty of the parameters too.
    posterior_sd : ndarray or None
        Of a continuous latent.
    largest_difference, mean_difference : float
        Of absolute differences: between probabilities, or between means in posterior sds.
    adjusted_rand : float or None
        Of a discrete latent: between the most probable categories (Hubert & Arabie 1985).
    """

    name: str
    kind: Literal["discrete", "continuous"]
    em: np.ndarray
    posterior: np.ndarray
    posterior_sd: np.ndarray | None
    largest_difference: float
    mean_difference: float
    adjusted_rand: float | None


@dataclass(frozen=True)
class Verdict:
    """One judgement, in words, with the numbers that it rests on."""

    id: str
    status: Status
    title: str
    detail: str


@dataclass(frozen=True)
class Optimum:
    """A height at which ends of EM, or direct maximisations, were found.

    Attributes
    ----------
    method : {"EM", "direct"}
    log_likelihood : float
        NaN where there is none to speak of.
    count : int
        Number of starts that ended there.
    params : dict
        Natural scale.
    note : str
        Empty for a maximum; otherwise what the end is instead.
    """

    method: Literal["EM", "direct"]
    log_likelihood: float
    count: int
    params: Mapping[str, np.ndarray]
    note: str = ""


@dataclass(frozen=True)
class JointMode:
    """The mode of p(x, z, θ) over latents and parameters together: not the MLE.

    Attributes
    ----------
    params, latents : dict
        Natural scale.
    sentence : str
    """

    params: Mapping[str, np.ndarray]
    latents: Mapping[str, np.ndarray]
    sentence: str


@dataclass(frozen=True, repr=False)
class Comparison:
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
    joint_mode : JointMode or None
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
    uncertainty: "Uncertainty"
    joint_mode: JointMode | None
    dimension: int
    fit: Fit
    timings: dict[str, float]
    versions: dict[str, str]
    settings: dict[str, Any]
    seed: int
    published: tuple[Mapping[str, Any], ...]
    model: pm.Model
    latent_names: tuple[str, ...]
    check: "CheckResult | None"
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

    def _repr_html_(self) -> str:
        from latentfit import report

        return report.fragment(self)
