"""Reading model files: the catalogue, errors, and PyMC left alone."""

import subprocess
import sys
from pathlib import Path

import pytest

import latentfit
from latentfit.errors import DeclarationError, InputError

ROOT = Path(__file__).resolve().parents[2]

MODEL = '''"""A title.

The derivation.
"""
import pymc as pm
import pytensor.tensor as pt

def model(y):
    with pm.Model() as model:
        pm.Exponential("y", pm.Gamma("theta", 1, 1), observed=y)
    return model

latents = ("y_unobserved",)

def e_step(params, data):
    return {"y_unobserved": 1 / params["theta"]}

def m_step(expectations, data):
    return {"theta": 1.0}
'''


def write(folder, text, name="my_model.py"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_catalogue_names_and_titles():
    entries = {entry.name: entry for entry in latentfit.catalogue()}
    assert {"exponential-missing", "gaussian-mixture"} <= entries.keys()
    assert all(entry.title and entry.path.is_file() for entry in entries.values())


def test_a_file_becomes_a_model(tmp_path):
    model = latentfit.load(write(tmp_path, MODEL))
    assert (model.name, model.title, model.derivation) == (
        "my-model",
        "A title.",
        "The derivation.",
    )
    assert model.arguments == ("y",)
    assert model.latents == ("y_unobserved",)


@pytest.mark.parametrize("name", ["gaussian-mixture", "gaussian_mixture"])
def test_either_spelling_of_a_name(name):
    assert latentfit.load(name).name == "gaussian-mixture"


def test_unknown_names_get_the_nearest():
    with pytest.raises(InputError, match="did you mean gaussian-mixture"):
        latentfit.load("gausian-mixture")
    with pytest.raises(InputError, match="no such model file"):
        latentfit.load("nowhere/model.py")


@pytest.mark.parametrize("part", ["model", "latents", "e_step", "m_step"])
def test_a_missing_part_is_named(tmp_path, part):
    text = MODEL.replace(f"def {part}(", f"def _{part}(").replace(f"{part} = ", f"_{part} = ")
    with pytest.raises(DeclarationError, match=rf"; {part} is missing"):
        latentfit.load(write(tmp_path, text))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("def broken(:", r"line \d+: invalid syntax"),
        ("undefined + 1", r"line \d+: NameError: name 'undefined'"),
        ("import no_such_package", r"ModuleNotFoundError: No module named 'no_such_package'"),
    ],
)
def test_a_file_that_does_not_run_is_an_input_error_with_its_line(tmp_path, line, message):
    with pytest.raises(InputError, match=message):
        latentfit.load(write(tmp_path, MODEL + line + "\n"))


def test_a_wrong_objective_is_named(tmp_path):
    with pytest.raises(DeclarationError, match="not 'prior'"):
        latentfit.load(write(tmp_path, MODEL + 'objective = "prior"\n'))


def run(code):
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=120
    )


def test_pymc_is_imported_only_when_it_is_used(tmp_path):
    """The file says ``import pymc as pm`` at its top, and ``import pytensor.tensor as pt``."""
    path = write(tmp_path, MODEL)
    done = run(
        f"import sys, latentfit\n"
        f"model = latentfit.load({str(path)!r})\n"
        f"assert not any(name.startswith(('pymc', 'pytensor')) for name in sys.modules)\n"
        f"model.declare([1.0, float('nan')])\n"
        f"assert 'pymc.model' in sys.modules\n"
        f"import pymc; assert pymc.Model is sys.modules['pymc'].Model\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "line", ["from pymc import Gamma", "from pytensor.tensor import log", "import pymc.math"]
)
def test_names_imported_from_pymc_still_work(tmp_path, line):
    path = write(tmp_path, MODEL.replace("import pymc as pm", f"{line}\nimport pymc as pm"))
    done = run(f"import latentfit\nprint(latentfit.load({str(path)!r}).arguments)")
    assert (done.returncode, done.stdout) == (0, "('y',)\n"), done.stderr
