"""The isolation: which one is chosen, what it consists of, and where it is refused."""

import os
import platform
import shutil
import socket
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from sandbox_sessions import LIMITS, opened

from latentfit.errors import LatentfitError
from latentfit.grade.sandbox import (
    ISOLATIONS,
    SandboxError,
    _runtime,
    _seccomp,
    available_isolation,
    open_sandbox,
    session,
)
from latentfit.grade.sandbox.isolation import isolation, obstacle

OBSERVE = b"""
import os
def identity():
    return {"user": os.getuid(), "group": os.getgid(), "process": os.getpid(),
            "parent": os.getppid(), "groups": 0}
def host(): return {os.uname().nodename: 1}
def environment(): return dict.fromkeys(os.environ, 0)
def files(path=None):
    return {os.path.join(folder, name): os.stat(os.path.join(folder, name)).st_mode
            for folder, _, names in os.walk("/") for name in names
            if not folder.startswith(("/python/lib", "/packages/numpy"))}
def packages():
    import sys
    return {name: 1 for folder in sys.path for kind in ("site-packages", "dist-packages")
            if os.path.isdir(os.path.join(folder, kind))
            for name in os.listdir(os.path.join(folder, kind))}
def counts():
    import gc
    statistics = [value for one in gc.get_stats() for value in one.values()]
    return [len(os.listdir(".")), os.dup(1), *statistics, *gc.get_count()[1:]]
def null():
    with open("/dev/null", "r+b", buffering=0) as file:
        return file.write(b"1") + len(file.read())
def writable():
    return {folder: 1 for folder, _, _ in os.walk("/") if os.access(folder, os.W_OK)}
def loop():
    while True: pass
"""


@pytest.fixture(scope="module")
def observed(isolated_by):
    with opened(OBSERVE, isolated_by) as session:
        yield session


# What the isolation consists of ---------------------------------------------------------------


def test_it_is_nobody_in_namespaces_of_its_own(observed):
    identity = observed.call("identity").value
    assert (identity["user"], identity["group"]) == (65534, 65534)
    # The same for each process: no number reveals how many there were before.
    assert (identity["process"], identity["parent"]) == (1, 0)
    assert observed.call("identity", fresh=True).value == identity
    assert observed.call("host").value == {"sandbox": 1}
    assert socket.gethostname() != "sandbox"


def test_no_count_reveals_what_ran_before(observed):
    first = observed.call("counts", fresh=True).value
    for _ in range(3):
        observed.call("files", fresh=True)
    assert observed.call("counts", fresh=True).value == first


def test_the_null_device_works(observed):
    assert observed.call("null").value == 1


def test_it_has_no_privileges(observed):
    process = observed._worker.process
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines()
    )
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert status["Threads"].strip() == "1"
    for name in ("user", "mnt", "pid", "net", "ipc", "uts"):
        link = f"/proc/{process}/ns/{name}"
        assert os.readlink(link) != os.readlink(f"/proc/self/ns/{name}"), name


def test_it_sees_python_numpy_and_shared_libraries_only(observed):
    files = observed.call("files").value
    others = {
        path
        for path in files
        if not (path.startswith("/python/shared/") and ".so" in path)
        and not path.rpartition("/")[2].startswith("ld-")
    }
    assert others == {"/dev/null", "/python/bin/python3"}
    assert stat.S_ISCHR(files["/dev/null"])
    assert observed.call("packages").value == {}


def test_it_writes_into_its_scratch_folder_only(observed):
    assert observed.call("writable").value == {"/scratch": 1}


def test_its_environment_is_ours(observed):
    environment = observed.call("environment").value
    assert environment.keys() - {"PWD", "LC_CTYPE"} == _runtime.environment().keys()


@pytest.mark.skipif(sys.platform != "linux", reason="isolation exists on Linux only")
def test_no_path_names_the_user_or_the_project(observed):
    shown = " ".join(shown for _, shown in _runtime.runtime().mounts)
    assert "latentfit" not in shown
    assert str(Path.home()) not in shown


@pytest.mark.skipif(sys.platform != "linux", reason="isolation exists on Linux only")
def test_only_numpy_is_among_the_packages():
    mounts = _runtime.runtime().mounts
    packages = {shown for _, shown in mounts if shown.startswith(_runtime.PACKAGES)}
    assert packages <= {"/packages/numpy", "/packages/numpy.libs"}
    assert {shown: path for path, shown in mounts}["/packages/numpy"] == str(
        Path(np.__file__).resolve().parent
    )


def test_the_program_imports_nothing_of_latentfit():
    folder = Path(session.__file__).parent
    for name in ("_frames.py", "_child.py", "_enter_namespaces.py"):
        text = (folder / name).read_text(encoding="utf-8")
        for word in ("pymc", "e_step", "m_step", "expectation", "rubric", "score"):
            assert word not in text.lower(), (name, word)


def test_every_allowed_system_call_is_allowed_once():
    for column in (0, 1):
        tables = [*_seccomp._ALLOWED.values(), *_seccomp._ALLOWED_ARGUMENTS.values()]
        numbers = [row[column] for row in [*tables, _seccomp._PRLIMIT] if row[column] is not None]
        assert len(numbers) == len(set(numbers))
        # A jump is at most 255 instructions long.
        assert len(numbers) < 255


