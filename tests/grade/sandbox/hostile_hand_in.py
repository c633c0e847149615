"""A hand-in each of whose functions attacks; `test_sandbox_attacks.py` calls them in a sandbox.

Each returns ``{"gained": True}`` where it got what it should not get. In `target` it is given the
path of a file, as a key, because names are the only texts that can be passed, and a port.
"""

import array
import atexit
import contextlib
import ctypes
import gc
import glob
import inspect
import itertools
import json
import mmap
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np

SECRET = "rubric-" + "of-the-teacher"
calls = 0


def _gained(attack):
    """Whether an attack returns something true; what it raises has prevented it."""
    try:
        return {"gained": bool(attack())}
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        return {"gained": False}


def _read(path):
    with open(path, "rb") as file:
        return file.read(1 << 20)


def _path(target):
    return next(name for name in target if name.startswith("/"))


def _libc():
    return ctypes.CDLL(None, use_errno=True)


# Reading what is not in the call --------------------------------------------------------------


def import_another_package(target):
    def attack():
        for name in ("latentfit", "pymc", "scipy", "pytest", "click", "pip"):
            with contextlib.suppress(ImportError):
                __import__(name)
                return True
        return False

    return _gained(attack)


def read_a_file(target):
    return _gained(lambda: SECRET.encode() in _read(_path(target)))


def read_a_file_through_dots(target):
    return _gained(lambda: SECRET.encode() in _read("/scratch/../.." + _path(target)))


def read_a_file_through_a_link(target):
    def attack():
        os.symlink(_path(target), "link")
        return SECRET.encode() in _read("link")

    return _gained(attack)


def learn_that_a_file_exists(target):
    return _gained(lambda: os.path.exists(_path(target)))


def search_all_files(target):
    def attack():
        for folder, _, names in os.walk("/"):
            if folder.startswith(("/python/lib", "/packages/numpy")):
                continue
            for name in names:
                if name.endswith((".py", ".toml", ".csv", ".ipynb", ".env")):
                    return True
        return False

    return _gained(attack)


def see_other_folders(target):
    known = {"python", "packages", "scratch", "dev", "lib", "lib64"}
    return _gained(lambda: set(os.listdir("/")) - known)


def read_the_environment(target):
    return _gained(lambda: "LATENTFIT_SECRET" in os.environ)


def read_the_environment_of_the_process(target):
    return _gained(lambda: b"PATH=" in _read("/proc/self/environ"))


def read_other_processes(target):
    return _gained(lambda: [_read(path) for path in glob.glob("/proc/[0-9]*/cmdline")])


def read_the_memory_of_the_parent(target):
    return _gained(lambda: open(f"/proc/{os.getppid()}/mem", "rb"))


def read_the_home(target):
    return _gained(lambda: os.listdir("/root") or os.listdir("/home"))


def read_the_password_file(target):
    return _gained(lambda: _read("/etc/passwd"))


def see_other_hand_ins(target):
    return _gained(lambda: set(os.listdir("/tmp")) or set(os.listdir("/scratch")))


def search_the_stack(target):
    def attack():
        frame = inspect.currentframe()
        while frame is not None:
            if "teacher_s_secret" in frame.f_locals or "teacher_s_secret" in frame.f_globals:
                return True
            frame = frame.f_back
        return False

    return _gained(attack)


def search_the_garbage_collector(target):
    def attack():
        for one in gc.get_objects():
            if type(one) is dict and "teacher_s_secret" in one:
                return True
            if inspect.ismodule(one) and one.__name__.startswith(("latentfit", "pymc")):
                return True
        return False

    return _gained(attack)


def read_the_program_s_own_text(target):
    def attack():
        arguments = " ".join(sys.orig_argv).lower()
        return any(word in arguments for word in ("pymc", "e_step", "m_step", "posterior"))

    return _gained(attack)


def read_inherited_files(target):
    def attack():
        kinds = [os.fstat(file).st_mode >> 12 for file in range(3, 200) if _is_open(file)]
        # Two pipes: the one that brings the calls and the one that takes the replies.
        return [kind for kind in kinds if kind != 1] or len(kinds) > 2

    return _gained(attack)


def _is_open(file):
    try:
        os.fstat(file)
    except OSError:
        return False
    return True


def open_devices(target):
    def attack():
        opened = []
        for path in [*glob.glob("/dev/*"), "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/tty"]:
            with contextlib.suppress(OSError):
                if path != "/dev/null":
                    opened.append(os.open(path, os.O_RDONLY))
        return opened

    return _gained(attack)


