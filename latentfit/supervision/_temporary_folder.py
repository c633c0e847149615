"""A folder for temporary files that is removed with everything in it."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

_FALLBACK = "/tmp"


@contextmanager
def temporary_folder() -> Iterator[str | None]:
    """Provide a folder, without importing `tempfile`; None if none can be made."""
    parent = os.environ.get("TMPDIR") or _FALLBACK
    folder = f"{parent}/latentfit-{os.getpid()}-{time.time_ns():x}"
    owner = os.getpid()
    try:
        os.mkdir(folder, 0o700)
    except OSError:
        yield None
        return
    try:
        yield folder
    finally:
        # After a fork the child leaves this block too.
        if os.getpid() == owner:
            _remove(folder)


def _remove(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
