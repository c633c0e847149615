"""Serialization of functions, with the module contents that they use, for other processes."""

import pickle
import sys
from types import ModuleType
from typing import Any

from latentfit.errors import DeclarationError


def serialized(value: Any) -> bytes:
    """Serialize a value for a process that has the same packages installed.

    Functions that the other process cannot import by name are sent by value: functions of a model
    file that was read from a path, functions of an interactive session, and nested functions.

    Parameters
    ----------
    value : object

    Returns
    -------
    bytes

    Raises
    ------
    DeclarationError
        The value contains something that cannot be sent to another process, such as an open file.
    """
    import cloudpickle

    for name, module in list(sys.modules.items()):
        if name != "__main__" and _was_read_from_a_path(name, module):
            cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(value))
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise DeclarationError(
            f"a function or its data cannot be sent to another process ({reason})"
        ) from error


def deserialized(serial: bytes) -> Any:
    """Return the value that `serialized` was given."""
    return pickle.loads(serial)


def _was_read_from_a_path(name: str, module: Any) -> bool:
    """Whether a module was created from a file by hand and thus cannot be imported by name."""
    return (
        isinstance(module, ModuleType)
        and module.__name__ == name
        and getattr(module, "__spec__", None) is None
        and getattr(module, "__file__", None) is not None
    )
