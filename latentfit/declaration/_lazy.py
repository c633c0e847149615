"""Model files import PyMC at their top; a derivation alone does not need it.

`deferred` lets such a file be read without paying for the import: for as long as the file
is being executed, the named packages are stand-ins that import the real thing on first use.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_HEAVY = ("pymc", "pymc_extras", "pytensor", "pytensor.tensor", "arviz")


class _Deferred(ModuleType):
    """A module that imports itself when one of its attributes is first asked for."""

    def __getattr__(self, name: str) -> Any:
        # What is imported must not meet stand-ins for parts of itself.
        for heavy in _HEAVY:
            if isinstance(sys.modules.get(heavy), _Deferred):
                del sys.modules[heavy]
        return getattr(importlib.import_module(self.__name__), name)

    def __reduce__(self) -> tuple[Any, ...]:
        return _late, (self.__name__,)


def _late(name: str) -> ModuleType:
    return sys.modules.get(name) or _Deferred(name)


@contextmanager
def deferred() -> Iterator[None]:
    """Within the block, importing one of these packages that is not yet gives a stand-in."""
    stand_ins = {name: _Deferred(name) for name in _HEAVY if name not in sys.modules}
    for name, module in stand_ins.items():
        parent, _, child = name.rpartition(".")
        if parent in stand_ins:
            setattr(stand_ins[parent], child, module)
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in stand_ins.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
