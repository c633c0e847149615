"""The program that runs in the sandbox: a supervisor, and the worker that runs a hand-in.

The supervisor imports NumPy and waits for orders of one byte, on a socket. Ordered to start a
worker, it forks. The worker limits itself, gives up the socket, and runs the hand-in's source and
then its functions, as the frames that it receives ask for. Ordered to stop the worker, the
supervisor kills every other process in the sandbox and reports how the worker ended and whether it
left files. The supervisor never runs code of the hand-in and never reads what a worker wrote, so
that each worker is as good as one in a new sandbox. In an isolated sandbox each worker has process
and mount namespaces of its own below the supervisor's: it has process number 1 and an empty scratch
folder, whatever ran before, and cannot see the supervisor.

This file, preceded by the text of `_frames.py`, is the whole program. It imports nothing of
latentfit and contains nothing that a hand-in should not read.
"""

import builtins
import contextlib
import ctypes
import gc
import inspect
import json
import linecache
import mmap
import os
import random
import resource
import signal
import socket
import struct
import sys
import types
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

# NumPy imports these at their first use, which would be in each worker.
import numpy.linalg
import numpy.ma
import numpy.random

if TYPE_CHECKING:  # at run time the text of `_frames.py` stands above
    from latentfit.grade.sandbox._frames import PREFIX_BYTES, NotNumbers, decode, encode, sizes

_FILE = "hand-in"
_MODULE = "hand_in"
_MAX_TEXT_CHARACTERS = 2000
_MAX_FUNCTIONS = 500
_MAX_PARAMETERS = 15
_MAX_NAME_LENGTH = 100

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP_MODE_FILTER = 2
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE = 2, 4, 8, 16384, 1 << 18
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63


# ---------------------------------------------------------------------------------------------
# Supervisor


def supervise(control: socket.socket, settings: dict[str, Any]) -> NoReturn:
    """Start and stop workers until the other end of the socket is closed."""
    # Process number 1 receives only those signals for which it has a handler.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    own_namespaces = os.pidfd_open(os.getpid()) if settings["isolated"] else None
    # Workers share this memory as long as their garbage collection does not write to it.
    gc.collect()
    gc.freeze()
    gc.disable()
    worker = 0
    control.sendall(b"s")
    while True:
        order, files, _, _ = socket.recv_fds(control, 1, 3)
        if order == b"w":
            if own_namespaces is not None:
                # The next process has number 1 in a namespace of its own. Without the first call,
                # the second one would be possible only once.
                os.setns(own_namespaces, os.CLONE_NEWPID)
                os.unshare(os.CLONE_NEWPID)
            worker = os.fork()
            if not worker:
                _work(control, files, settings)
            for file in files:
                os.close(file)
        elif order == b"k":
            control.sendall(struct.pack("<i?", _stop(worker), bool(os.listdir("."))))
            worker = 0
        else:
            _stop(worker)
            os._exit(0)


def _stop(worker: int) -> int:
    """Kill the worker and return its status as `os.waitstatus_to_exitcode` gives it."""
    status = 0
    if os.getpid() == 1:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
    elif worker:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    while True:
        try:
            ended, code = os.wait()
        except ChildProcessError:
            return status
        if ended == worker:
            status = os.waitstatus_to_exitcode(code)


# ---------------------------------------------------------------------------------------------
# Worker


def _work(control: socket.socket, files: list[int], settings: dict[str, Any]) -> NoReturn:
    try:
        requests, replies = _prepare(control, files, settings)
        _serve(requests, replies, settings)
    except BaseException as error:
        with contextlib.suppress(BaseException):
            os.write(2, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(1)


def _prepare(control: socket.socket, files: list[int], settings: dict[str, Any]) -> tuple[int, int]:
    requests, replies, output = files
    os.dup2(output, 1)
    os.dup2(output, 2)
    kept = {0, 1, 2, requests, replies, control.fileno()}
    for file in range(3, max(*kept, output) + 1):
        if file not in kept:
            with contextlib.suppress(OSError):
                os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if settings["isolated"]:
        _make_scratch(settings["scratch_options"])
        _give_up_privileges()
    else:
        os.setsid()
    # After this, no count of objects depends on how many workers there were before.
    gc.collect()
    gc.enable()
    random.seed(settings["seed"])
    np.random.seed(settings["seed"])  # noqa: NPY002 - the global generator is what it is about
    _limit(settings)
    if settings["system_calls"]:
        _filter_system_calls(bytes.fromhex(settings["system_calls"]))
    # The kernel adds the number of this process to the message.
    os.write(control.fileno(), b"w")
    control.close()
    return requests, replies


def _make_scratch(options: str) -> None:
    """Mount an empty scratch folder that only this worker sees, over the supervisor's."""
    folder = os.getcwd()
    os.unshare(os.CLONE_NEWNS)
    _mount("none", "/", "", _MS_REC | _MS_PRIVATE)
    _mount("tmpfs", folder, "tmpfs", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, options)
    os.chdir(folder)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    texts = [text.encode() for text in (source, target, kind)]
    _checked("mount", *texts, ctypes.c_ulong(flags), options.encode())


def _give_up_privileges() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(_LAST_CAPABILITY + 1):  # fails for those that the kernel does not have
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _checked("capset", header, (ctypes.c_uint32 * 6)())
    _checked("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _checked(function: str, *arguments: Any) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{function}: {os.strerror(error)}")


def _limit(settings: dict[str, Any]) -> None:
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_MEMLOCK": 0,
        "RLIMIT_MSGQUEUE": 0,
        "RLIMIT_FSIZE": settings["scratch_bytes"],
        "RLIMIT_CPU": settings["total_cpu_seconds"],
    }
    if sys.platform == "linux":
        limits["RLIMIT_AS"] = _address_space() + settings["memory_bytes"]
    for name, value in limits.items():
        if hasattr(resource, name):
            number = getattr(resource, name)
            hard = resource.getrlimit(number)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(number, (value, value))


