"""Fewer iterations: extrapolation of a fixed-point map.

An accelerator is a function of where a map was evaluated and what it gave, and proposes where its
fixed point may be. It knows nothing of models, nor whether its proposal was any good: that is for
the loop to judge, by the objective where there is one.
"""

from latentfit.em.accelerate._course import Accelerator, Course
from latentfit.em.accelerate._daarem import daarem
from latentfit.em.accelerate._parabolic import parabolic
from latentfit.em.accelerate._pilot import Pilot
from latentfit.em.accelerate._quasi_newton import quasi_newton
from latentfit.em.accelerate._squarem import squarem
from latentfit.errors import InputError

ACCELERATORS: dict[str, Accelerator] = {
    "quasi-newton": quasi_newton,
    "daarem": daarem,
    "squarem": squarem,
    "parabolic": parabolic,
}

# Most runs of EM are over by then, and what is seen of them is EM proper.
_PATIENCE = 100


def acceleration(name: str) -> tuple[Accelerator | None, int]:
    """The accelerator of this name, and after how many iterations it begins.

    Parameters
    ----------
    name : str
        One of `ACCELERATORS`; ``"none"``; or ``"auto"``, which is quasi-Newton once a hundred
        iterations were not enough.

    Raises
    ------
    InputError
        There is none of this name.
    """
    if name == "auto":
        return quasi_newton, _PATIENCE
    if name == "none":
        return None, 0
    if name not in ACCELERATORS:
        known = ", ".join(["auto", "none", *ACCELERATORS])
        raise InputError(f"EM cannot be accelerated by {name!r}; it can by {known}")
    return ACCELERATORS[name], 0


__all__ = [
    "ACCELERATORS",
    "Accelerator",
    "Course",
    "Pilot",
    "acceleration",
    "daarem",
    "parabolic",
    "quasi_newton",
    "squarem",
]
