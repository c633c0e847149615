"""Random-effects meta-analysis: one step by hand, equal errors, the eight schools, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("meta-analysis")
DATA = Path(__file__).parents[2] / "models" / "data"
THREE = {"y": np.array([1.0, 4.0, -2.0]), "se": np.array([1.0, 2.0, 0.5])}
PARAMS = {"mu": np.array(0.5), "tau": np.array(2.0)}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def schools():
    y, se = np.loadtxt(DATA / "eight-schools.csv", delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "se": se}


def test_example_is_the_table_of_colditz():
    trials = [(4, 119, 11, 128), (180, 1361, 372, 1079), (186, 50448, 141, 27197)]
    a, b, c, d = np.array(trials).T
    ratio = (a / (a + b)) / (c / (c + d))
    variance = 1 / a - 1 / (a + b) + 1 / c - 1 / (c + d)
    data = MODEL.example_data()
    assert len(data["y"]) == 13
    np.testing.assert_allclose(data["y"][[0, 5, 10]], np.log(ratio), atol=1e-6)
    np.testing.assert_allclose(data["se"][[0, 5, 10]], np.sqrt(variance), atol=1e-6)


def test_one_step_by_hand():
    found = MODEL.e_step(PARAMS, THREE)
    m = [0.5 * 4 / 5, 3.5 * 4 / 8, -2.5 * 4 / 4.25]
    variance = [4 / 5, 16 / 8, 1 / 4.25]
    np.testing.assert_allclose(found["b"], m)
    np.testing.assert_allclose(found["b2"], np.square(m) + variance)
    after = MODEL.m_step(found, THREE)
    mu = ((1 - m[0]) + (4 - m[1]) / 4 + (-2 - m[2]) * 4) / 5.25
    assert after["mu"] == pytest.approx(mu)
    assert after["tau"] == pytest.approx(np.sqrt(np.mean(np.square(m) + variance)))


def test_equal_errors_have_a_closed_form():
    y = np.array([1.0, 5.0, -3.0, 2.0, 9.0])
    fit = MODEL.fit({"y": y, "se": np.full(5, 1.5)}, seed=0, stopping=em.Stopping(distance=1e-11))
    assert fit.params["mu"] == pytest.approx(y.mean(), rel=1e-8)
    assert fit.params["tau"] ** 2 == pytest.approx(y.var() - 1.5**2, rel=1e-8)


def test_the_score_vanishes_at_the_limit():
    data = MODEL.example_data()
    fit = MODEL.fit(seed=0, stopping=em.Stopping(distance=1e-11))
    w = 1 / (data["se"] ** 2 + fit.params["tau"] ** 2)
    gap = data["y"] - fit.params["mu"]
    assert np.sum(w * gap) == pytest.approx(0, abs=1e-8)
    assert np.sum(w**2 * gap**2) == pytest.approx(np.sum(w), rel=1e-8)
    assert all(solution.decrease is None for solution in fit.solutions)


def test_eight_schools_lead_to_the_boundary():
    data = schools()
    stopping = em.Stopping(max_iterations=4000)
    fit = MODEL.fit(data, seed=0, starts=1, stopping=stopping, accelerate="none")
    tau = fit.best.trace.params["tau"]
    assert np.all(np.diff(tau[10:]) < 0)
    assert (tau[-1] / tau[2000]) ** 2 == pytest.approx(0.5, rel=0.05)
    w = data["se"] ** -2
    pooled = w @ data["y"] / w.sum()
    assert pooled == pytest.approx(7.6856, abs=1e-4)
    assert fit.params["mu"] == pytest.approx(pooled, abs=0.02)
    bottom = MODEL.log_likelihood({"mu": pooled, "tau": 0.0}, data)
    assert fit.log_likelihood < bottom
    assert fit.log_likelihood == pytest.approx(bottom, abs=0.01)
    accelerated = MODEL.fit(data, seed=0)
    assert all(solution.converged for solution in accelerated.solutions)
    assert accelerated.params["mu"] == pytest.approx(pooled, rel=1e-7)
    assert accelerated.log_likelihood == pytest.approx(bottom, abs=1e-7)


def test_zero_is_a_fixed_point():
    data = schools()
    found = MODEL.e_step({"mu": np.array(3.0), "tau": np.array(0.0)}, data)
    assert not found["b2"].any()
    assert MODEL.m_step(found, data)["tau"] == 0


def test_units_do_not_matter():
    data, tight = MODEL.example_data(), em.Stopping(distance=1e-11)
    other = {"y": 100 * data["y"] + 30, "se": 100 * data["se"]}
    one, two = (MODEL.fit(d, seed=0, starts=1, stopping=tight).params for d in (data, other))
    assert two["mu"] == pytest.approx(100 * one["mu"] + 30, rel=1e-8)
    assert two["tau"] == pytest.approx(100 * one["tau"], rel=1e-8)


def test_a_table_on_the_command_line(tmp_path, capsys):
    own = csv(tmp_path, "study,se,y\n1,1,0\n2,1,4\n3,1,-4\n")
    assert main(["fit", "meta-analysis", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["tau"] == pytest.approx(np.sqrt(32 / 3 - 1), rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1\n2,0\n", "se is 0 in row 2"),
        ("1,1\n", "y has a single value"),
        ("1,1\n,2\n", "y has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    assert main(["fit", "meta-analysis", "--data", csv(tmp_path, "y,se\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(latentfit.InputError, match="must be columns of the same length"):
        MODEL.fit({"y": [5, 9, 3], "se": [1, 2]})
