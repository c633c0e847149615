"""Defer the import of PyMC until it is used.

A model file imports PyMC at its top, but its E and M steps do not need it, and the import takes
seconds. While `deferred_imports` is active, importing PyMC or one of its companions gives a
placeholder module, which imports the package when one of its attributes is first used.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_DEFERRED_PACKAGES = ("pymc", "pymc_extras", "pytensor", "pytensor.tensor", "arviz")


class _PlaceholderModule(ModuleType):
    """A module that imports the package of its name when an attribute is first used."""

    def __getattr__(self, name: str) -> Any:
        # The package must not find placeholders for its own submodules while it is imported.
        for package in _DEFERRED_PACKAGES:
            if isinstance(sys.modules.get(package), _PlaceholderModule):
                del sys.modules[package]
        return getattr(importlib.import_module(self.__name__), name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _module_or_placeholder, (self.__name__,)


def _module_or_placeholder(name: str) -> ModuleType:
    return sys.modules.get(name) or _PlaceholderModule(name)


@contextmanager
def deferred_imports() -> Iterator[None]:
    """Within the block, import placeholders for PyMC's packages that are not imported yet."""
    placeholders = {
        name: _PlaceholderModule(name) for name in _DEFERRED_PACKAGES if name not in sys.modules
    }
    for name, module in placeholders.items():
        parent, _, child = name.rpartition(".")
        if parent in placeholders:
            setattr(placeholders[parent], child, module)
    sys.modules.update(placeholders)
    try:
        yield
    finally:
        for name, module in placeholders.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