@pytest.mark.skipif(platform.machine() != "x86_64", reason="of x86-64")
def test_the_numbers_of_system_calls_are_those_of_the_kernel_s_header():
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    numbers = {
        words[1].removeprefix("__NR_"): int(words[2])
        for words in map(str.split, header.read_text().splitlines())
        if len(words) == 3 and words[1].startswith("__NR_")
    }
    rows = {**_seccomp._ALLOWED, **_seccomp._ALLOWED_ARGUMENTS, "prlimit64": _seccomp._PRLIMIT}
    assert {name: row[0] for name, row in rows.items()} == {name: numbers[name] for name in rows}


def test_the_numbers_of_64_bit_arm_are_those_of_the_kernel_s_header():
    header = Path("/usr/include/asm-generic/unistd.h")
    if not header.exists():
        pytest.skip("the kernel's headers are not installed")
    numbers = {
        words[1].replace("__NR3264_", "__NR_").removeprefix("__NR_"): int(words[2])
        for words in map(str.split, header.read_text().splitlines())
        if len(words) >= 3 and words[0] == "#define" and words[2].isdigit()
    }
    numbers["newfstatat"] = numbers["fstatat"]
    rows = {**_seccomp._ALLOWED, **_seccomp._ALLOWED_ARGUMENTS, "prlimit64": _seccomp._PRLIMIT}
    known = {name: row[1] for name, row in rows.items() if row[1] is not None}
    assert known == {name: numbers[name] for name in known}


# Choice and refusal ---------------------------------------------------------------------------


@pytest.fixture
def undecided():
    session._first_that_works.cache_clear()
    yield
    session._first_that_works.cache_clear()


def test_the_isolation_in_force_is_reported(observed, isolated_by):
    assert observed.isolation.name == isolated_by
    assert observed.isolation.isolated
    assert any("no network" in sentence for sentence in observed.isolation.guarantees)


def test_bubblewrap_is_taken_where_it_is_installed(undecided, monkeypatch):
    opened(b"", "bubblewrap").close()
    assert available_isolation().name == "bubblewrap"
    session._first_that_works.cache_clear()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    opened(b"", "namespaces").close()
    assert available_isolation().name == "namespaces"
    with pytest.raises(SandboxError, match="bwrap is not installed"):
        open_sandbox(b"", isolated_by="bubblewrap")


def test_bubblewrap_that_does_not_work_is_not_taken(undecided, monkeypatch, tmp_path):
    opened(b"", "namespaces").close()
    bwrap = tmp_path / "bwrap"
    bwrap.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    bwrap.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda name: str(bwrap))
    assert available_isolation().name == "namespaces"
    with pytest.raises(SandboxError, match="setting up uid map: Permission denied"):
        open_sandbox(b"", isolated_by="bubblewrap")


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_it_is_refused_on_other_systems(undecided, monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    assert available_isolation() is None
    with pytest.raises(LatentfitError, match="cannot isolate code that others wrote") as caught:
        open_sandbox(b"")
    assert len(str(caught.value)) < 500


def test_it_is_refused_on_unknown_processors(undecided, monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    assert available_isolation() is None
    for name in ISOLATIONS:
        assert obstacle(name)


@pytest.mark.skipif(
    not os.environ.get("CI") or sys.platform != "linux", reason="of continuous integration"
)
def test_the_tests_of_the_isolation_are_not_all_skipped():
    assert available_isolation() is not None


def test_without_isolation_only_where_that_is_asked_for():
    if sys.platform == "win32":
        with pytest.raises(SandboxError, match="Subsystem for Linux"):
            open_sandbox(b"", isolated_by="none")
        return
    with open_sandbox(b"def f(x): return 2 * x", limits=LIMITS, isolated_by="none") as opened:
        assert not opened.isolation.isolated
        assert opened.isolation.guarantees == isolation("none").guarantees
        assert "read, change and delete" in opened.isolation.guarantees[0]
        assert opened.call("f", 2.0).value == 4.0


# Users ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", [1000, 0], ids=["unprivileged", "root of a container"])
def test_it_works_for_other_users(isolated_by, user):
    """As the only user of a user namespace, without privileges outside of it."""
    opened(b"", isolated_by).close()
    program = f"""
        import os, sys
        from latentfit.grade.sandbox import open_sandbox
        assert os.getuid() == {user}
        with open_sandbox({OBSERVE!r}, isolated_by={isolated_by!r}) as session:
            assert session.call("identity").value["user"] == 65534
            assert session.call("writable").value == {{"/scratch": 1}}
            assert len(session.call("files").value) > 5
    """
    entering = f"""
        import os, sys
        owner, group = os.geteuid(), os.getegid()
        os.unshare(os.CLONE_NEWUSER)
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {{owner}} 1"),
                           ("gid_map", f"{user} {{group}} 1")):
            with open("/proc/self/" + name, "w") as file:
                file.write(text)
        os.execv(sys.executable, [sys.executable, "-c", {textwrap.dedent(program)!r}])
    """
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(entering)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