def make_a_device(target):
    return _gained(lambda: os.mknod("disk", 0o60600, os.makedev(254, 0)) is None)


def open_by_handle(target):
    def attack():
        # The handle of the host's root folder, inode 2: how containers were escaped from.
        handle = (ctypes.c_char * 16).from_buffer_copy(b"\x08\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0")
        return _libc().open_by_handle_at(os.open("/scratch", os.O_RDONLY), handle, 0) >= 0

    return _gained(attack)


# Network --------------------------------------------------------------------------------------


def connect(target):
    return _gained(lambda: socket.create_connection(("127.0.0.1", target["port"]), 5))


def make_a_local_socket(target):
    return _gained(lambda: socket.socketpair())


def resolve_a_name(target):
    return _gained(lambda: socket.getaddrinfo("example.org", 80))


# Changing what the parent relies on -----------------------------------------------------------


def patch_numpy(target):
    def always(*arguments, **named):
        return True

    for name in ("allclose", "isclose", "array_equal", "abs", "max", "all", "any"):
        setattr(np, name, always)
    np.testing.assert_allclose = always
    return {"gained": False}


def patch_the_program(target):
    """Without these, the process cannot even reply."""
    os.write = json.dumps = lambda *arguments: 0
    np.asarray = None
    return {"gained": True}


def change_the_arguments(target):
    target["numbers"][:] = -1.0
    return {"gained": False}


class _Liar(np.ndarray):
    def __eq__(self, other):
        return True

    def __array__(self, *arguments, **named):
        return np.zeros(3)


def return_an_array_that_equals_everything(target):
    return {"array": np.array([1.0, 2.0, 3.0]).view(_Liar)}


class _Convertible:
    def __array__(self, *arguments, **named):
        return np.zeros(3)

    def __float__(self):
        return 0.0


def return_an_object_with_a_conversion(target):
    return {"array": _Convertible()}


class _Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/gained",)


def return_what_unpickling_would_run(target):
    return {"array": np.array([_Bomb()], dtype=object)}


def return_text(target):
    return {"array": "PASSED"}


def return_bytes(target):
    return b"PASSED"


def return_complex_numbers(target):
    return {"array": np.array([1 + 2j])}


def return_dates(target):
    return {"array": np.array(["2026-01-01"], dtype="datetime64[D]")}


def return_records(target):
    return {"array": np.zeros(2, dtype=[("a", "f8"), ("b", "f8")])}


def return_a_masked_array(target):
    return {"array": np.ma.masked_array([1.0, 2.0], [True, False])}


def return_nan_payloads(target):
    bits = np.array([0x7FF0000000000001, 0xFFF8DEADBEEF0000], dtype="u8")
    return {"array": bits.view("f8")}


def return_a_huge_array(target):
    return {"array": np.broadcast_to(np.float64(0), (1 << 40,))}


def return_a_million_entries(target):
    return {str(index): index for index in range(1_000_000)}


def return_a_cycle(target):
    value = []
    value.append(value)
    return value


def return_names_that_are_not(target):
    return {"\x1b[2J": 1.0}


class _Endless(dict):
    def items(self):
        return zip(map(str, itertools.count()), itertools.repeat(0.0))


def return_an_endless_dict(target):
    return _Endless()


def return_a_huge_integer(target):
    return {"array": 1 << 64}


# Forging replies ------------------------------------------------------------------------------


def _reply_pipe():
    """The descriptor of the pipe for replies, which the program holds in a frame above."""
    frame = inspect.currentframe()
    while "replies" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["replies"]


def _request():
    frame = inspect.currentframe()
    while "fields" not in frame.f_locals:
        frame = frame.f_back
    return frame.f_locals["fields"]


def forge_without_nonce(target):
    os.write(_reply_pipe(), _frame({"status": "returned", "value": {"kind": "none"}}))
    time.sleep(30)


def forge_two_replies(target):
    fields = {"nonce": _request()["nonce"], "status": "returned", "value": {"kind": "none"}}
    os.write(_reply_pipe(), 2 * _frame(fields))
    time.sleep(30)


def forge_the_next_reply(target):
    """Reply to this call as usual, and leave a reply for the next one."""
    pipe = _reply_pipe()
    frame = _frame({"nonce": "0" * 32, "status": "returned", "value": {"kind": "none"}})
    real_write = os.write

    def write(file, data):
        written = real_write(file, data)
        if file == pipe:
            real_write(pipe, frame)
            os.write = real_write
        return written

    os.write = write
    return {"gained": False}


def forge_a_large_body(target):
    os.write(_reply_pipe(), (10).to_bytes(4, "little") + (1 << 62).to_bytes(8, "little"))
    time.sleep(30)