def _address_space() -> int:
    """Return the size of this process in bytes.

    Without the file system `/proc`, no system call returns it. A limit below it lets no memory be
    allocated, which bisection uses.
    """
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    low, high = 0, 1 << 46
    while high - low > mmap.PAGESIZE:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except (OSError, MemoryError):
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return high


def _filter_system_calls(program: bytes) -> None:
    class _Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]

    filtered = _Program(len(program) // 8, program)
    _checked("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    mode = ctypes.c_ulong(_SECCOMP_MODE_FILTER)
    _checked("prctl", _PR_SET_SECCOMP, mode, ctypes.byref(filtered), 0, 0)


def _serve(requests: int, replies: int, settings: dict[str, Any]) -> NoReturn:
    module = types.ModuleType(_MODULE)
    while True:
        fields, value = _receive(requests)
        try:
            if "call" in fields:
                reply = _called(module, fields["call"], value)
            else:
                reply = _loaded(module, value)
            reply["nonce"] = fields["nonce"]
            frame = encode(reply, reply.pop("result", None), settings["result_bytes"])
        except NotNumbers as error:
            frame = encode({"nonce": fields["nonce"], "status": "form", "text": str(error)})
        except BaseException as error:
            frame = encode({"nonce": fields["nonce"], **_described(error)})
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        _write(replies, frame)


def _loaded(module: types.ModuleType, source: "np.ndarray[Any, Any]") -> dict[str, Any]:
    text = source.tobytes()
    sys.modules[_MODULE] = module
    lines = text.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[_FILE] = (len(text), None, lines, _FILE)
    exec(compile(text, _FILE, "exec", dont_inherit=True), module.__dict__)
    return {"status": "returned", "result": _functions(module)}


def _functions(module: types.ModuleType) -> dict[str, dict[str, None] | None]:
    """Return the names of what can be called, and of the parameters where they can be known.

    They are the keys of dicts, as all texts that are sent.
    """
    named = [
        (name, value)
        for name, value in list(vars(module).items())
        if callable(value) and not isinstance(value, type) and len(name) <= _MAX_NAME_LENGTH
    ]
    # Those that the hand-in defines come first, whatever it imports.
    named.sort(key=lambda item: getattr(item[1], "__globals__", None) is not vars(module))
    return {name: _parameters(value) for name, value in named[:_MAX_FUNCTIONS]}


def _parameters(function: Any) -> dict[str, None] | None:
    try:
        return dict.fromkeys(list(inspect.signature(function).parameters)[:_MAX_PARAMETERS])
    except (TypeError, ValueError):
        return None


def _called(module: types.ModuleType, name: str, value: Any) -> dict[str, Any]:
    function = vars(module).get(name)
    if not callable(function):
        return {"status": "missing"}
    return {"status": "returned", "result": function(*value["arguments"], **value["named"])}


def _described(error: BaseException) -> dict[str, Any]:
    text = "its text cannot be read"
    with contextlib.suppress(BaseException):
        text = builtins.str(error)[:_MAX_TEXT_CHARACTERS]
    line = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == _FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {
        "status": "memory" if isinstance(error, MemoryError) else "exception",
        "type": type(error).__name__[:_MAX_TEXT_CHARACTERS],
        "text": text,
        "line": line,
    }


def _receive(requests: int) -> tuple[dict[str, Any], Any]:
    head_bytes, body_bytes = sizes(_read(requests, PREFIX_BYTES), sys.maxsize)
    return decode(_read(requests, head_bytes), _read(requests, body_bytes))


def _read(file: int, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        part = os.read(file, min(size - len(data), 1 << 20))
        if not part:
            os._exit(0)
        data += part
    return data


def _write(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


if __name__ == "__main__":
    _settings = json.loads(sys.argv[1])
    if _settings["isolated"]:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    supervise(socket.socket(fileno=_settings["control"]), _settings)
