"""The registry of accelerators, by the names under which users choose them."""

from collections.abc import Callable

import numpy as np

from latentfit.em.accelerate._history import History
from latentfit.errors import InputError

# From the evaluations so far to a point that may be close to the fixed point; None to let the map
# continue by itself.
Accelerator = Callable[[History], np.ndarray | None]

_AUTOMATIC, _NONE = "auto", "none"
# With "auto": most runs converge before the delay is over, and are then plain EM.
_AUTOMATIC_CHOICE = "quasi-newton"
_AUTOMATIC_DELAY_ITERATIONS = 100

_ACCELERATORS: dict[str, Accelerator] = {}
_FAST: set[str] = set()


def register(name: str, *, fast: bool = False) -> Callable[[Accelerator], Accelerator]:
    """Register an accelerator; a decorator.

    Parameters
    ----------
    name : str
        The name under which users choose it, in Python and on the command line.
    fast : bool
        Whether the accelerator claims to need far fewer evaluations than plain EM where EM
        converges slowly. Only the tests use this: they measure the efficiency of those
        accelerators that claim it.

    Raises
    ------
    ValueError
        The name is taken.
    """

    def decorate(accelerator: Accelerator) -> Accelerator:
        if name in names():
            raise ValueError(f"there is already an accelerator named {name!r}")
        _ACCELERATORS[name] = accelerator
        if fast:
            _FAST.add(name)
        return accelerator

    return decorate


def accelerators(*, fast_only: bool = False) -> dict[str, Accelerator]:
    """Return the registered accelerators, ``{name: accelerator}``, sorted by name.

    Parameters
    ----------
    fast_only : bool
        Whether to leave out accelerators that were not registered as fast.
    """
    return {
        name: accelerator
        for name, accelerator in sorted(_ACCELERATORS.items())
        if name in _FAST or not fast_only
    }


def names() -> tuple[str, ...]:
    """Return the values that ``accelerate`` may have: ``"auto"``, ``"none"`` and all accelerators.

    Examples
    --------
    >>> from latentfit.em import accelerate
    >>> "squarem" in accelerate.names()
    True
    """
    return (_AUTOMATIC, _NONE, *accelerators())


def acceleration(name: str) -> tuple[Accelerator | None, int]:
    """Return the accelerator of a name, and the number of EM iterations before it starts.

    Parameters
    ----------
    name : str
        One of `names`. ``"none"`` is no accelerator; ``"auto"`` is ``"quasi-newton"`` after 100
        iterations.

    Raises
    ------
    InputError
        The name is unknown.
    """
    if name == _NONE:
        return None, 0
    if name == _AUTOMATIC:
        return _ACCELERATORS[_AUTOMATIC_CHOICE], _AUTOMATIC_DELAY_ITERATIONS
    if name not in _ACCELERATORS:
        raise InputError(
            f"there is no accelerator {name!r} for EM; choose one of {', '.join(names())}"
        )
    return _ACCELERATORS[name], 0
