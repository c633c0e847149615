"""What the README shows is what there is."""

import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import latentfit

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def template() -> str:
    return resources.files("latentfit.cli").joinpath("model_file.py.txt").read_text("utf-8")


def test_the_model_file_is_the_one_that_new_writes():
    assert PYTHON[0] == template()


def test_the_models_of_the_table_are_in_the_catalogue():
    section = README.split("\n## Models\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| [^|`]+ \| ([^|]+) \|$", section, flags=re.MULTILINE)
    shown = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert shown
    assert set(shown) <= {entry.name for entry in latentfit.catalogue()}
    assert len(set(shown)) == len(shown)


def test_every_folder_of_the_layout_is_there():
    section = README.split("\n## Layout\n")[1].split("\n## ")[0]
    folders = re.findall(r"^\| `([a-z/]+)` \|", section, flags=re.MULTILINE)
    missing = [
        folder
        for folder in folders
        # Made by the first comparison.
        if folder != "reports" and not (Path(__file__).parents[1] / folder).is_dir()
    ]
    assert folders
    assert not missing


@pytest.mark.slow
def test_the_model_file_agrees_with_pymc_without_changes(tmp_path):
    (tmp_path / "lifetimes.py").write_text(PYTHON[0], encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "latentfit", "compare", "lifetimes.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_python_of_the_readme_runs():
    names: dict[str, object] = {}
    for block in PYTHON[1:]:
        exec(block, names)
    comparison = names["comparison"]
    assert comparison.agree is True
