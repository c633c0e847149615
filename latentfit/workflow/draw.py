"""New data that are drawn from a model, for example for a bootstrap."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit import declaration as declared
from latentfit import em
from latentfit.declaration.definition import ModelDefinition
from latentfit.errors import InputError, StepError
from latentfit.workflow.bound_model import BoundModel, bind

if TYPE_CHECKING:
    from latentfit.declaration import Data, Draw


def draw_data(
    definition: ModelDefinition,
    params: Mapping[str, Any],
    data: Any = None,
    *,
    samples: int = 1,
    seed: int | np.random.Generator | None = None,
    **options: Any,
) -> "list[Data]":
    """Draw new data sets from the model.

    If the model has ``simulate``, that function draws them, without PyMC. Otherwise they are drawn
    from the declaration, whose observed variables must be arguments of ``model``.

    Parameters
    ----------
    definition : ModelDefinition
    params : mapping
        Parameters at which data are drawn, with EM's names, natural scale, such as
        ``fit().params``.
    data : mapping or array_like, optional
        As in `fit_model`. New data have the same number of units; covariates and the pattern of
        missing values are kept.
    samples : int
        Number of data sets.
    seed : int or Generator, optional
    **options
        Options of ``model``.

    Returns
    -------
    list of dict
        Each one ``{argument: array}``.

    Raises
    ------
    InputError, DeclarationError, StepError
    """
    if samples < 1:
        raise InputError(f"samples must be at least 1, not {samples}")
    draw = sampler_at(bind(definition, data, options), params)
    return draw(samples, np.random.default_rng(seed))


def sampler_at(bound: BoundModel, params: Mapping[str, Any]) -> "Draw":
    """Build the function ``draw(samples, rng)`` that draws data sets at these params."""
    if not bound.definition.arguments:
        raise InputError(
            "the model is built already and holds its data: to draw other data, "
            "give model as a function of them"
        )
    params = {name: np.asarray(value) for name, value in params.items()}
    simulate = bound.definition.simulate
    if simulate is None:
        return declared.sampler(bound.declaration, bound.arguments, bound.to_model(params))
    data, options = bound.step_data, bound.options

    def draw(samples: int, rng: np.random.Generator) -> "list[Data]":
        return [
            _replaced(bound, em.call(simulate, "simulate", params, data, rng, **options))
            for _ in range(samples)
        ]

    return draw


def _replaced(bound: BoundModel, simulated: Mapping[str, Any]) -> "Data":
    """Replace the observed arguments by those that ``simulate`` returned."""
    if not isinstance(simulated, Mapping):
        raise StepError(
            f"simulate returned {type(simulated).__name__}, "
            f"expected a mapping {{argument of model: array}}",
            step="simulate",
        )
    definition, arguments = bound.definition, bound.arguments
    try:
        new = declared.arrays({**arguments, **simulated}, definition.arguments)
        declared.check_missing(definition.name, new, definition.latents)
    except InputError as error:
        message = f"what simulate returned cannot be used: {error}"
        raise StepError(message, step="simulate") from error
    return {name: declared.typed(values, arguments[name]) for name, values in new.items()}
