"""Decorators by which all kernels are compiled.

Kernels release Python's global interpreter lock, so that several threads compute at the same
time. Division by zero follows IEEE 754, as in NumPy. Machine code is kept on disk for later
processes.

`jit_fma` allows the compiler to contract a product and a sum into a fused multiply-add
instruction, which rounds once; this does not change how infinities and NaN propagate.
`jit_reassociate` also allows it to reorder sums, without which no loop that computes a sum is
vectorised. Neither assumes that infinities and NaN do not occur.

The order of a reassociated sum is fixed in the machine code, so that every call adds in the same
order, as long as the loop does not store to arrays: for a loop over several arrays the compiler
may decide at run time, from the distance of the arrays in memory, whether it is vectorised.

The range reduction in `exp` adds and subtracts one large number and must not be reordered, so
`exp` is compiled by `jit_fma`. The permission to reorder belongs to each instruction and is not
extended to `exp` where a reassociated kernel inlines it.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from numba import njit

from latentfit.em.primitives._compiled.cache_files import VerifiedCacheFile

_SOURCE_FILES = [path.stat() for path in Path(__file__).parent.glob("*.py")]
_SOURCE_STAMP = (
    max(file.st_mtime_ns for file in _SOURCE_FILES),
    sum(file.st_size for file in _SOURCE_FILES),
)


def jit_fma[F: Callable[..., Any]](function: F) -> F:
    """Compile a function; a product and a sum may become one instruction."""
    return _compile(function, {"contract"})


def jit_reassociate[F: Callable[..., Any]](function: F) -> F:
    """Compile a function; besides, sums may be computed in another order."""
    return _compile(function, {"contract", "reassoc"})


def _compile[F: Callable[..., Any]](function: F, fastmath: set[str]) -> F:
    kernel: Any = njit(fastmath=fastmath, nogil=True, error_model="numpy")(function)
    # Numba raises if there is no folder to which it can write; the kernel is then compiled in
    # every process.
    with suppress(RuntimeError):
        kernel.enable_caching()
    # A kernel contains the machine code of the kernels that it calls, but Numba recompiles it only
    # if its own file has changed, and it does not notice damaged files. Numba has no public name
    # for the files of a kernel.
    cache: Any = kernel._cache
    if hasattr(cache, "_cache_file"):
        base = cache._impl.filename_base
        cache._cache_file = VerifiedCacheFile(cache.cache_path, base, _SOURCE_STAMP)
    return cast(F, kernel)
