"""``latentfit check``."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import LatentModel, load_derivation
from latentfit.check import Check, CheckResult, Finding
from latentfit.cli import main
from latentfit.errors import DeclarationError, InputError

RIGHT = """
import numpy as np

def e_step(params, data):
    return {"y_unobserved": np.full(np.ma.count_masked(data["y"]), 1 / params["theta"])}

def m_step(expectations, data):
    total = np.ma.compressed(data["y"]).sum() + expectations["y_unobserved"].sum()
    return {"theta": np.size(data["y"]) / total}
"""
# Dempster, Laird & Rubin's update with the missing value left out of the count.
WRONG = RIGHT.replace("np.size(data", "np.ma.count(data")


def write(folder: Path, text: str, name: str = "hand_in.py") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latentfit", "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
    )


class TestDerivationFiles:
    def test_only_the_steps_are_those_of_the_derivation_file(self, tmp_path):
        model = load_derivation(
            write(tmp_path, f'"""My proof.\n\nBy hand."""\n{RIGHT}'), "exponential-missing"
        )
        other = latentfit.load("exponential-missing")
        assert (model.name, model.title, model.derivation) == ("hand-in", "My proof.", "By hand.")
        assert model.latents == other.latents
        assert model.initial.__code__.co_filename == other.initial.__code__.co_filename
        assert model.log_likelihood is None
        assert model.e_step.__code__.co_filename.endswith("hand_in.py")
        assert model.fit(seed=1).params["theta"] == pytest.approx(0.2, rel=1e-6)

    def test_what_it_brings_replaces_what_the_model_has(self, tmp_path):
        text = RIGHT + (
            'objective = "posterior"\n'
            'def initial(data, rng): return {"theta": 3.0}\n'
            "def log_likelihood(params, data): return 0.0\n"
            "latents = ()\n"
        )
        model = load_derivation(write(tmp_path, text), "exponential-missing")
        assert model.objective == "posterior"
        assert model.initial(None, None) == {"theta": 3.0}
        assert model.log_likelihood({}, {}) == 0
        assert model.latents == ("y_unobserved",)

    def test_another_parameterisation_does_not_take_the_models_starts(self, tmp_path):
        text = RIGHT + "def to_model(params): return params\n"
        assert load_derivation(write(tmp_path, text), "exponential-missing").initial is None

    def test_a_whole_model_serves_as_a_derivation(self):
        model = load_derivation("gaussian-mixture", "gaussian-mixture")
        assert model.log_likelihood is not None

    def test_a_missing_step_is_named(self, tmp_path):
        path = write(tmp_path, "def e_step(params, data): return {}\n")
        with pytest.raises(DeclarationError, match=r"a derivation file .*; m_step is missing"):
            load_derivation(path, "exponential-missing")
        with pytest.raises(InputError, match="no such model file"):
            load_derivation(tmp_path / "none.py", "exponential-missing")


RESULT = CheckResult(
    "hand-in",
    (
        Check("contract.names", "pass", "all [of them] are there"),
        Check("m_step.maximum", "fail", "sigma[0] is 0.53 where the maximum of Q has 0.49"),
        Check("log_likelihood", "skip", ""),
    ),
    (
        Finding(
            "M",
            "sigma",
            "error",
            "sigma[0] is 0.53 where the maximum of Q has 0.49 (start 2; exact)",
            "divided by n − 1 where n belongs, in a hint that is long enough for two lines",
            {"given": np.float64(0.53), "expected": np.float64(0.49)},
        ),
        Finding("fixed_point", "mu", "warning", "slow", None, {"rate": np.nan}),
    ),
)


class TestOutput:
    @pytest.fixture
    def asked(self, monkeypatch):
        """What `LatentModel.check` was asked for; it answers with `RESULT`."""
        seen: dict = {}

        def check(self, data=None, **rest):
            seen.update(rest, model=self, data=data)
            return RESULT

        monkeypatch.setattr(LatentModel, "check", check)
        monkeypatch.setenv("COLUMNS", "80")
        return seen

    def test_verdict_findings_and_checks(self, asked, capsys):
        assert main(["check", "exponential-missing"]) == 1
        text = capsys.readouterr().out
        assert text.splitlines()[0] == f"{RESULT.verdict}."
        for part in (
            "error  M step, sigma\n  sigma[0] is 0.53 where",
            "  hint: divided by n − 1",
            "note  limit point, mu\n  slow\n",
            "passed  contract.names: all [of them] are there\n",
            "failed  m_step.maximum: sigma[0] is 0.53",
            "skipped log_likelihood\n",
        ):
            assert part in text
        assert max(map(len, text.splitlines())) <= 80

    def test_json(self, asked, capsys):
        assert main(["check", "exponential-missing", "--json", "-"]) == 1
        result = json.loads(capsys.readouterr().out)
        assert (result["target"], result["passed"]) == ("hand-in", False)
        first, second = result["findings"]
        assert first["evidence"] == {"given": 0.53, "expected": 0.49}
        assert second == {
            "step": "fixed_point",
            "name": "mu",
            "severity": "warning",
            "message": "slow",
            "hint": None,
            "evidence": {"rate": None},
        }
        assert result["checks"][1]["id"] == "m_step.maximum"

    def test_quiet_prints_nothing_and_keeps_the_status(self, asked, capsys, tmp_path):
        path = tmp_path / "result.json"
        assert main(["check", "exponential-missing", "--quiet", "--json", str(path)]) == 1
        assert capsys.readouterr() == ("", "")
        assert json.loads(path.read_text())["passed"] is False

    def test_options_arrive(self, asked, tmp_path):
        (tmp_path / "data.csv").write_text("a,b\n1,4\n2,5\n")
        arguments = ["--data", f"{tmp_path}/data.csv", "--column", "b", "--seed", "7"]
        main(["check", "gaussian-mixture", *arguments, "--timeout", "0.5", "--set", "components=3"])
        np.testing.assert_array_equal(asked["data"]["x"], [4, 5])
        assert (asked["seed"], asked["timeout"], asked["components"]) == (7, 0.5, 3)

    @pytest.mark.parametrize("strict", [False, True])
    def test_strict_arrives(self, asked, strict):
        main(["check", "gaussian-mixture", *(["--strict"] if strict else [])])
        assert asked["strict"] is strict

    def test_against_takes_the_steps_from_the_target(self, asked, tmp_path):
        path = write(tmp_path, WRONG)
        assert main(["check", str(path), "--against", "exponential-missing"]) == 1
        assert asked["model"].name == "hand-in"
        assert asked["model"].arguments == ("y",)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing-like-it"], "no model named 'nothing-like-it'"),
        (["hand_in.py"], "a model file defines model, latents"),
        (["hand_in.py", "--against", "nothing-like-it"], "no model named"),
        (["empty.py", "--against", "exponential-missing"], "e_step and m_step are missing"),
        (["exponential-missing", "--timeout", "0"], "--timeout"),
        (["exponential-missing", "--column", "y"], "--column needs --data"),
        (["exponential-missing", "--set", "components=2"], "no option 'components'"),
    ],
)
def test_bad_input_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, RIGHT)
    write(tmp_path, "", "empty.py")
    assert main(["check", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("latentfit: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.slow
def test_a_right_and_a_wrong_hand_in(tmp_path):
    write(tmp_path, RIGHT, "right.py")
    write(tmp_path, WRONG, "wrong.py")
    right = run("right.py", "--against", "exponential-missing", cwd=tmp_path)
    assert (right.returncode, right.stderr) == (0, ""), right.stdout
    assert right.stdout.startswith("right passes")

    wrong = run("wrong.py", "--against", "exponential-missing", "--json", "-", cwd=tmp_path)
    assert (wrong.returncode, wrong.stderr) == (1, ""), wrong.stdout
    findings = json.loads(wrong.stdout)["findings"]
    assert ("M", "theta", "error") in {(f["step"], f["name"], f["severity"]) for f in findings}
    assert all(f["step"] != "E" for f in findings)


@pytest.mark.slow
def test_the_readme_shows_what_is_printed(tmp_path, monkeypatch):
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## What a check says\n")[1].split("\n## ")[0]
    hand_in, printed = re.findall(r"^```\w*\n(.*?)^```", section, flags=re.DOTALL | re.MULTILINE)
    write(tmp_path, hand_in, "by_hand.py")
    monkeypatch.setenv("COLUMNS", "80")
    done = run("by_hand.py", "--against", "gaussian-mixture", cwd=tmp_path)

    def words(text):
        # The sizes of rounding errors are those of the machine.
        return re.sub(r"\S*\de-\d+", "tiny", " ".join(text.split()))

    assert words(done.stdout) == words(printed)


@pytest.mark.slow
def test_a_hand_in_that_hangs_is_a_finding(tmp_path):
    write(tmp_path, RIGHT.replace("    total", "    while True: pass\n    total"))
    done = run(
        "hand_in.py",
        "--against",
        "exponential-missing",
        "--timeout",
        "0.5",
        "--json",
        "-",
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    result = json.loads(done.stdout)
    (finding,) = result["findings"]
    assert (finding["step"], finding["name"]) == ("contract", "m_step")
    assert "took longer than 0.5 s" in finding["message"]
    # The E step is examined none the less.
    status = {check["id"]: check["status"] for check in result["checks"]}
    assert status["e_step.y_unobserved"] == "pass"


LIFETIMES = """
import numpy as np
import pymc as pm

latents = ("z",)

def model(y):
    with pm.Model() as model:
        rate = pm.Gamma("rate", 2, 1)
        pm.Exponential("z", rate)
        pm.Exponential("y", rate, observed=y)
    return model

def e_step(params, data):
    return {"z": 1 / params["rate"]}

def m_step(expectations, data):
    return {"rate": (len(data["y"]) + 1) / (data["y"].sum() + expectations["z"])}

def initial(data, rng):
    return {"rate": rng.uniform(0.5, 2)}

def example_data():
    return {"y": np.array([0.5, -1.5, 2.0])}
"""


@pytest.mark.slow
def test_impossible_data_are_one_line_and_bad_input(tmp_path):
    write(tmp_path, LIFETIMES, "lifetimes.py")
    finished = run("lifetimes.py", cwd=tmp_path)
    assert finished.returncode == 2
    assert finished.stdout == ""
    (line,) = finished.stderr.splitlines()
    assert line.endswith("impossible are y[1] = -1.5")
