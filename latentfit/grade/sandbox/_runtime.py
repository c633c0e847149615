"""What a hand-in's process has to read in order to run Python and NumPy, and where it finds it.

The process sees the files under other names than this one, so that no path names a user, and sees
only them: the interpreter, the standard library without the packages installed into it, NumPy, and
the shared libraries of these three.
"""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PYTHON = "/python/bin/python3"
PACKAGES = "/packages"
SCRATCH = "/scratch"
_LIBRARIES = "/python/shared"

_PACKAGE = "numpy"
_SECONDS_FOR_LIBRARIES = 120

# Run by an interpreter of its own: the names of all shared libraries that Python, the extension
# modules of its standard library and NumPy load. tkinter's libraries are many, and useless without
# a screen.
_LIST_LIBRARIES = """
import ctypes, glob, json, sys
packages, modules = sys.argv[1:]
sys.path.append(packages)
import numpy, numpy.random, numpy.fft
for path in glob.glob(modules + "/*.so"):
    if "_tkinter" not in path and "test" not in path:
        try:
            ctypes.CDLL(path)
        except OSError:
            pass
class Library(ctypes.Structure):
    _fields_ = [("address", ctypes.c_size_t), ("name", ctypes.c_char_p)]
names = []
Visitor = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(Library), ctypes.c_size_t, ctypes.c_void_p
)
visitor = Visitor(lambda library, size, data: names.append(library.contents.name) or 0)
ctypes.CDLL(None).dl_iterate_phdr(visitor, None)
print(json.dumps([name.decode() for name in names if name.startswith(b"/")]))
"""


@dataclass(frozen=True)
class Runtime:
    """Files and folders that the process may read.

    Attributes
    ----------
    mounts : tuple of (str, str)
        The path on this machine, and the path that the process sees.
    hidden : tuple of str
        Folders, as the process sees them, that have to be empty.
    """

    mounts: tuple[tuple[str, str], ...]
    hidden: tuple[str, ...]


def environment() -> dict[str, str]:
    """Return the whole environment of the process.

    Python's hashes of strings are fixed, so that the order of sets is the same each time.
    """
    return {
        "HOME": SCRATCH,
        "TMPDIR": SCRATCH,
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": _LIBRARIES,
        **neutral_environment(),
    }


def neutral_environment() -> dict[str, str]:
    """Return the variables that the process needs whatever its file system is."""
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", **dict.fromkeys(threads, "1")}


def packages_folder() -> Path:
    """Return the folder on this machine into which NumPy is installed."""
    specification = importlib.util.find_spec(_PACKAGE)
    if specification is None or specification.origin is None:
        raise ModuleNotFoundError(f"No module named '{_PACKAGE}'")
    return Path(specification.origin).resolve().parents[1]


@functools.cache
def runtime() -> Runtime:
    """Find the files; the first call starts an interpreter to list the shared libraries.

    Raises
    ------
    OSError
        The libraries could not be listed.
    """
    library = Path(os.__file__).resolve().parent
    modules = library / "lib-dynload"
    target = f"/python/{sys.platlibdir}/{library.name}"
    mounts = {PYTHON: os.path.realpath(sys.executable), target: str(library)}
    packages = packages_folder()
    for name in (_PACKAGE, f"{_PACKAGE}.libs"):
        if (packages / name).is_dir():
            mounts[f"{PACKAGES}/{name}"] = str(packages / name)
    for name in _shared_libraries(packages, modules):
        path = os.path.realpath(name)
        if not any(Path(path).is_relative_to(folder) for folder in (library, packages / _PACKAGE)):
            mounts[f"{_LIBRARIES}/{os.path.basename(name)}"] = path
            # The kernel looks for the loader under the name that the interpreter's file holds.
            if os.path.basename(name).startswith("ld-"):
                mounts[name] = path
    hidden = tuple(
        f"{target}/{name}"
        for name in ("site-packages", "dist-packages")
        if (library / name).is_dir()
    )
    return Runtime(tuple((source, shown) for shown, source in mounts.items()), hidden)


def _shared_libraries(packages: Path, modules: Path) -> list[str]:
    command = [sys.executable, "-I", "-S", "-B", "-c", _LIST_LIBRARIES]
    try:
        listed = subprocess.run(
            [*command, str(packages), str(modules)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_SECONDS_FOR_LIBRARIES,
        )
        names: list[str] = json.loads(listed.stdout)
    except (subprocess.SubprocessError, ValueError) as error:
        raise OSError(f"Python's shared libraries could not be listed: {error}") from error
    return names
