"""The program that makes a sandbox of namespaces and starts another program in it.

It is run as ``python -c TEXT SETTINGS`` by an interpreter of its own, because only a process with
one thread can enter a user namespace. It enters new namespaces for users, mounts, processes,
network, IPC and the host's name; builds a file system in memory out of read-only bind mounts and an
empty folder; gives up its user; and starts the program as process number 1 of the sandbox. It
imports nothing of latentfit.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any, NoReturn

# The mount point while the file system is built. It exists everywhere, and nothing is mounted from
# below it.
_NEW_ROOT = "/proc"
_ROOT_BYTES = 1 << 20
_NOBODY = 65534
_HOST_NAME = b"sandbox"

_MS_RDONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8
_MS_REMOUNT, _MS_BIND, _MS_REC, _MS_PRIVATE = 32, 4096, 16384, 1 << 18
_MS_NOATIME, _MS_NODIRATIME, _MS_RELATIME = 1024, 2048, 1 << 21
_ST_RELATIME = 4096
_MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_SETPCAP = 8
_CAP_SYS_ADMIN = 21
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def enter(settings: dict[str, Any]) -> None:
    """Enter the namespaces, with this process as the only member of the new user namespace."""
    user, group = os.geteuid(), os.getegid()
    # Only a process outside can map two users, which leaves root behind without any of its files.
    release, released = os.pipe()
    mapper = 0 if user else os.fork()
    if not user and not mapper:
        os.close(released)
        os.read(release, 1)
        os._exit(_map_root_and_nobody(os.getppid()))
    os.unshare(
        os.CLONE_NEWUSER
        | os.CLONE_NEWNS
        | os.CLONE_NEWPID
        | os.CLONE_NEWNET
        | os.CLONE_NEWIPC
        | os.CLONE_NEWUTS
        | os.CLONE_NEWCGROUP
    )
    os.close(released)
    os.close(release)
    if not mapper or os.waitpid(mapper, 0)[1] != 0:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{_NOBODY} {user} 1")
        _write("/proc/self/gid_map", f"{_NOBODY} {group} 1")
    _build(settings)
    _libc("sethostname", _HOST_NAME, len(_HOST_NAME))
    _libc("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _keep_two_privileges()


def _keep_two_privileges() -> None:
    """Keep what the program needs to make namespaces for its workers, and to give it up there."""
    kept = (_CAP_SETPCAP, _CAP_SYS_ADMIN)
    low = sum(1 << capability for capability in kept)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    # Effective, permitted and inheritable capabilities 0 to 31, then those from 32 on.
    _libc("capset", header, (ctypes.c_uint32 * 6)(low, low, low, 0, 0, 0))
    for capability in kept:
        _libc("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)


def _map_root_and_nobody(process: int) -> int:
    try:
        for name in ("uid_map", "gid_map"):
            _write(f"/proc/{process}/{name}", f"0 0 1\n{_NOBODY} {_NOBODY} 1")
    except OSError:
        return 1
    return 0


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _libc(function: str, *arguments: Any) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}", str(arguments))


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = [text.encode() or None for text in (source, target, kind)]
    _libc("mount", *texts, ctypes.c_ulong(flags), options.encode() or None)


def _build(settings: dict[str, Any]) -> None:
    """Make the file system, and make it the only one that this process sees."""
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    quiet = _MS_NOSUID | _MS_NODEV
    _mount("tmpfs", _NEW_ROOT, "tmpfs", quiet, f"size={_ROOT_BYTES},mode=755")
    for source, shown in settings["mounts"]:
        _bind(source, _NEW_ROOT + shown, _MS_RDONLY | quiet)
    _bind("/dev/null", _NEW_ROOT + "/dev/null", _MS_RDONLY | _MS_NOSUID | _MS_NOEXEC)
    for folder in settings["hidden"]:
        _mount("tmpfs", _NEW_ROOT + folder, "tmpfs", quiet | _MS_RDONLY, "size=4096,mode=755")
    os.makedirs(_NEW_ROOT + settings["scratch"])
    _mount("none", _NEW_ROOT, "", _MS_REMOUNT | _MS_BIND | _MS_RDONLY | quiet)
    os.chdir(_NEW_ROOT)
    # The old root is now mounted over the new one, and is taken away.
    here = ctypes.c_char_p(b".")
    _libc("syscall", ctypes.c_long(_PIVOT_ROOT[os.uname().machine]), here, here)
    _libc("umount2", here, _MNT_DETACH)
    os.chdir(settings["scratch"])


def _bind(source: str, target: str, flags: int) -> None:
    if os.path.isdir(source):
        os.makedirs(target)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _mount(source, target, "", _MS_BIND | _MS_REC)
    # A user namespace may add restrictions to a mount, and has to keep those that it has.
    present = os.statvfs(target).f_flag
    flags |= present & (_MS_RDONLY | _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    flags |= present & (_MS_NOATIME | _MS_NODIRATIME)
    flags |= _MS_RELATIME if present & _ST_RELATIME else 0
    _mount("none", target, "", _MS_REMOUNT | _MS_BIND | flags)


def start(settings: dict[str, Any]) -> NoReturn:
    """Start the program in the sandbox, wait for its end, and exit."""
    program = os.fork()
    if not program:
        # Set after the change of user, which would cancel it.
        _libc("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        _libc("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        os.set_inheritable(settings["control"], True)
        os.execve(settings["command"][0], settings["command"], settings["environment"])
    os.close(settings["control"])
    os._exit(os.waitstatus_to_exitcode(os.waitpid(program, 0)[1]) & 0xFF)


if __name__ == "__main__":
    _settings = json.loads(sys.argv[1])
    enter(_settings)
    start(_settings)
