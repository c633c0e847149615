"""The command line, run as another process."""

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit.cli import main
from latentfit.declaration import _catalogue

HEAVY = (
    "pymc",
    "pymc_extras",
    "pytensor",
    "numba",
    "arviz",
    "matplotlib",
    "scipy.stats",
    "pandas",
)


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "latentfit", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=120,
    )


def refusal(*arguments: object, cwd: Path) -> str:
    """The one line with which bad input is refused."""
    done = run(*arguments, cwd=cwd)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("latentfit: ")
    return lines[0]


@pytest.fixture
def lifetimes(tmp_path: Path) -> Path:
    """A folder with the file that ``latentfit new lifetimes`` writes."""
    done = run("new", "lifetimes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return tmp_path


def csv(folder: Path, text: str) -> str:
    (folder / "data.csv").write_text(text)
    return "data.csv"


class TestHelp:
    def test_names_the_commands_and_the_exit_status(self, tmp_path):
        done = run("--help", cwd=tmp_path)
        assert done.returncode == 0
        for word in ("models", "fit", "compare", "new", "Exit status"):
            assert word in done.stdout

    def test_version(self, tmp_path):
        done = run("--version", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, f"latentfit {latentfit.__version__}\n")

    @pytest.mark.parametrize("command", ["models", "fit", "compare", "new"])
    def test_every_command_takes_the_common_options(self, tmp_path, command):
        text = run(command, "--help", cwd=tmp_path).stdout
        for option in ("--json", "--quiet", "--debug"):
            assert option in text

    @pytest.mark.parametrize(
        "arguments",
        [
            ("--help",),
            ("models",),
            ("new", "fresh"),
            ("fit", "lifetimes.py"),
            ("fit", "gaussian-mixture", "--quiet"),
            ("fit", "--help"),
        ],
    )
    def test_starts_without_the_heavy_imports(self, lifetimes, arguments):
        program = (
            "import sys\n"
            "from latentfit.cli import main\n"
            f"assert main({list(arguments)!r}) == 0\n"
            f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=lifetimes, capture_output=True, text=True
        )
        assert done.stderr == "[]\n"


class TestModels:
    def test_lists_the_catalogue(self, tmp_path):
        done = run("models", cwd=tmp_path)
        entries = latentfit.catalogue()
        assert {"exponential-missing", "gaussian-mixture"} <= {entry.name for entry in entries}
        assert len(done.stdout.splitlines()) == len(entries)
        for entry, line in zip(entries, done.stdout.splitlines(), strict=True):
            assert line.split(maxsplit=1) == [entry.name, entry.title]

    def test_json(self, tmp_path):
        listed = json.loads(run("models", "--json", "-", cwd=tmp_path).stdout)
        assert [entry["name"] for entry in listed] == [e.name for e in latentfit.catalogue()]

    def test_a_reader_that_leaves_early(self, tmp_path):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "latentfit", "models"],
            cwd=tmp_path,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(write)
        assert (done.returncode, done.stderr) == (0, "")


