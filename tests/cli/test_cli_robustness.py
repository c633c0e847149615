"""Whatever a user's file, a stream or a signal does, the command line says so in one line."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODEL = '''"""One lifetime seen, one lost."""
import numpy as np

latents = ("z",)

def model(y):
    import pymc as pm
    with pm.Model() as declared:
        theta = pm.Gamma("theta", 2, 2)
        pm.Exponential("z", theta)
        pm.Exponential("y", theta, observed=y)
    return declared

def example_data():
    return {"y": np.array([5.0])}

def initial(data, rng):
    return {"theta": rng.uniform(0.1, 2)}

def e_step(params, data):
    return {"z": 1 / params["theta"]}

def m_step(expectations, data):
    return {"theta": 2 / (data["y"].sum() + expectations["z"])}
'''

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="child processes need Linux")


def write(folder: Path, addition: str = "", name: str = "lifetime.py") -> Path:
    path = folder / name
    path.write_text(MODEL + addition)
    return path


def run(*arguments: object, cwd: Path, **settings) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latentfit", *map(str, arguments)],
        cwd=cwd,
        text=True,
        timeout=120,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **settings},
    )


def located(message: str) -> str:
    """The message, whose line is counted from the end of `MODEL`."""
    before = MODEL.count("\n")
    return re.sub(r"line (\d+)", lambda found: f"line {int(found[1]) + before}", message)


def line_of(done: subprocess.CompletedProcess[str], status: int = 2) -> str:
    assert done.returncode == status, (done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    assert line.startswith("latentfit: ")
    assert len(line) <= 500
    return line


class TestFilesThatDoNotEnd:
    """Import errors, exits and crashes are one line and, for a check, a JSON result."""

    @pytest.mark.parametrize(
        ("addition", "message"),
        [
            ("import sys\nsys.exit(0)\n", "line 2: SystemExit: 0"),
            ("raise BaseException('odd')\n", "line 1: BaseException: odd"),
            (
                "class Odd(Exception):\n    def __str__(self): return None\nraise Odd\n",
                "line 3: Odd",
            ),
            pytest.param(
                "import os\nos._exit(0)\n", "ended the process without an error", marks=on_linux
            ),
            pytest.param(
                "import ctypes\nctypes.string_at(0)\n",
                "segmentation fault; a recursion without an end is a frequent cause "
                "(lifetime.py, line 2)",
                marks=on_linux,
            ),
            ("latents = 3\n", "latents must be a tuple of strings"),
            ("raise ValueError('x' * 10000)\n", "ValueError: xxx"),
        ],
    )
    @pytest.mark.parametrize("command", ["check", "fit"])
    def test_importing_the_file(self, tmp_path, command, addition, message):
        write(tmp_path, addition)
        line = line_of(run(command, "lifetime.py", "--json", "out.json", cwd=tmp_path))
        message = located(message)
        assert message in line
        if command == "check":
            result = json.loads((tmp_path / "out.json").read_text())
            assert result["passed"] is False
            assert result["target"] == "lifetime"
            assert message in result["error"]
            assert result["findings"] == []

    def test_a_loop_at_import_that_catches_everything(self, tmp_path, monkeypatch, capsys):
        from latentfit.cli import _target, main

        monkeypatch.setattr("latentfit.cli.check.IMPORT_LIMIT_S", 0.3)
        loop = "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
        path = write(tmp_path, loop)
        out = tmp_path / "out.json"
        assert main(["check", str(path), "--timeout", "0.1", "--json", str(out)]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "lifetime.py took longer than 0.3 s" in err
        assert "took longer than" in json.loads(out.read_text())["error"]
        assert sys.exception() is None
        assert _target.IMPORT_LIMIT_S == 30

    @pytest.mark.parametrize(
        ("addition", "message"),
        [
            ("import sys\ndef e_step(params, data): sys.exit(0)\n", "e_step raised SystemExit: 0"),
            ("def m_step(expectations, data): raise BaseException\n", "m_step raised Base"),
        ],
    )
    def test_a_step_of_fit_that_exits(self, tmp_path, addition, message):
        write(tmp_path, addition)
        assert message in line_of(run("fit", "lifetime.py", cwd=tmp_path))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("addition", "step", "message"),
        [
            ("import sys\ndef e_step(params, data): sys.exit(0)\n", "e_step", "SystemExit: 0"),
            (
                "def m_step(expectations, data):\n    while True:\n        try:\n"
                "            while True: pass\n        except BaseException: pass\n",
                "m_step",
                "m_step took longer than 0.5 s",
            ),
            pytest.param(
                "import os\ndef m_step(expectations, data): os._exit(0)\n",
                "m_step",
                "m_step ended the process without an error",
                marks=on_linux,
            ),
            pytest.param(
                "import ctypes\ndef e_step(params, data): ctypes.string_at(0)\n",
                "e_step",
                "segmentation fault",
                marks=on_linux,
            ),
            pytest.param(
                "def e_step(params, data): return sum(range(10**13))\n",
                "e_step",
                "could not be interrupted (lifetime.py, line 1)",
                marks=on_linux,
            ),
        ],
    )
    def test_a_step_of_a_check_is_a_finding(self, tmp_path, addition, step, message):
        write(tmp_path, addition)
        arguments = ("check", "lifetime.py", "--timeout", "0.5", "--json", "out.json")
        done = run(*arguments, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (1, "")
        assert done.stdout.startswith("lifetime fails: the contract is wrong.")
        result = json.loads((tmp_path / "out.json").read_text())
        assert result["passed"] is False
        (finding,) = (one for one in result["findings"] if one["severity"] == "error")
        assert (finding["step"], finding["name"]) == ("contract", step)
        assert located(message) in finding["message"]


class TestStreams:
    def test_full_stdout(self, tmp_path):
        with open("/dev/full", "w") as full:
            done = run("models", cwd=tmp_path, stdout=full)
        assert line_of(done) == "latentfit: stdout cannot be written: No space left on device"

    def test_full_stderr(self, tmp_path):
        with open("/dev/full", "w") as full:
            done = run("fit", "nothing-like-it", cwd=tmp_path, stderr=full)
        assert (done.returncode, done.stdout) == (2, "")

    @pytest.mark.parametrize(
        ("redirection", "status"), [(">&-", 2), ("2>&-", 0), ("<&-", 0), (">&- 2>&- <&-", 2)]
    )
    def test_closed_streams(self, tmp_path, redirection, status):
        program = f"{sys.executable} -m latentfit models --json out.json {redirection}"
        done = subprocess.run(["bash", "-c", program], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == status
        assert len(done.stderr.splitlines()) <= 1
        json.loads((tmp_path / "out.json").read_text())

    def test_names_that_are_too_long_or_no_text(self, tmp_path):
        line = line_of(run("fit", "coins", "--data", "a" * 5000 + ".csv", cwd=tmp_path))
        assert line.endswith("File name too long")
        line_of(run("fit", "a" * 5000, cwd=tmp_path))
        line_of(run("a" * 5000, cwd=tmp_path))
        assert "\\udcff" in line_of(run("fit", os.fsdecode(b"\xff"), cwd=tmp_path))

    def test_a_model_whose_name_is_no_text(self, tmp_path):
        write(tmp_path, name=os.fsdecode(b"\xff.py"))
        done = run("fit", os.fsdecode(b"\xff.py"), "--json", "out.json", "--quiet", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads((tmp_path / "out.json").read_bytes())["model"] == "\udcff"


class TestInputs:
    @pytest.mark.parametrize("name", ["data.csv", "./data.csv", "link.csv", "lifetime.py"])
    def test_an_input_is_never_overwritten(self, tmp_path, name):
        write(tmp_path)
        (tmp_path / "data.csv").write_text("y\n1\n2\n")
        (tmp_path / "link.csv").symlink_to("data.csv")
        before = {path: path.read_text() for path in tmp_path.iterdir()}
        for command in ("fit", "check", "compare"):
            done = run(command, "lifetime.py", "--data", "data.csv", "--json", name, cwd=tmp_path)
            assert "would be overwritten" in line_of(done)
        assert {path: path.read_text() for path in tmp_path.iterdir()} == before

    def test_a_report_never_overwrites_its_data(self, tmp_path):
        write(tmp_path)
        data = tmp_path / "comparison.json"
        data.write_text("y\n1\n2\n")
        done = run("compare", "lifetime.py", "--data", data.name, "--out", ".", cwd=tmp_path)
        assert "would be overwritten" in line_of(done)
        assert data.read_text() == "y\n1\n2\n"

    @pytest.mark.parametrize(
        "name", ["seed", "starts", "executor", "progress", "timeout", "against", "options", "data"]
    )
    def test_settings_are_options_of_the_model_alone(self, name, capsys):
        from latentfit.cli import main

        for command in ("fit", "check", "compare"):
            assert main([command, "coins", "--set", f"{name}=3"]) == 2
            assert f"coins has no option '{name}'" in capsys.readouterr().err

    def test_an_option_of_the_model_may_have_the_name_of_a_setting(self, tmp_path):
        write(tmp_path, "def model(y, seed=2, starts=1): pass\n")
        path = tmp_path / "lifetime.py"
        path.write_text(
            path.read_text().replace(
                "def initial(data, rng):\n    return",
                "def initial(data, rng, seed, starts):\n    assert (seed, starts) == (7, 4)\n"
                "    return",
            )
        )
        settings = ("--set", "seed=7", "--set", "starts=4", "--starts", 2, "--quiet")
        done = run("fit", "lifetime.py", *settings, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--starts", "1000000000"], "starts must be at most 100000"),
            (["--short-runs", "1000000000"], "short_runs must be at most 100000"),
            (["--set", "components=79..1000000000"], "at most 1000 are compared"),
            (["--workers", "1000000000"], "workers must be at most 1024"),
            (["--set", "components=" + "(" * 5000], "expected a whole number"),
        ],
    )
    def test_numbers_without_bounds_are_refused(self, arguments, message, capsys):
        from latentfit.cli import main

        started = time.monotonic()
        assert main(["fit", "gaussian-mixture", *arguments]) == 2
        assert time.monotonic() - started < 2
        assert message in capsys.readouterr().err

    @pytest.mark.parametrize("seconds", ["nan", "-1", "0"])
    def test_a_time_limit_is_positive(self, seconds, capsys):
        from latentfit.cli import main

        assert main(["check", "coins", "--timeout", seconds]) == 2
        assert capsys.readouterr().err.count("\n") == 1

    def test_a_header_of_many_columns(self, tmp_path):
        from latentfit.declaration.columns import bind_columns
        from latentfit.declaration.csv_table import read_table
        from latentfit.errors import InputError

        count = 200_000  # comparing all pairs of names would take minutes
        path = tmp_path / "wide.csv"
        path.write_text(",".join(f"c{i}" for i in range(count)) + "\n" + "1," * (count - 1) + "1\n")
        started = time.monotonic()
        table = read_table(path)
        with pytest.raises(InputError, match="c11 and 199988 others") as caught:
            bind_columns(("y",), table, ["nothing"])
        assert time.monotonic() - started < 5
        assert len(str(caught.value)) < 500


SLOW = '''"""Slow."""
import time
import numpy as np
latents = ("z",)
def model(y): raise NotImplementedError
def example_data(): return {"y": np.array([5.0])}
def initial(data, rng): return {"theta": rng.uniform(0.1, 2)}
def e_step(params, data):
    open("ready", "w").close()
    time.sleep(0.2)
    return {"z": 1 / params["theta"]}
def m_step(expectations, data): return {"theta": 2 / (data["y"].sum() + expectations["z"])}
'''


@on_linux
class TestSignals:
    @pytest.mark.parametrize(
        ("number", "status", "line"),
        [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 2, "interrupted")],
    )
    @pytest.mark.parametrize("to_all", [False, True])
    def test_workers_end_with_the_command(self, tmp_path, number, status, line, to_all):
        (tmp_path / "slow.py").write_text(SLOW)
        process = subprocess.Popen(
            [sys.executable, "-m", "latentfit", "fit", "slow.py", "--workers", "2"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while not (tmp_path / "ready").exists():
            assert process.poll() is None
            time.sleep(0.02)
        (os.killpg if to_all else os.kill)(process.pid, number)
        out, err = process.communicate(timeout=30)
        assert (out, err, process.returncode) == ("", f"latentfit: {line}\n", status)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)

    @pytest.mark.parametrize("delay", [0, 0.1, 0.3])
    def test_an_interrupt_during_imports(self, tmp_path, delay):
        write(tmp_path)
        process = subprocess.Popen(
            [sys.executable, "-m", "latentfit", "check", "lifetime.py"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        while not children.read_text():
            time.sleep(0.005)
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (out, err, process.returncode) == ("", "latentfit: interrupted\n", 2)

    @pytest.mark.slow
    @pytest.mark.parametrize("delay", [2.0, 4.0])
    def test_an_interrupt_in_dask(self, tmp_path, delay):
        pytest.importorskip("distributed")
        pandas = pytest.importorskip("pandas")
        (tmp_path / "rows").mkdir()
        for number in range(4):
            frame = pandas.DataFrame({"y": [float(number + row % 7) for row in range(50_000)]})
            frame.to_parquet(tmp_path / "rows" / f"{number}.parquet")
        arguments = ("--data", "rows", "--starts", "500")
        process = subprocess.Popen(
            [sys.executable, "-m", "latentfit", "fit", "gaussian-mixture", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (out, err, process.returncode) == ("", "latentfit: interrupted\n", 2)
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)
