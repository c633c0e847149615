"""Functions that go to another process, with whatever they need of the file that they stand in."""

import pickle
import sys
from types import ModuleType
from typing import Any

from latentfit.errors import DeclarationError


def packed(value: Any) -> bytes:
    """`value` as bytes for a process that runs the same packages, here or elsewhere.

    Functions that cannot be imported by name there go by value: those of a model file, which was
    read from a path, those of an interactive session, and functions within functions.

    Raises
    ------
    DeclarationError
        It holds something that cannot leave this process, such as an open file.
    """
    import cloudpickle

    for name, module in list(sys.modules.items()):
        if name != "__main__" and _from_a_path(name, module):
            cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(value))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise DeclarationError(
            f"what is to run in another process cannot be sent there ({reason})"
        ) from error


def _from_a_path(name: str, module: Any) -> bool:
    """Whether a module was made of a file by hand, so that its name leads nowhere."""
    return (
        isinstance(module, ModuleType)
        and module.__name__ == name
        and getattr(module, "__spec__", None) is None
        and getattr(module, "__file__", None) is not None
    )


def unpacked(packet: bytes) -> Any:
    """What `packed` was given."""
    return pickle.loads(packet)
