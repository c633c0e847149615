"""Selection: a range in place of a value on the command line."""

import json
import subprocess
import sys
from math import log
from pathlib import Path

import pytest


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latentfit", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.mark.parametrize(
    ("command", "settings", "message"),
    [
        ("fit", ["components=1.."], "expected a whole number"),
        ("fit", ["components=..3"], "expected a whole number"),
        ("fit", ["components=a..b"], "also take a range, such as 1..6"),
        ("compare", ["components=3..1"], "a range must increase, as in 1..3"),
        ("fit", ["covariance=1..3"], "the default of covariance is 'full'"),
        ("fit", ["components=1..2", "covariance=1..3"], "only one option may be a range"),
        ("fit", ["nothing=1..2"], "no option 'nothing'; it has components, covariance"),
        ("fit", ["components=-2..0"], "components must be at least 1, not -2"),
        ("check", ["components=1..3"], "only fit and compare take a range"),
    ],
)
def test_a_range_that_cannot_be_used(tmp_path, command, settings, message):
    options = [part for setting in settings for part in ("--set", setting)]
    done = run(command, "gaussian-mixture", *options, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("latentfit: ")
    assert message in line


def test_standard_errors_are_of_one_value(tmp_path):
    done = run("fit", "coins", "--standard-errors", "--set", "x=1..2", cwd=tmp_path)
    assert done.returncode == 2
    assert "need a single value of x, not a range" in done.stderr


def test_fit_sets_the_values_side_by_side_without_pymc(tmp_path):
    program = (
        "import sys\n"
        "from latentfit.cli import main\n"
        "arguments = ['--set', 'components=1..3', '--json', 'a.json']\n"
        "status = main(['fit', 'gaussian-mixture', *arguments])\n"
        "heavy = [m for m in ('pymc', 'arviz_stats', 'matplotlib', 'scipy.stats')\n"
        "         if m in sys.modules]\n"
        "print(status, heavy, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stderr == "0 []\n"
    assert "components  log p(x | θ)  free" in done.stdout
    result = json.loads((tmp_path / "a.json").read_text())
    assert [row["value"] for row in result["values"]] == [1, 2, 3]
    assert [row["free_parameters"] for row in result["values"]] == [2, 5, 8]
    one = result["values"][1]
    assert one["bic"] == pytest.approx(-2 * one["log_likelihood"] + 5 * log(272))


def test_a_value_without_an_estimate_is_status_1_and_the_others_are_there(tmp_path):
    done = run("fit", "hidden-markov", "--set", "states=1..2", "--starts", "1", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    assert "states=1: states must be at least 2" in done.stdout


def test_short_runs_and_optima_are_in_the_json(tmp_path):
    done = run("fit", "coins", "--starts", "2", "--short-runs", "4", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["short_runs"]) == 4
    assert sum(one["kept"] for one in result["short_runs"]) == 2
    assert sum(one["count"] for one in result["optima"]) == 2


def test_an_output_path_that_exists_is_refused_before_anything_runs(tmp_path):
    (tmp_path / "components-2").write_text("")
    done = run("compare", "coins", "--set", "components=1..2", "--out", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "components-2 is a file, not a folder" in done.stderr


@pytest.mark.slow
def test_compare_writes_a_report_for_each_value(tmp_path):
    # With so few draws LOO is withheld, and the other criteria are computed.
    done = run(
        *("compare", "poisson-mixture", "--set", "components=1..2", "--out", "out"),
        *("--draws", "50", "--tune", "100", "--chains", "2", "--backend", "jax"),
        *("--json", "a.json"),
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    out = tmp_path / "out"
    for value in (1, 2):
        assert (out / f"components-{value}" / "report.html").is_file()
    result = json.loads((tmp_path / "a.json").read_text())
    assert result == json.loads((out / "selection.json").read_text())
    assert [row["report"] for row in result["values"]] == [
        "components-1/report.html", "components-2/report.html"
    ]  # fmt: skip
    assert all(row["loo"] is None for row in result["values"])
    assert "no LOO, as the chains cannot be trusted" in done.stdout
    assert result["preferred"] == {"aic": 2, "bic": 2, "icl": 1}
    assert 'href="components-2/report.html"' in (out / "selection.html").read_text()
