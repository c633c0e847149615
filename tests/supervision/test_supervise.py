"""A job in a child process: its status, its crash, its signals, and what it leaves behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="child processes need Linux")

PROGRAM = """
import ctypes, os, signal, sys, time
from latentfit.supervision import limited, note, supervise

def job():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    note(target="a")
    JOB
    return 3

def report(ending):
    print(ending.kind, ending.call, ending.place, ending.notes, ending.reason, sep="|")
    return 9

sys.exit(supervise(job, report))
"""


def started(folder: Path, job: str) -> "subprocess.Popen[str]":
    (folder / "program.py").write_text(PROGRAM.replace("JOB", job))
    return subprocess.Popen(
        [sys.executable, "program.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, list[str]]:
    out, err = process.communicate(timeout=30)
    assert err == ""
    return process.returncode, out.strip().split("|")


def left_in_session(process: "subprocess.Popen[str]") -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == process.pid and fields[0] != "Z":
            found.append(stat.parent.name)
    return found


def test_the_status_of_the_job_is_that_of_the_process(tmp_path):
    assert ended(started(tmp_path, "pass")) == (3, [""])


@pytest.mark.parametrize(
    ("job", "kind", "call", "reason"),
    [
        ("limited(lambda: ctypes.string_at(0), 5, 'e_step')()", "crash", "e_step", "segmentation"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "crash", "", "memory is exhausted"),
        ("limited(lambda: os._exit(0), 5, 'm_step')()", "exit", "m_step", "os._exit"),
    ],
)
def test_a_job_that_does_not_finish_is_described(tmp_path, job, kind, call, reason):
    status, (found, name, _, notes, text) = ended(started(tmp_path, job))
    assert (status, found, name, notes) == (9, kind, call, "{'target': 'a'}")
    assert reason in text


def test_a_crash_is_located_in_the_authors_file(tmp_path):
    _, (_, _, place, *_) = ended(started(tmp_path, "ctypes.string_at(0)"))
    assert place == "program.py, line 8"


@pytest.mark.slow
def test_compiled_code_that_does_not_return_is_ended(tmp_path):
    job = "limited(lambda: sum(range(10**13)), 0.1, 'e_step')()"
    status, (kind, call, place, *_) = ended(started(tmp_path, job))
    assert (status, kind, call, place) == (9, "too long", "e_step", "program.py, line 8")


def test_a_crash_at_exit_keeps_the_status(tmp_path):
    job = "import atexit; atexit.register(lambda: os.kill(os.getpid(), signal.SIGSEGV))"
    assert ended(started(tmp_path, job)) == (3, [""])


def test_temporary_files_and_processes_are_removed(tmp_path):
    job = (
        "import subprocess, tempfile; tempfile.mkstemp(); "
        "subprocess.Popen(['sleep', '300'], start_new_session=False)"
    )
    process = started(tmp_path, job)
    assert ended(process) == (3, [""])
    assert [path.name for path in tmp_path.iterdir()] == ["program.py"]
    assert left_in_session(process) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_forwarded_and_nothing_is_left(tmp_path, number):
    job = (
        "import subprocess; subprocess.Popen(['sleep', '300']); "
        "print('ready', flush=True); time.sleep(300)"
    )
    process = started(tmp_path, job)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 9
    assert out.startswith("interrupt" if number == signal.SIGINT else "termination")
    assert left_in_session(process) == []


def test_a_killed_parent_takes_its_child_along(tmp_path):
    process = started(tmp_path, "print('ready', flush=True); time.sleep(300)")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.kill()
    process.wait()
    patience = time.monotonic() + 10
    while left_in_session(process) and time.monotonic() < patience:
        time.sleep(0.05)
    assert left_in_session(process) == []