class TestNew:
    def test_writes_the_template_under_the_name_of_a_module(self, tmp_path):
        done = run("new", "My-Lifetimes", cwd=tmp_path)
        for command in ("fit", "check", "compare"):
            assert f"latentfit {command} My_Lifetimes.py" in done.stdout
        template = resources.files("latentfit.cli").joinpath("model_file.py.txt").read_text()
        assert (tmp_path / "My_Lifetimes.py").read_text() == template
        assert len(template.splitlines()) < 40

    def test_the_title_of_the_template_is_like_those_of_the_catalogue(self, lifetimes):
        title = latentfit.load(lifetimes / "lifetimes.py").title
        assert title[:1].isupper()
        assert not title.endswith(".")

    def test_suggests_the_catalogue_name_in_the_folder_of_the_catalogue(
        self, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(_catalogue, "_catalogue_folder", lambda: tmp_path)
        assert main(["new", "mixture-of-2-lifetimes"]) == 0
        assert (tmp_path / "mixture_of_2_lifetimes.py").is_file()
        assert "latentfit check mixture-of-2-lifetimes  " in capsys.readouterr().out

    def test_never_overwrites(self, lifetimes):
        before = (lifetimes / "lifetimes.py").read_text()
        (lifetimes / "lifetimes.py").write_text("mine = True\n")
        assert "exists already" in refusal("new", "lifetimes", cwd=lifetimes)
        assert (lifetimes / "lifetimes.py").read_text() == "mine = True\n" != before

    @pytest.mark.parametrize("name", ["a/b", "2nd", "", "my model", "_own"])
    def test_a_wrong_name_is_refused(self, tmp_path, name):
        assert "cannot be the name of a model" in refusal("new", name, cwd=tmp_path)
        assert not list(tmp_path.iterdir())


class TestFit:
    def test_the_template_without_changes(self, lifetimes):
        done = run("fit", "lifetimes.py", "--json", "fit.json", cwd=lifetimes)
        assert (done.returncode, done.stderr) == (0, "")
        assert "lam" in done.stdout
        fit = json.loads((lifetimes / "fit.json").read_text())
        assert fit["model"] == "lifetimes"
        assert fit["converged"] is True
        assert fit["seed"] == 0
        assert len(fit["starts"]) == 5

        # At a maximum of the likelihood the weighted mean of 1/λ is the sample mean: the M step
        # for λ, summed over components.
        y = latentfit.load(lifetimes / "lifetimes.py").example_data()["y"]
        w, lam = (np.array(fit["parameters"][name]) for name in ("w", "lam"))
        assert w.sum() == pytest.approx(1, abs=1e-12)
        assert (w / lam).sum() == pytest.approx(y.mean(), rel=1e-7)

    def test_the_same_seed_gives_the_same_figures(self, lifetimes):
        command = ("fit", "lifetimes.py", "--json", "-", "--starts", 2)
        first, again, other = (
            run(*command, "--seed", seed, cwd=lifetimes).stdout for seed in (4, 4, 5)
        )
        assert json.loads(first) == json.loads(again)
        assert json.loads(first)["starts"] != json.loads(other)["starts"]

    def test_a_column_of_a_table(self, lifetimes):
        table = csv(lifetimes, "who,t\n" + "".join(f"a,{t}\n" for t in (1, 2, 3, 40, 50)))
        by_name = run("fit", "lifetimes.py", "--data", table, "--column", "y=t", cwd=lifetimes)
        alone = run("fit", "lifetimes.py", "--data", table, "--column", "t", cwd=lifetimes)
        found = run("fit", "lifetimes.py", "--data", table, cwd=lifetimes)
        assert by_name.returncode == 0, by_name.stderr
        assert by_name.stdout == alone.stdout == found.stdout

    def test_quiet_prints_nothing_and_still_writes_json(self, lifetimes):
        done = run("fit", "lifetimes.py", "--quiet", "--json", "fit.json", cwd=lifetimes)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert json.loads((lifetimes / "fit.json").read_text())["converged"]

    def test_json_on_stdout_is_nothing_but_json(self, lifetimes):
        assert json.loads(run("fit", "lifetimes.py", "--json", "-", cwd=lifetimes).stdout)

    def test_standard_errors(self, tmp_path):
        result = run(
            "fit", "genetic-linkage", "--standard-errors", "--bootstrap", "40", "--json", "-",
            cwd=tmp_path,
        )  # fmt: skip
        found = json.loads(result.stdout)["standard_errors"]
        assert found["observed"]["theta"] == pytest.approx(0.05147, abs=5e-6)
        # Forty replicates: a ninth of it, four times.
        assert found["bootstrap"]["theta"] == pytest.approx(0.05147, rel=4 / np.sqrt(80))

    def test_a_limit_on_iterations_is_status_1(self, lifetimes):
        done = run(
            "fit", "lifetimes.py", "--max-iterations", 2, "--json", "fit.json", cwd=lifetimes
        )
        assert done.returncode == 1, done.stderr
        fit = json.loads((lifetimes / "fit.json").read_text())
        assert (fit["converged"], fit["iterations"]) == (False, 2)

    def test_an_option_of_the_model(self, tmp_path):
        command = ("fit", "gaussian-mixture", "--starts", 1, "--json", "-")
        done = run(*command, "--set", "components=3", cwd=tmp_path)
        fit = json.loads(done.stdout)
        assert all(np.shape(value) == (3,) for value in fit["parameters"].values())


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ((), "Missing command"),
            (("fti",), "No such command 'fti'"),
            (("fit",), "Missing argument 'TARGET'"),
            (("fit", "lifetimes.py", "--seed", "x"), "--seed"),
            (("fit", "lifetimes.py", "--starts", "0"), "--starts"),
            (("fit", "lifetimes.py", "--tolerance", "0"), "--tolerance"),
            (("fit", "lifetimes.py", "--set", "components"), "name=value"),
            (("fit", "lifetimes.py", "--column", "y"), "--column needs --data"),
            (("fit", "lifetimes.py", "--json", "absent/fit.json"), "no folder absent"),
            (("fit", "lifetimes.py", "--json", "."), "a folder"),
            (("compare", "lifetimes.py", "--chains", "0"), "--chains"),
        ],
    )
    def test_bad_usage(self, lifetimes, arguments, message):
        assert message in refusal(*arguments, cwd=lifetimes)


