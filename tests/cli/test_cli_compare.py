"""``latentfit compare``, as another process."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")

COMPARE = (sys.executable, "-m", "latentfit", "compare")


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMPARE, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600
    )


@pytest.mark.parametrize("out", ["file/under/it", "file"])
def test_a_folder_that_cannot_be_written_is_refused_before_anything_runs(tmp_path, out):
    (tmp_path / "file").write_text("")
    done = run("exponential-missing", "--out", out, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"latentfit: .*file.*\n", done.stderr)


@pytest.mark.slow
def test_prints_the_table_and_writes_the_report(tmp_path):
    # Seeds 0 to 19 but one (3, a divergent transition) give chains that can be trusted.
    done = run("exponential-missing", "--json", "result.json", "--seed", "1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    folder = tmp_path / "reports" / "exponential-missing"
    written = {"report.html", "comparison.json", "comparison.nc"}
    assert {path.name for path in folder.iterdir()} >= written
    assert all(f"reports/exponential-missing/{name}" in done.stdout for name in written)

    result = json.loads((tmp_path / "result.json").read_text())
    assert result == json.loads((folder / "comparison.json").read_text())
    assert result["agree"] is True
    assert result["seed"] == 1
    # Dempster, Laird & Rubin's update θ' = 2θ / (5θ + 1) has its fixed point at 1/5.
    (theta,) = result["parameters"]
    assert theta["em"] == pytest.approx(0.2, rel=1e-6)
    assert theta["mle"] == pytest.approx(0.2, rel=1e-6)


@pytest.mark.slow
def test_a_wrong_m_step_is_status_1(tmp_path):
    subprocess.run([sys.executable, "-m", "latentfit", "new", "wrong"], cwd=tmp_path, check=True)
    path = tmp_path / "wrong.py"
    path.write_text(path.read_text().replace("r.sum(axis=0) / ", "(r.sum(axis=0) - 1) / "))
    few = ("--draws", "500", "--tune", "500", "--backend", "jax")
    done = run("wrong.py", *few, "--json", "-", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["agree"] is False


@pytest.mark.slow
def test_an_interrupt_while_sampling_leaves_one_line_and_nothing_written(tmp_path):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMPARE, "exponential-missing", "--draws", "5000000", "--out", "out"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    output = b""
    sent = False
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        output += piece
        if not sent and b"NUTS, 4 chains" in output:
            process.send_signal(signal.SIGINT)
            sent = True
    os.close(ours)
    assert sent, output.decode()
    assert process.wait(timeout=60) == 2
    left = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.decode().rsplit("\x1b[2K", 1)[-1])
    assert left.split() == ["latentfit:", "interrupted"]
    assert not list(tmp_path.rglob("*.*"))
