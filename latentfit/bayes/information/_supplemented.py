"""Standard errors by supplemented EM, from a hand-written EM and a declaration's Q.

The complete-data information, minus the Hessian of Q, is exact. The derivative of the EM map
follows from differences of it on the unconstrained scale (Meng & Rubin 1991, J. American
Statistical Association 86(416), 899-909; see `latentfit.em.information.supplemented`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.bayes.complete_data import CompleteData
from latentfit.bayes.information._exact import complete_information
from latentfit.bayes.information._space_scale import SpaceScale
from latentfit.declaration import Params
from latentfit.em.information import (
    OnStep,
    StandardErrors,
    errors_from_information,
    step_counter,
    supplemented_information,
)
from latentfit.em.information.differences import jacobian
from latentfit.errors import DeclarationError


def supplemented_errors(
    complete: CompleteData,
    em_map: Callable[[Params], Mapping[str, Any]],
    params: Mapping[str, Any],
    *,
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda params: params,
    prior: bool = False,
    on_step: OnStep | None = None,
) -> StandardErrors:
    """Compute standard errors from the derivative of the EM map and the declaration's Q.

    Parameters
    ----------
    complete : CompleteData
    em_map : callable
        ``em_map(params)``, one iteration of EM in its own parameters, natural scale.
    params : mapping
        EM's estimate, in its own parameters, natural scale.
    to_model : callable
        From EM's parameters to values of the model's variables.
    prior : bool
        Whether EM maximises log p(x | θ) + log p(θ) rather than log p(x | θ).
    on_step : callable, optional
        ``on_step(done, total)``, after each coordinate.

    Raises
    ------
    InputError
        Conditional expectations are computed from random draws, which cannot be differentiated.
    DeclarationError
        A parameter of EM is neither a parameter nor a Deterministic of the model, so that EM cannot
        be evaluated along the unconstrained coordinates.
    """
    space = complete.density.space
    unknown = [name for name in params if name not in space.shapes]
    if unknown:
        raise DeclarationError(
            f"the model has no variable {', '.join(unknown)}: to differentiate EM on the "
            f"unconstrained scale, its parameters must be among those of the model "
            f"({', '.join(space.shapes)})"
        )
    point = space.locate(to_model(params))

    def iteration(where: np.ndarray) -> np.ndarray:
        natural = space.constrain(where)
        return space.locate(to_model(em_map({name: natural[name] for name in params})))

    complete_data, score, units = complete_information(complete, point, prior)
    map_derivative = jacobian(iteration, point, units, advance=step_counter(on_step, len(point)))
    information, notes = supplemented_information(complete_data, map_derivative)
    return errors_from_information(
        "supplemented", SpaceScale(space), point, information, score, complete_data.value, notes
    )
