"""Starting values of EM."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from latentfit import declaration as declared
from latentfit import em
from latentfit.errors import InputError, StepError
from latentfit.workflow.bound_model import BoundModel

if TYPE_CHECKING:
    from latentfit.declaration import Params, Space


def starting_params(bound: BoundModel, seed: int | None, count: int) -> "list[Params]":
    """Make starts by the model file's ``initial``, else near PyMC's initial point."""
    found = initial_params(bound, seed, count)
    if found is not None:
        return found
    return random_params(declared.space(bound.declaration), seed, count)


def initial_params(bound: BoundModel, seed: int | None, count: int) -> "list[Params] | None":
    """Make starts by the model file's ``initial``; None if it has no such function.

    Parameters
    ----------
    bound : BoundModel
    seed : int, optional
    count : int
        Number of starts; each has a random generator of its own.

    Raises
    ------
    InputError
        `count` is below 1, or ``initial`` raised a ValueError because it cannot use the data.
    StepError
        ``initial`` raised another error or does not return a mapping.
    """
    if count < 1:
        raise InputError(f"starts must be at least 1, not {count}")
    initial = bound.definition.initial
    if initial is None:
        return None
    try:
        found = [
            em.call(initial, "initial", bound.step_data, rng, **bound.options)
            for rng in np.random.default_rng(seed).spawn(count)
        ]
    except StepError as error:
        # A ValueError means that `initial` cannot use the data; any other error is a mistake in it.
        if isinstance(error.__cause__, ValueError):
            raise InputError(str(error.__cause__)) from error
        raise
    for start in found:
        if not isinstance(start, Mapping):
            kind = "nothing" if start is None else f"a {type(start).__name__}"
            raise StepError(
                f"initial returned {kind}, expected a mapping {{name: array}}", step="initial"
            )
    return [dict(start) for start in found]


def random_params(space: "Space", seed: int | None, count: int) -> "list[Params]":
    """Make starts near PyMC's initial point, each with a random generator of its own."""
    return [space.random(rng) for rng in np.random.default_rng(seed).spawn(count)]
