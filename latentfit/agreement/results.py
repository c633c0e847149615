"""The parts of a comparison: figures of parameters and latents, verdicts, maxima."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

Status = Literal["pass", "fail", "warn", "skip"]


@dataclass(frozen=True)
class Parameter:
    """The estimates and the posterior of one scalar parameter, natural scale.

    Attributes
    ----------
    name : str
        Label: ``theta``, ``mu[0]``, ``P[0,1]``.
    em, mle, map : float
        Point estimates, with components numbered as in EM's estimate.
    em_se : float
        Standard error of EM's estimate, from the curvature of EM's objective there: the observed
        information, plus that of the log prior if the objective is the posterior.
    posterior_mean, posterior_sd : float
    eti : tuple of float
        Equal-tailed interval of 95 %.
    rhat, ess_bulk, ess_tail, mcse_mean : float
        Rank-normalised split R-hat, effective sample sizes, and the Monte Carlo standard error
        of the posterior mean (Vehtari et al. 2021, Bayesian Analysis 16(2)).
    em_minus_mle, map_minus_mle : float
        Differences in posterior standard deviations.
    tail : float
        Two-sided tail probability of EM's estimate: twice the smaller share of draws below or
        above it.
    at_edge : bool
        Whether EM's estimate or the MLE is on the boundary of the parameter space, or sums to one
        with a probability that is.
    identified : bool
        Whether the data determine the parameter, up to its sign at most. Parameters that are not
        identified are listed, but no verdict rests on them.
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
        Category probabilities, categories along the last axis; or means. EM's are conditional on
        its estimate; the posterior's are averaged over the posterior of the parameters.
    posterior_sd : ndarray or None
        Of a continuous latent.
    largest_difference, mean_difference : float
        Of absolute differences: between probabilities, or between means in posterior standard
        deviations.
    adjusted_rand : float or None
        Of a discrete latent: adjusted Rand index between the most probable categories (Hubert &
        Arabie 1985, Journal of Classification 2).
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
    """A judgement in words, with the numbers that it rests on.

    Attributes
    ----------
    id : str
        Fixed name, for programs.
    status : {"pass", "fail", "warn", "skip"}
        ``skip``: the verdict is withheld.
    title, detail : str
    """

    id: str
    status: Status
    title: str
    detail: str


@dataclass(frozen=True)
class Optimum:
    """A value of the log-likelihood to which EM or direct maximisation converged.

    Attributes
    ----------
    method : {"EM", "direct"}
    log_likelihood : float
        NaN if the solution is degenerate.
    count : int
        Number of starts that converged to it.
    params : dict
        Natural scale.
    note : str
        Empty for a maximum; otherwise why the solution is not one.
    """

    method: Literal["EM", "direct"]
    log_likelihood: float
    count: int
    params: Mapping[str, np.ndarray]
    note: str = ""


@dataclass(frozen=True)
class JointModeResult:
    """The mode of p(x, z, θ) over latents and parameters jointly, which is not the MLE.

    Attributes
    ----------
    params, latents : dict
        Natural scale.
    sentence : str
    """

    params: Mapping[str, np.ndarray]
    latents: Mapping[str, np.ndarray]
    sentence: str
