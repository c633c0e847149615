"""Functions that go to another process, with whatever they need of the file that they stand in."""

import pickle
import sys
from types import ModuleType
from typing import Any


def packed(value: Any) -> bytes:
    """`value` as bytes for a process that runs the same packages, here or elsewhere.

    Functions that cannot be imported by name there go by value: those of a model file, which was
    read from a path, those of an interactive session, and functions within functions.
    """
    import cloudpickle

    for name, module in list(sys.modules.items()):
        # What was made from a path by hand has no specification to be found by.
        made = isinstance(module, ModuleType) and getattr(module, "__spec__", None) is None
        if made and name == module.__name__ and name != "__main__":
            cloudpickle.register_pickle_by_value(module)
    return bytes(cloudpickle.dumps(value))


def unpacked(packet: bytes) -> Any:
    """What `packed` was given."""
    return pickle.loads(packet)
