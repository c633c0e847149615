"""The filter of system calls under which a hand-in runs.

The filter is a list of what is allowed: reading and writing open files, opening files (the file
system shows only what may be read), memory, clocks, sleeping, exiting. There are no system calls
for processes, threads, signals, sockets, pipes, mounts, namespaces, tracing, timers or limits.
"""

import platform
import struct
import sys

# Name: number on x86-64, number on 64-bit ARM; None where there is no such call.
_ALLOWED = {
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "close": (3, 57),
    "lseek": (8, 62),
    "open": (2, None),
    "openat": (257, 56),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents": (78, None),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fsync": (74, 82),
    "fdatasync": (75, 83),
    "fadvise64": (221, 223),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "umask": (95, 166),
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mremap": (25, 216),
    "mprotect": (10, 226),
    "madvise": (28, 233),
    "brk": (12, 214),
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "getrandom": (318, 278),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    "getrlimit": (97, 163),
    "getcpu": (309, 168),
    "sched_yield": (24, 124),
    "sched_getaffinity": (204, 123),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
}

# Name: number on x86-64, number on 64-bit ARM, index of an argument, its permitted values.
_ALLOWED_ARGUMENTS = {
    # TCGETS, FIONCLEX, FIOCLEX: whether a file is a terminal, and whether it is inherited.
    "ioctl": (16, 29, 1, (0x5401, 0x5450, 0x5451)),
    # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC.
    "fcntl": (72, 25, 1, (0, 1, 2, 3, 4, 1030)),
}
# Reading a limit is allowed, setting one is not: the pointer to the new limit has to be null.
_PRLIMIT = (302, 261)
_PRLIMIT_NEW_LIMIT = 2

# Machine: index of its system call numbers, and its value of `AUDIT_ARCH`.
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# Later system calls have one number on all machines, and libraries that receive ENOSYS fall back
# to an earlier one. An earlier one that is not allowed raises a PermissionError in Python.
_FIRST_UNIFIED_NUMBER = 424
_FIRST_X32_NUMBER = 0x40000000

_LOAD = 0x20
_RETURN = 0x06
_JUMP_IF_EQUAL = 0x15
_JUMP_IF_AT_LEAST = 0x35
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_ERRNO = 0x00050000
_EPERM = 1
_ENOSYS = 38

_OFFSET_OF_NUMBER = 0
_OFFSET_OF_ARCHITECTURE = 4
_OFFSET_OF_ARGUMENTS = 16


def available() -> bool:
    """Whether the filter is known for this machine."""
    return sys.platform == "linux" and platform.machine() in _MACHINES


def system_call_filter() -> bytes:
    """Return the filter as a program of Berkeley packet filter instructions, 8 bytes each.

    Raises
    ------
    KeyError
        The system calls of this machine are not known; see `available`.
    """
    column, architecture = _MACHINES[platform.machine()]
    program = [
        _instruction(_LOAD, _OFFSET_OF_ARCHITECTURE),
        _instruction(_JUMP_IF_EQUAL, architecture, if_true=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _OFFSET_OF_NUMBER),
        _instruction(_JUMP_IF_AT_LEAST, _FIRST_X32_NUMBER, if_false=1),
        _instruction(_RETURN, _KILL),
    ]
    for numbers in _ALLOWED.values():
        number = numbers[column]
        if number is not None:
            program += _when(number, [_instruction(_RETURN, _ALLOW)])
    for x86, arm, argument, permitted in _ALLOWED_ARGUMENTS.values():
        program += _when((x86, arm)[column], _if_argument_in(argument, permitted))
    program += _when(_PRLIMIT[column], _if_argument_is_null(_PRLIMIT_NEW_LIMIT))
    program += [
        _instruction(_JUMP_IF_AT_LEAST, _FIRST_UNIFIED_NUMBER, if_false=1),
        _instruction(_RETURN, _ERRNO | _ENOSYS),
        _instruction(_RETURN, _ERRNO | _EPERM),
    ]
    return b"".join(program)


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _when(number: int, then: list[bytes]) -> list[bytes]:
    """Instructions for one system call; `then` ends by returning."""
    return [_instruction(_JUMP_IF_EQUAL, number, if_false=len(then)), *then]


def _if_argument_in(argument: int, permitted: tuple[int, ...]) -> list[bytes]:
    # These arguments are 32-bit integers: the kernel ignores the other half.
    program = [_instruction(_LOAD, _OFFSET_OF_ARGUMENTS + 8 * argument)]
    for value in permitted:
        program.append(_instruction(_JUMP_IF_EQUAL, value, if_false=1))
        program.append(_instruction(_RETURN, _ALLOW))
    return [*program, _instruction(_RETURN, _ERRNO | _EPERM)]


def _if_argument_is_null(argument: int) -> list[bytes]:
    low = _OFFSET_OF_ARGUMENTS + 8 * argument
    return [
        _instruction(_LOAD, low),
        _instruction(_JUMP_IF_EQUAL, 0, if_false=3),
        _instruction(_LOAD, low + 4),
        _instruction(_JUMP_IF_EQUAL, 0, if_false=1),
        _instruction(_RETURN, _ALLOW),
        _instruction(_RETURN, _ERRNO | _EPERM),
    ]
