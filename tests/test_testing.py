"""`latentfit.testing`, as a package's own tests use it."""

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit.check import Check, CheckResult, Finding
from latentfit.errors import DeclarationError, InputError
from latentfit.model import LatentModel
from latentfit.testing import assert_em

ROOT = Path(__file__).resolve().parents[1]
MODEL = latentfit.load("exponential-missing")
DATA = np.array([5.0, 1.0, np.nan])


def too_large(expectations, data):
    return {"theta": 2 * MODEL.m_step(expectations, data)["theta"]}


@pytest.fixture
def asked(monkeypatch):
    """What was checked, and how; anything with the right M step passes."""
    seen: dict = {}

    def check(self, data=None, **rest):
        seen.update(rest, model=self, data=data)
        wrong = self.m_step is too_large
        finding = Finding("M", "theta", "error", "theta is 2 where 1 is expected", "a factor 2")
        checks = (Check("m_step.maximum", "fail" if wrong else "pass", "at 5 values"),)
        return CheckResult(self.name, checks, (finding,) if wrong else ())

    monkeypatch.setattr(LatentModel, "check", check)
    return seen


def test_a_right_derivation_gives_its_result(asked):
    result = assert_em("exponential-missing", data=DATA, seed=3, timeout=2.0)
    assert result.passed
    assert asked["model"].name == "exponential-missing"
    assert (asked["seed"], asked["timeout"]) == (3, 2.0)
    assert asked["data"] is DATA


def test_the_message_is_the_text_of_the_result(asked):
    with pytest.raises(AssertionError) as caught:
        assert_em(MODEL, m_step=too_large)
    text = str(caught.value)
    assert text.startswith("exponential-missing fails: the M step is wrong")
    assert "theta is 2 where 1 is expected" in text
    assert "hint: a factor 2" in text


def test_other_steps_do_not_use_the_log_likelihood_of_the_model(asked):
    assert_em(MODEL)
    assert asked["model"].log_likelihood is MODEL.log_likelihood
    assert_em(MODEL, lambda params, data: {}, objective="posterior")
    assert asked["model"].log_likelihood is None
    assert asked["model"].m_step is MODEL.m_step
    assert asked["model"].objective == "posterior"
    assert_em(MODEL, m_step=MODEL.m_step, log_likelihood=MODEL.log_likelihood)
    assert asked["model"].log_likelihood is MODEL.log_likelihood


def test_a_declaration_needs_its_latents_and_steps(asked):
    assert_em(MODEL.model, MODEL.e_step, MODEL.m_step, latents=["y_unobserved"], data=DATA)
    assert asked["model"].latents == ("y_unobserved",)
    assert asked["model"].model is MODEL.model
    with pytest.raises(DeclarationError, match="does not define latents"):
        assert_em(MODEL.model, MODEL.e_step, MODEL.m_step)
    with pytest.raises(DeclarationError, match="does not define e_step, m_step"):
        assert_em(MODEL.model, latents=["y_unobserved"])
    with pytest.raises(InputError, match="no model named"):
        assert_em("nothing-like-it")


def test_importing_it_is_cheap():
    code = (
        "import sys, latentfit.testing, latentfit._pytest_plugin\n"
        "heavy = {'pymc', 'pymc_extras', 'pytensor', 'arviz', 'matplotlib', 'pandas',"
        " 'scipy.stats', 'latentfit.check'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_entry_point_names_the_plugin():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (name,) = project["entry-points"]["pytest11"].values()
    assert importlib.import_module(name).__name__ == "latentfit._pytest_plugin"


def outcomes(folder: Path, text: str) -> str:
    """Run tests of somebody else's in another process; the last line that pytest prints."""
    (folder / "test_theirs.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "latentfit._pytest_plugin", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        # The plugin is named on the command line, whether or not it is installed.
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        timeout=300,
    )
    return done.stdout


def test_the_fixture_is_the_function(tmp_path):
    text = (
        "from latentfit import testing\n"
        "def test_it(assert_em):\n    assert assert_em is testing.assert_em\n"
    )
    assert "1 passed" in outcomes(tmp_path, text)


@pytest.mark.slow
def test_a_packages_own_tests(tmp_path):
    text = """
import latentfit

MODEL = latentfit.load("exponential-missing")

def half(params, data):
    return {"y_unobserved": MODEL.e_step(params, data)["y_unobserved"] / 2}

def test_right(assert_em):
    assert_em(MODEL, data=[5.0, 1.0, float("nan")])

def test_wrong(assert_em):
    assert_em(MODEL, e_step=half)
"""
    output = outcomes(tmp_path, text)
    assert "1 failed, 1 passed" in output
    assert "exponential-missing fails: the E step is wrong" in output
