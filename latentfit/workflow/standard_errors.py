"""``--standard-errors``: from the observed information at EM's estimate."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from latentfit.declaration.definition import ModelDefinition
from latentfit.workflow.bound_model import bind
from latentfit.workflow.options import model_options

if TYPE_CHECKING:
    from latentfit.em.information import StandardErrors


def observed_information_errors(
    definition: ModelDefinition,
    params: Mapping[str, Any],
    data: Any = None,
    *,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> "StandardErrors":
    """Find standard errors of EM's estimate from the observed information.

    By second differences of the model file's own ``log_likelihood``, without PyMC. If the file has
    none, or EM is for the posterior mode, by the exact Hessian of the declaration.

    Parameters
    ----------
    definition : ModelDefinition
    params : mapping
        EM's estimate, such as ``fit().params``, natural scale.
    data : mapping or array_like, optional
        As in `fit_model`.
    options : mapping, optional
        Options of ``model``.
    **settings
        Options of ``model`` whose names are not those of other arguments.

    Raises
    ------
    InputError, DeclarationError, StepError
    """
    bound = bind(definition, data, model_options(settings, options))
    log_likelihood = bound.em_log_likelihood
    if log_likelihood is not None:
        from latentfit.em import information

        step_data = bound.step_data
        return information.observed(lambda at: log_likelihood(at, step_data), params)
    from latentfit import bayes, declaration

    density = bayes.Density(
        bayes.observed_view(bound.declaration), declaration.parameter_space(bound.declaration)
    )
    point = density.space.locate(bound.to_model(params))
    return bayes.information.observed_errors(
        density, point, prior=definition.objective == "posterior"
    )
