"""Progress is shown on a terminal, erased at the end, and absent from pipes and files."""

import builtins
import os
import signal
import subprocess
import sys
import time

import pytest

from latentfit.cli._timings import Stopwatch
from latentfit.progress import NoProgress, Progress

pty = pytest.importorskip("pty")

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def on_terminal(program: str, *, interrupt: bool = False) -> tuple[int, str]:
    """Exit status of a Python program, and all that it wrote to its terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", f"import time\nfrom latentfit.progress import Progress\n{program}"],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        seen += piece
        if interrupt and b"stage one" in seen:
            interrupt = False
            process.send_signal(signal.SIGINT)
    os.close(ours)
    return process.wait(), seen.decode()


def test_a_stage_is_shown_and_then_wiped():
    status, text = on_terminal(
        "with Progress() as progress, progress.stage('stage one', total=4) as bar:\n"
        "    time.sleep(1)\n"
        "    bar.update(3)\n"
        "    time.sleep(0.5)\n"
    )
    assert status == 0
    assert "stage one" in text
    assert "75%" in text
    assert text.rstrip("\r").endswith(("\x1b[2K", SHOW))
    assert text.count(HIDE) == text.count(SHOW) == 1


def test_a_short_stage_never_flashes():
    status, text = on_terminal(
        "with Progress() as progress:\n"
        "    for _ in range(5):\n"
        "        with progress.stage('stage one'):\n"
        "            time.sleep(0.05)\n"
    )
    assert (status, text) == (0, "")


def test_stages_within_stages_and_threads_that_report():
    status, text = on_terminal(
        "import threading\n"
        "with Progress() as progress, progress.stage('stage one') as outer:\n"
        "    with progress.stage('stage two', total=100) as bar:\n"
        "        def work():\n"
        "            for _ in range(50):\n"
        "                bar.advance(2)\n"
        "                time.sleep(0.03)\n"
        "        threads = [threading.Thread(target=work)]\n"
        "        [thread.start() for thread in threads]\n"
        "        [thread.join() for thread in threads]\n"
        "    bar.update(5)\n"
    )
    assert status == 0
    assert "stage one" in text
    assert "stage two" in text
    assert text.count(HIDE) == text.count(SHOW) == 1


def test_an_interrupt_leaves_the_terminal_clean():
    status, text = on_terminal(
        "try:\n"
        "    with Progress() as progress, progress.stage('stage one'):\n"
        "        time.sleep(60)\n"
        "except KeyboardInterrupt:\n"
        "    raise SystemExit(3)\n",
        interrupt=True,
    )
    assert status == 3
    assert text.rstrip("\r").endswith(("\x1b[2K", SHOW))


@pytest.mark.parametrize("progress", [Progress(), Progress(quiet=True), NoProgress()])
def test_nothing_is_written_without_a_terminal(capsys, progress):
    with progress, progress.stage("stage one", total=2) as bar:
        bar.advance()
        bar.update(2)
        time.sleep(0.8)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_stages_are_timed_without_those_within_them():
    now = iter([0.0, 1.0, 4.0, 6.0, 7.0, 10.0])
    progress = NoProgress(clock=now.__next__)
    with progress.stage("outer"), progress.stage("inner"):
        pass
    with progress.stage("inner"):
        pass
    assert progress.stage_seconds == {"outer": 3.0, "inner": 6.0}


def test_a_stage_that_fails_is_timed_too():
    now = iter([0.0, 2.0])
    progress = NoProgress(clock=now.__next__)
    with pytest.raises(ValueError, match="stopped"), progress.stage("outer"):
        raise ValueError("stopped")
    assert progress.stage_seconds == {"outer": 2.0}


def test_imports_are_no_part_of_a_stage(tmp_path, monkeypatch):
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.2)\nimport also_slow\n")
    (tmp_path / "also_slow.py").write_text("import time\ntime.sleep(0.2)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with Stopwatch() as stopwatch:
        progress = NoProgress(clock=stopwatch.clock)
        with progress.stage("stage"):
            import slow_to_import  # noqa: F401
    assert stopwatch.import_seconds >= 0.4
    assert progress.stage_seconds["stage"] < stopwatch.import_seconds / 2
    seconds = [
        float(line.split()[-2]) for line in stopwatch.table(progress.stage_seconds).splitlines()
    ]
    assert sum(seconds[:-1]) == pytest.approx(seconds[-1], abs=0.03)
    assert builtins.__import__ is stopwatch._original_import