def forge_a_large_head(target):
    os.write(_reply_pipe(), b"\xff" * 12)
    time.sleep(30)


def forge_a_large_shape(target):
    array = {"kind": "array", "dtype": "<f8", "shape": [1 << 32, 1 << 32, 0]}
    fields = {"nonce": _request()["nonce"], "status": "returned", "value": array}
    os.write(_reply_pipe(), _frame(fields))
    time.sleep(30)


def forge_an_object_array(target):
    array = {"kind": "array", "dtype": "|O", "shape": [1]}
    fields = {"nonce": _request()["nonce"], "status": "returned", "value": array}
    os.write(_reply_pipe(), _frame(fields, b"\0" * 8))
    time.sleep(30)


def forge_deep_json(target):
    head = b"[" * 200_000
    data = len(head).to_bytes(4, "little") + bytes(8) + head
    while data:
        data = data[os.write(_reply_pipe(), data) :]
    time.sleep(30)


def forge_random_bytes(target):
    os.write(_reply_pipe(), bytes(12) + random.randbytes(1000))
    time.sleep(30)


def close_the_reply_pipe(target):
    os.close(_reply_pipe())
    while True:
        pass


def _frame(fields, body=b""):
    head = json.dumps(fields).encode()
    return len(head).to_bytes(4, "little") + len(body).to_bytes(8, "little") + head + body


def print_a_verdict(target):
    print(json.dumps({"status": "graded", "score": 100}), "PASSED", "\x1b[2J")
    sys.stderr.write("1 passed in 0.01s\n")
    return {"gained": False}


# Ending ---------------------------------------------------------------------------------------


def exit_at_once(target):
    os._exit(0)


def exit_from_python(target):
    sys.exit(0)


def leave_something_to_do_at_exit(target):
    atexit.register(lambda: os.write(_reply_pipe(), b"PASSED"))
    raise SystemExit(0)


def interrupt(target):
    raise KeyboardInterrupt


def crash(target):
    ctypes.string_at(0)


def abort(target):
    os.abort()


def kill_the_parent(target):
    def attack():
        killed = 0
        for process in (os.getppid(), 1, -1, 0, os.getpid()):
            for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGINT, signal.SIGTERM):
                with contextlib.suppress(OSError):
                    os.kill(process, number)
                    killed += 1
        return killed

    return _gained(attack)


def signal_through_a_file(target):
    """A pipe may send a signal to any process when it becomes readable."""
    return _gained(lambda: _libc().fcntl(1, 8, 1) == 0)


def catch_all_signals(target):
    for number in range(1, 65):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, lambda *arguments: None)
    while True:
        pass


# Processes, threads, privileges ---------------------------------------------------------------


def fork(target):
    def attack():
        process = os.fork()
        if not process:
            os._exit(0)
        return True

    return _gained(attack)


def fork_endlessly(target):
    forked = 0
    for _ in range(1000):
        with contextlib.suppress(OSError):
            if not os.fork():
                time.sleep(1000)
            forked += 1
    return {"gained": forked > 0}


def start_a_thread(target):
    def attack():
        threading.Thread(target=time.sleep, args=(1000,)).start()
        return True

    return _gained(attack)


def start_a_program(target):
    return _gained(lambda: subprocess.run([sys.executable, "-c", ""], check=True))


def become_a_program(target):
    return _gained(lambda: os.execv("/python/bin/python3", ["python3", "-c", "pass"]))


def start_a_program_in_c(target):
    return _gained(lambda: _libc().system(b"true") == 0)


def _number(x86, arm):
    return ctypes.c_long(x86 if os.uname().machine == "x86_64" else arm)


def trace_the_parent(target):
    return _gained(lambda: _libc().ptrace(16, os.getppid(), 0, 0) == 0)


def read_the_parent_by_system_call(target):
    return _gained(lambda: _libc().process_vm_readv(os.getppid(), None, 0, None, 0, 0) >= 0)


def take_a_file_of_the_parent(target):
    def attack():
        handle = _libc().syscall(_number(434, 434), os.getppid(), 0)
        return _libc().syscall(_number(438, 438), handle, 3, 0) >= 0

    return _gained(attack)


def enter_new_namespaces(target):
    return _gained(lambda: os.unshare(os.CLONE_NEWUSER) is None)


def mount(target):
    return _gained(lambda: _libc().mount(b"none", b"/scratch", b"proc", 0, None) == 0)


def change_the_root(target):
    return _gained(lambda: os.chroot("/scratch") is None)


def become_root(target):
    return _gained(lambda: os.setuid(0) is None)


