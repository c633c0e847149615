"""Everything that the verdicts of a comparison are computed from."""

from collections.abc import Sequence
from dataclasses import dataclass

import xarray as xr

from latentfit import bayes
from latentfit.agreement.alignment import Alignment, Point, Values
from latentfit.agreement.identified import Judged, find_judged
from latentfit.agreement.maxima import Maxima
from latentfit.agreement.parameters import tabulate_parameters
from latentfit.agreement.problem import Problem
from latentfit.agreement.results import Parameter, SolutionGroup
from latentfit.agreement.solution_groups import group_direct_maxima, group_em_solutions
from latentfit.agreement.standard_error_differences import explain_differences
from latentfit.agreement.uncertainty import Uncertainty, by_label
from latentfit.bayes.maxima import Identification
from latentfit.bayes.sampling import ReducedQuadrature
from latentfit.check import CheckResult
from latentfit.declaration import Params, Space


@dataclass(frozen=True)
class Sampling:
    """Posterior draws and what the sampler reported of them.

    Attributes
    ----------
    posterior : Dataset
        Draws of the parameters, aligned with EM's estimate; dimensions ``chain`` and ``draw``.
    divergences, draws : int
        In all chains.
    chains : int
    reduced : ReducedQuadrature or None
        The density with fewer quadrature nodes that was sampled in place of the observed view.
    """

    posterior: xr.Dataset
    divergences: int
    draws: int
    chains: int
    reduced: ReducedQuadrature | None


@dataclass(frozen=True)
class Evidence:
    """Everything that the verdicts of a comparison are computed from.

    Attributes
    ----------
    problem : Problem
    alignment : Alignment
    maxima : Maxima
    sampling : Sampling
    check : CheckResult or str or None
        What the check of the derivation found, or why it could not be made; None if it was not
        asked for.
    identification : Identification
        What the data determine at the MLE.
    judged : Judged
        Which parameters the verdicts rest on.
    parameters : tuple of Parameter
    optima : tuple of SolutionGroup
    uncertainty : Uncertainty
        With the reasons why standard errors differ from posterior standard deviations.
    """

    problem: Problem
    alignment: Alignment
    maxima: Maxima
    sampling: Sampling
    check: CheckResult | str | None
    identification: Identification
    judged: Judged
    parameters: tuple[Parameter, ...]
    optima: tuple[SolutionGroup, ...]
    uncertainty: Uncertainty


def gather_evidence(
    problem: Problem,
    alignment: Alignment,
    maxima: Maxima,
    uncertainty: Uncertainty,
    sampling: Sampling,
    check: CheckResult | str | None,
) -> Evidence:
    """Set EM beside MLE, MAP and posterior, parameter by parameter.

    Parameters
    ----------
    problem : Problem
    alignment : Alignment
    maxima : Maxima
    uncertainty : Uncertainty
    sampling : Sampling
    check : CheckResult or str, optional
    """
    density, posterior = problem.density, sampling.posterior
    space, mle = density.space, maxima.mle
    identification = bayes.maxima.identification(density, mle.unconstrained)
    names = _em_names(problem, space)
    judged = find_judged(space, names, identification, alignment.reflections, posterior)
    # The prior keeps the posterior of an empty category off zero, and so moves the probabilities
    # that sum to one with it.
    boundary = {
        label
        for point in (maxima.em, mle)
        for label in bayes.information.at_boundary(density, point.unconstrained, whole_simplex=True)
    }
    em, direct, mode = (
        select_names(point.natural, judged.names) for point in maxima.estimates.values()
    )
    every = tabulate_parameters(
        em, alignment.errors, direct, mode, posterior, boundary, judged.judged
    )
    parameters = tuple(row for row in every if row.name in judged.rows)

    def located(params: Values) -> Point:
        point = problem.locate(params)
        return Point(point, space.constrain(point))

    optima = (
        *group_em_solutions(problem.fit, density, located),
        *group_direct_maxima(maxima.direct, alignment.align_point),
    )
    laplace = by_label(bayes.asymptotic_errors(density, maxima.mode.unconstrained, prior=True))
    differences = explain_differences(parameters, uncertainty.without, laplace, posterior, optima)
    return Evidence(
        problem,
        alignment,
        maxima,
        sampling,
        check,
        identification,
        judged,
        parameters,
        optima,
        uncertainty.with_differences(differences),
    )


def select_names(values: Params, names: Sequence[str]) -> Params:
    """Return the values of these names."""
    return {name: values[name] for name in names}


def _em_names(problem: Problem, space: Space) -> tuple[str, ...]:
    """EM's own names if the declaration has them, as deterministics perhaps; else its names."""
    params: Values = problem.fit.best.params
    if not all(name in space.shapes for name in params):
        params = problem.to_model(params)
    # The weight of a single component is constant, and not an estimate.
    return tuple(name for name in params if name not in space.constant)
