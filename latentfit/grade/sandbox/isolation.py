"""How the process of a hand-in is kept from everything else, and what that guarantees."""

import functools
import json
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from latentfit.grade.sandbox import _runtime, _seccomp
from latentfit.grade.sandbox.limits import Limits

#: What `open_sandbox` accepts; ``"auto"`` is the first of the others that works, except ``"none"``.
Choice = Literal["auto", "bubblewrap", "namespaces", "none"]
ISOLATIONS: tuple[Choice, ...] = ("bubblewrap", "namespaces")

_NOBODY = "65534"
# Without them some installations of Python do not start.
_LOADER_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")

_GUARANTEES = (
    "reads Python, NumPy and its scratch folder, and no other file",
    "writes into its scratch folder in memory only, within limits on size and number of files",
    "has no network, no environment of yours, no other user's or process's data",
    "starts no process and no thread, and sends no signal",
    "makes no system call beyond a short list",
    "is ended by its limits of time and memory, and with the sandbox",
)
_NO_GUARANTEES = ("runs as you do: it can read, change and delete whatever you can",)


@dataclass(frozen=True)
class Isolation:
    """The isolation that is in force.

    Attributes
    ----------
    name : str
        ``"bubblewrap"``, ``"namespaces"`` or ``"none"``.
    guarantees : tuple of str
        What holds for the hand-in's process, each the predicate of a sentence about it.
    """

    name: str
    guarantees: tuple[str, ...]

    @property
    def isolated(self) -> bool:
        """Whether the hand-in is kept from anything at all."""
        return self.name != "none"


@dataclass(frozen=True)
class Command:
    """How a supervisor is started.

    Attributes
    ----------
    arguments : tuple of str
    environment : mapping of str to str
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


def isolation(name: str) -> Isolation:
    """Return the isolation of this name."""
    return Isolation(name, _GUARANTEES if name in ISOLATIONS else _NO_GUARANTEES)


def obstacle(name: str) -> str:
    """Return why this isolation cannot be tried on this machine, or an empty string."""
    if sys.platform == "win32":
        return "hand-ins cannot be run on Windows itself; use the Windows Subsystem for Linux"
    if name not in ISOLATIONS:
        return ""
    if sys.platform != "linux":
        return "it exists on Linux only"
    if not _seccomp.available():
        return "the system calls of this kind of processor are not known"
    if name == "bubblewrap" and shutil.which("bwrap") is None:
        return "the program bwrap is not installed"
    return ""


def command(name: str, limits: Limits, seed: int, control: int) -> Command:
    """Return how to start a supervisor in an isolation.

    Parameters
    ----------
    name : str
    limits : Limits
    seed : int
        Seed of the global random number generators of Python and NumPy.
    control : int
        File descriptor of the socket, which the process inherits.
    """
    settings: dict[str, Any] = {
        "control": control,
        "isolated": name in ISOLATIONS,
        "seed": seed,
        "memory_bytes": limits.memory_bytes,
        "scratch_bytes": limits.scratch_bytes,
        # The scratch folder itself is one of the files that the file system counts.
        "scratch_options": f"size={limits.scratch_bytes},nr_inodes={limits.scratch_files + 1},"
        "mode=700",
        "result_bytes": limits.result_bytes,
        "total_cpu_seconds": max(1, round(limits.total_cpu_seconds)),
        "system_calls": "",
    }
    if name not in ISOLATIONS:
        program = _python(sys.executable, str(_runtime.packages_folder()), settings)
        libraries = {name: os.environ[name] for name in _LOADER_VARIABLES if name in os.environ}
        return Command(tuple(program), {**libraries, **_runtime.neutral_environment()})
    settings["system_calls"] = _seccomp.system_call_filter().hex()
    program = _python(_runtime.PYTHON, _runtime.PACKAGES, settings)
    return _in_bubblewrap(program) if name == "bubblewrap" else _in_namespaces(program, control)


def _python(interpreter: str, packages: str, settings: Mapping[str, Any]) -> list[str]:
    """Run the child's program, without site packages, user's files and compiled files."""
    start = f"import sys; sys.path.append({packages!r})\n"
    return [interpreter, "-s", "-P", "-S", "-B", "-u", "-c", start + _child(), json.dumps(settings)]


def _in_bubblewrap(program: list[str]) -> Command:
    runtime = _runtime.runtime()
    options = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    options += ["--unshare-uts", "--unshare-cgroup-try", "--hostname", "sandbox"]
    options += ["--uid", _NOBODY, "--gid", _NOBODY, "--new-session", "--as-pid-1"]
    # The supervisor needs them to make namespaces for workers, which give them up.
    options += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP"]
    for source, shown in runtime.mounts:
        options += ["--ro-bind", source, shown]
    options += ["--dev-bind", "/dev/null", "/dev/null"]
    for folder in runtime.hidden:
        options += ["--tmpfs", folder, "--remount-ro", folder]
    options += ["--dir", _runtime.SCRATCH, "--remount-ro", "/", "--chdir", _runtime.SCRATCH]
    options += ["--clearenv"]
    for variable, value in _runtime.environment().items():
        options += ["--setenv", variable, value]
    bwrap = shutil.which("bwrap") or "bwrap"
    return Command((bwrap, *options, "--", *program), {})


def _in_namespaces(program: list[str], control: int) -> Command:
    runtime = _runtime.runtime()
    settings = {
        "control": control,
        "mounts": runtime.mounts,
        "hidden": runtime.hidden,
        "scratch": _runtime.SCRATCH,
        "command": program,
        "environment": _runtime.environment(),
    }
    launcher = [sys.executable, "-I", "-S", "-B", "-c", _text("_enter_namespaces.py")]
    # The launcher is outside of the sandbox, and may need what this interpreter needed.
    return Command((*launcher, json.dumps(settings)), dict(os.environ))


@functools.cache
def _child() -> str:
    return _text("_frames.py") + "\n" + _text("_child.py")


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