class TestBadInput:
    def test_unknown_model(self, tmp_path):
        assert "did you mean gaussian-mixture?" in refusal("fit", "gausian-mixture", cwd=tmp_path)

    def test_unknown_file(self, tmp_path):
        assert "absent.py: no such model file" in refusal("fit", "absent.py", cwd=tmp_path)

    def test_unknown_option_of_the_model(self, tmp_path):
        line = refusal("fit", "gaussian-mixture", "--set", "component=3", cwd=tmp_path)
        assert "'component'" in line
        assert "components" in line.replace("'component'", "")

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("y\n1\ntwo\n3\n", "line 3: column 'y' holds 'two'"),
            ("y\nNA\n\t\nNA\n", "nothing but missing values"),
            ("y\n1\ninf\n", "line 3: column 'y' holds inf"),
            ("y,x\n1,2\n3\n", "line 3: 1 cell, but the header has 2"),
            ("", "empty"),
            ("a,b\n1,2\n", "no column 'y'"),
            ("y\n1\nNA\n3\n", "missing value"),
        ],
    )
    def test_tables(self, lifetimes, table, message):
        line = refusal("fit", "lifetimes.py", "--data", csv(lifetimes, table), cwd=lifetimes)
        assert message in line

    def test_missing_file(self, lifetimes):
        line = refusal("fit", "lifetimes.py", "--data", "absent.csv", cwd=lifetimes)
        assert "absent.csv: no such file" in line

    def test_column_not_there(self, lifetimes):
        table = csv(lifetimes, "x,y\n1,2\n")
        line = refusal("fit", "lifetimes.py", "--data", table, "--column", "z", cwd=lifetimes)
        assert "no column 'z'; the columns are x, y" in line

    @pytest.mark.parametrize(
        ("table", "settings", "message"),
        [
            ("y\n7\n", (), "single value"),
            ("y\n" + 20 * "7\n", (), "equal"),
            ("y\n" + 10 * "7\n10\n", ("--set", "components=3"), "2 distinct values"),
        ],
        ids=["one row", "constant", "more components than distinct points"],
    )
    def test_data_that_a_gaussian_mixture_has_no_maximum_for(
        self, tmp_path, table, settings, message
    ):
        command = ("fit", "gaussian-mixture", "--data", csv(tmp_path, table), *settings)
        assert message in refusal(*command, cwd=tmp_path)

    @pytest.mark.parametrize("components", ["0", "-1", "1.5", "three"])
    def test_values_that_an_option_cannot_have(self, tmp_path, components):
        line = refusal("fit", "gaussian-mixture", "--set", f"components={components}", cwd=tmp_path)
        assert "components" in line
        assert "raised" not in line

    def test_errors_in_the_functions_of_a_model_say_where(self, lifetimes):
        path = lifetimes / "lifetimes.py"
        path.write_text(path.read_text().replace('r = expectations["z"]', "r = expectations[0]"))
        line = refusal("fit", "lifetimes.py", cwd=lifetimes)
        assert "m_step raised KeyError" in line
        number = path.read_text().split("expectations[0]")[0].count("\n") + 1
        assert f"lifetimes.py, line {number}" in line

    def test_debug_shows_the_traceback_before_the_line(self, lifetimes):
        done = run("fit", "lifetimes.py", "--data", "absent.csv", "--debug", cwd=lifetimes)
        assert done.returncode == 2
        assert done.stderr.startswith("Traceback")
        assert done.stderr.splitlines()[-1].startswith("latentfit: absent.csv: no such file")


def test_errors_of_our_own_are_one_line_too(monkeypatch, capsys):
    def broken() -> None:
        raise RuntimeError("on two\nlines")

    monkeypatch.setattr("latentfit.declaration.catalogue", broken)
    assert main(["models"]) == 2
    line = capsys.readouterr().err
    assert line == "latentfit: RuntimeError: on two lines (unexpected; --debug shows where)\n"


def test_timings_go_to_stderr(tmp_path: Path):
    done = run("fit", "exponential-missing", "--timings", cwd=tmp_path)
    plain = run("fit", "exponential-missing", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == plain.stdout
    assert plain.stderr == ""
    stages = [line.rsplit(maxsplit=2)[0] for line in done.stderr.splitlines()]
    assert stages == ["imports", "EM", "everything else", "in all"]


@pytest.mark.parametrize("command", [("models",), ("new", "lifetimes")])
def test_every_command_has_timings(tmp_path: Path, command):
    done = run(*command, "--timings", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith("in all")


def test_what_is_refused_has_no_timings(tmp_path: Path):
    assert "no-such-model" in refusal("fit", "no-such-model", "--timings", cwd=tmp_path)