def use_io_uring(target):
    return _gained(
        lambda: _libc().syscall(_number(425, 425), 8, ctypes.create_string_buffer(120)) >= 0
    )


def use_keys(target):
    return _gained(lambda: _libc().syscall(_number(250, 219), 0, -3, 1) >= 0)


def load_a_filter(target):
    return _gained(lambda: _libc().syscall(_number(321, 280), 0, None, 0) >= 0)


def use_the_other_system_call_table(target):
    """The 32-bit numbers of x86-64: the process is killed."""
    _libc().syscall(ctypes.c_long(0x40000000 + 39))
    return {"gained": True}


def raise_limits(target):
    def attack():
        raised = 0
        for number in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_NOFILE):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(number, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                raised += 1
        return raised

    return _gained(attack)


def limit_the_parent(target):
    return _gained(lambda: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (0, 0)))


# Files ----------------------------------------------------------------------------------------


def write_outside(target):
    def attack():
        written = 0
        folders = ["/", "/python", "/packages/numpy", "/dev", "/tmp", "/var/tmp", "/dev/shm"]
        for folder in [*folders, os.path.dirname(_path(target)), os.path.dirname(os.__file__)]:
            with contextlib.suppress(OSError), open(folder + "/gained", "w"):
                written += 1
        return written

    return _gained(attack)


def change_numpy_s_files(target):
    def attack():
        with contextlib.suppress(OSError):
            os.chmod(np.__file__, 0o777)
        with open(np.__file__, "a"):
            return True

    return _gained(attack)


def fill_the_scratch_folder(target):
    def attack():
        written = 0
        for index in range(100):
            with open(str(index), "wb") as file:
                written += file.write(bytes(1 << 20))
        return written > 16 << 20

    return _gained(attack)


def make_many_files(target):
    def attack():
        for index in range(1000):
            open(str(index), "w").close()
        return True

    return _gained(attack)


def make_memory_files(target):
    return _gained(lambda: os.memfd_create("gained") >= 0)


# Resources ------------------------------------------------------------------------------------


def use_much_memory(target):
    return {"gained": np.ones(1 << 29).sum() > 0}


def use_much_memory_slowly(target):
    kept = []
    while True:
        kept.append(bytearray(1 << 24))


def map_much_memory(target):
    return _gained(lambda: mmap.mmap(-1, 1 << 33))


def loop_in_python(target):
    while True:
        pass


def loop_in_c(target):
    return {"gained": sum(itertools.repeat(0)) == 0}


def loop_in_an_exception(target):
    while True:
        with contextlib.suppress(BaseException):
            loop_in_c(target)


def sleep(target):
    time.sleep(1000)


def recurse(target):
    return recurse(target)


def recurse_in_c(target):
    sys.setrecursionlimit(1 << 30)
    value = []
    for _ in range(10_000_000):
        value = [value]
    return {"gained": value == json.loads(json.dumps(value))}


def print_endlessly(target):
    while True:
        print("x" * 100_000)


def open_many_files(target):
    return _gained(lambda: [open("/dev/null") for _ in range(1000)])


# Exceptions -----------------------------------------------------------------------------------


class _HostileError(Exception):
    def __str__(self):
        raise KeyboardInterrupt


def raise_an_exception_without_text(target):
    raise _HostileError


def raise_a_huge_exception(target):
    raise ValueError("\x1b[2J\ud800" + "PASSED " * 1_000_000)


def raise_an_exception_with_a_strange_name(target):
    raise type("\x1b[2J" * 1000, (Exception,), {})


# State ----------------------------------------------------------------------------------------


def count_calls(target):
    global calls
    calls += 1
    return {"gained": calls > 1}


def count_calls_in_a_file(target):
    with open("calls", "a+") as file:
        file.write("x")
        file.seek(0)
        return {"gained": len(file.read()) > 1}


def count_calls_in_a_hidden_folder(target):
    os.makedirs("a/b/c", exist_ok=True)
    seen = os.path.exists("a/b/c/.calls")
    with contextlib.suppress(OSError):
        open("a/b/c/.calls", "w").close()
    return {"gained": seen}


def count_calls_in_numpy(target):
    seen = hasattr(np, "calls")
    np.calls = array.array("d", [1.0])
    sys.modules["numpy"] = np
    return {"gained": seen}


def keep_a_timer(target):
    return _gained(lambda: signal.setitimer(signal.ITIMER_REAL, 0.001) is not None)


def count_processes(target):
    """Process numbers count how many processes there were before this one."""
    return {"gained": os.getpid() > 1 or os.getppid() > 0 or threading.get_native_id() > 1}
