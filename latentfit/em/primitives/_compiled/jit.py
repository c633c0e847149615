"""How all kernels are compiled.

They hold no reference to Python, so that several run side by side without its lock; division by
zero follows IEEE 754, as in NumPy, and machine code is kept from process to process.

`fused` lets a product and a sum become one instruction with one rounding, which changes no
special value. `reordered` lets sums over rows be taken in several lanes at once besides; without
that no loop that sums is vectorised. Neither presumes that there are no NaN or infinities.

The order of a sum is then that of the machine code. It is the same in every call if loops that sum
store nothing: whether a loop with several arrays is vectorised may be decided while it runs, by how
far apart in memory they are. The range reduction of `exp`, which adds and subtracts one large
number, must not be reordered and is `fused` alone: the permission belongs to each instruction, and
stays what it is where `exp` is inlined elsewhere.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from numba import njit

_FILES = [path.stat() for path in Path(__file__).parent.glob("*.py")]
_STAMP = max(file.st_mtime_ns for file in _FILES), sum(file.st_size for file in _FILES)


def _compiled(*flags: str) -> Callable[[Callable[..., Any]], Any]:
    decorate = njit(fastmath=set(flags), nogil=True, error_model="numpy")

    def compiled(function: Callable[..., Any]) -> Any:
        kernel: Any = decorate(function)
        # Where no folder can be written to, machine code lives as long as the process.
        with suppress(RuntimeError):
            kernel.enable_caching()
        # Kernels contain others. Numba would keep machine code until the file of the outermost
        # changes, and it has no public name for what it compares.
        file: Any = getattr(kernel._cache, "_cache_file", None)
        if hasattr(file, "_source_stamp"):
            file._source_stamp = _STAMP
        return kernel

    return compiled


fused = _compiled("contract")
reordered = _compiled("contract", "reassoc")
