"""Cache files of compiled kernels whose content is verified before it is used.

Numba loads machine code from its cache without looking at it. A file that is damaged, for example
because a disk was full, makes the first call of the kernel fail with an error of `pickle`, or
crashes the process. Here each file begins with a hash of the rest. A file that does not match it is
replaced by a new one.
"""

import hashlib
import pickle
import warnings
from typing import Any

from numba.core.caching import IndexDataCacheFile

from latentfit.errors import CacheWarning

_HASH_BYTES = hashlib.sha256().digest_size


class VerifiedCacheFile(IndexDataCacheFile):
    """The index and the data files of one kernel.

    Parameters
    ----------
    cache_path : str
        The folder.
    filename_base : str
        The beginning of all file names.
    source_stamp : object
        Files with another stamp are out of date.
    """

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        # Another name than Numba's, because files without a hash would look damaged.
        name = f"{filename_base}.verified"
        super().__init__(cache_path, name, source_stamp)  # type: ignore[no-untyped-call]

    def _load_index(self) -> dict[Any, str]:
        try:
            with open(self._index_path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return {}
        try:
            # As in Numba's index the version comes first, in a pickle of its own.
            version, hashed = self._split_index(content)
            if version != self._version:
                return {}
            stamp, overloads = self._unpickled(hashed)
        except _DamagedError:
            return {}
        return overloads if stamp == self._source_stamp else {}

    def _load_data(self, name: str) -> Any:
        path: str = self._data_path(name)  # type: ignore[no-untyped-call]
        with open(path, "rb") as file:
            content = file.read()
        try:
            return self._unpickled(content)
        except _DamagedError:
            # Numba compiles the kernel and replaces the file.
            return None

    def _dump(self, value: Any) -> bytes:
        pickled: bytes = super()._dump(value)  # type: ignore[no-untyped-call]
        return hashlib.sha256(pickled).digest() + pickled

    def _split_index(self, content: bytes) -> tuple[Any, bytes]:
        version = pickle.dumps(self._version, protocol=-1)
        if content.startswith(version):
            return self._version, content[len(version) :]
        try:
            return pickle.loads(content), b""
        except Exception as error:  # damaged bytes may raise anything
            raise self._damaged() from error

    def _unpickled(self, content: bytes) -> Any:
        expected, pickled = content[:_HASH_BYTES], content[_HASH_BYTES:]
        if hashlib.sha256(pickled).digest() != expected:
            raise self._damaged()
        return pickle.loads(pickled)

    def _damaged(self) -> "_DamagedError":
        warnings.warn(
            f"the cache of compiled functions in {self._cache_path} was damaged; the functions are "
            f"compiled again",
            CacheWarning,
            stacklevel=2,
        )
        return _DamagedError()


class _DamagedError(Exception):
    """A file does not hold what was written to it."""
