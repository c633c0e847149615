"""One-way random effects: one step by hand, the closed form of equal groups, refusals."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("random-effects")
DATA = Path(__file__).parents[2] / "models" / "data"
UNEQUAL = {
    "y": np.array([3.0, 4.5, 1.0, 0.0, 0.5, 1.4, 7.0]),
    "group": np.array([1, 1, 4, 4, 4, 4, 2.5]),
}
PARAMS = {"mu": np.array(1.2), "tau": np.array(2.0), "sigma": np.array(0.7)}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def read(name):
    y, group = np.loadtxt(DATA / name, delimiter=",", skiprows=1, unpack=True)
    return {"y": y, "group": group}


def covariance(params, data):
    same = np.equal.outer(data["group"], data["group"])
    return params["tau"] ** 2 * same + params["sigma"] ** 2 * np.eye(len(same))


def balanced(groups, size, between, seed):
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    return {
        "y": between * rng.normal(size=groups)[group] + rng.normal(size=len(group)),
        "group": group.astype(float),
    }


def closed_form(data, size):
    rows = data["y"].reshape(-1, size)
    sigma2 = np.sum((rows - rows.mean(axis=1, keepdims=True)) ** 2) / (len(rows) * (size - 1))
    return rows.mean(), np.var(rows.mean(axis=1)) - sigma2 / size, sigma2


def test_example_is_the_table_of_davies():
    data = read("dyestuff.csv")
    rows = data["y"].reshape(6, 5)
    assert rows.mean(axis=1).tolist() == [1505, 1528, 1564, 1498, 1600, 1470]
    assert np.sum((rows - rows.mean(axis=1, keepdims=True)) ** 2) == 58830
    assert 5 * 6 * np.var(rows.mean(axis=1)) == pytest.approx(56357.5)


def test_e_step_is_that_of_the_joint_normal_distribution():
    names = np.unique(UNEQUAL["group"])
    with_units = PARAMS["tau"] ** 2 * np.equal.outer(names, UNEQUAL["group"])
    gain = with_units @ np.linalg.inv(covariance(PARAMS, UNEQUAL))
    mean = gain @ (UNEQUAL["y"] - PARAMS["mu"])
    variance = PARAMS["tau"] ** 2 - np.sum(gain * with_units, axis=1)
    found = MODEL.e_step(PARAMS, UNEQUAL)
    np.testing.assert_allclose(found["b"], mean, rtol=1e-12)
    np.testing.assert_allclose(found["b2"], mean**2 + variance, rtol=1e-12)


def test_m_step_with_the_effects_known():
    y, b, code = UNEQUAL["y"], np.array([1.0, 5.0, -1.0]), np.array([0, 0, 2, 2, 2, 2, 1])
    found = MODEL.m_step({"b": b, "b2": b**2}, UNEQUAL)
    assert found["mu"] == pytest.approx(np.mean(y - b[code]))
    assert found["tau"] == pytest.approx(np.sqrt(9))
    assert found["sigma"] == pytest.approx(np.std(y - b[code]))


def test_log_likelihood_is_that_of_the_joint_normal_distribution():
    mean = np.full(7, PARAMS["mu"])
    expected = stats.multivariate_normal(mean, covariance(PARAMS, UNEQUAL)).logpdf(UNEQUAL["y"])
    assert MODEL.log_likelihood(PARAMS, UNEQUAL) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_groups_of_one_size_have_a_closed_form(seed):
    data = balanced(8, 4, 1.5, seed)
    fit = MODEL.fit(data, seed=seed, stopping=em.Stopping(distance=1e-10))
    mu, tau2, sigma2 = closed_form(data, 4)
    assert tau2 > 0
    found = [fit.params["mu"], fit.params["tau"] ** 2, fit.params["sigma"] ** 2]
    np.testing.assert_allclose(found, [mu, tau2, sigma2], rtol=1e-8, atol=1e-8)
    assert all(solution.decrease is None for solution in fit.solutions)


def test_units_and_names_of_groups_do_not_matter():
    data = balanced(6, 3, 2.0, 4)
    other = {"y": 1000 * data["y"] + 5e5, "group": 17 - 2 * data["group"]}
    one, two = (MODEL.fit(d, seed=0).params for d in (data, other))
    assert two["mu"] == pytest.approx(1000 * one["mu"] + 5e5, rel=1e-7)
    assert two["tau"] == pytest.approx(1000 * one["tau"], rel=1e-6)
    assert two["sigma"] == pytest.approx(1000 * one["sigma"], rel=1e-6)


def test_rate_is_the_mean_shrinkage():
    fit = MODEL.fit(seed=1)
    tau2, sigma2 = fit.params["tau"] ** 2, fit.params["sigma"] ** 2
    assert fit.best.rate == pytest.approx(5 * tau2 / (sigma2 + 5 * tau2), abs=1e-3)


def test_effects_vanish_without_variance_between_groups():
    found = MODEL.e_step({**PARAMS, "tau": np.array(0.0)}, UNEQUAL)
    assert not found["b"].any()
    assert not found["b2"].any()


def test_groups_that_differ_less_than_by_chance_converge_to_the_boundary():
    data, stopping = read("dyestuff2.csv"), em.Stopping(max_iterations=3000)
    slow = MODEL.fit(data, seed=0, starts=1, stopping=stopping, accelerate="none")
    tau = slow.best.trace.params["tau"]
    assert np.all(np.diff(tau) < 0)
    # tau² is about 1 / (c t): twice the number of iterations halves it.
    assert (tau[-1] / tau[1500]) ** 2 == pytest.approx(0.5, rel=0.05)
    assert slow.params["sigma"] == pytest.approx(np.std(data["y"]), rel=1e-3)
    fit = MODEL.fit(data, seed=0, stopping=stopping)
    assert all(solution.converged for solution in fit.solutions)
    assert fit.params["tau"] < 1e-4
    assert fit.params["sigma"] == pytest.approx(np.std(data["y"]), rel=1e-8)


@pytest.mark.slow
def test_a_variance_of_zero_is_reported():
    data = read("dyestuff2.csv")
    check = MODEL.check(data, seed=0)
    assert check.passed
    (note,) = check.findings
    assert (note.name, note.severity) == ("boundary", "warning")
    assert "tau is at a bound of its range" in note.message
    found = MODEL.compare(data, seed=0, draws=500, backend="jax")
    assert found.agree
    (tau,) = (row for row in found.parameters if row.name == "tau")
    assert tau.at_edge
    assert np.isnan(tau.em_se)
    assert max(tau.em, tau.mle, tau.map) < 1e-4 * tau.posterior_sd
    verdicts = {verdict.id: verdict for verdict in found.verdicts}
    assert "tau is on the boundary" in verdicts["em_in_posterior"].detail


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = "".join(f"{g},{y}\n" for g, y in [(1, 0), (1, 2), (2, 9), (2, 11), (3, 4), (3, 6)])
    assert (
        main(["fit", "random-effects", "--data", csv(tmp_path, "group,y\n" + rows), "--json", "-"])
        == 0
    )
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["mu"] == pytest.approx(16 / 3, rel=1e-6)
    assert found["sigma"] == pytest.approx(np.sqrt(2), rel=1e-6)
    assert found["tau"] == pytest.approx(np.sqrt(np.var([1, 10, 5]) - 1), rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1\n2,1\n4,1\n", "group has 1 distinct value, too few for 2 groups"),
        ("1,1\n2,2\n4,3\n", "no group has more than one unit"),
        ("1,1\n1,1\n4,2\n4,2\n", "the units of each group are equal"),
        ("1,1\n,1\n4,2\n5,2\n", "y has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    assert main(["fit", "random-effects", "--data", csv(tmp_path, "y,group\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(latentfit.InputError, match="must be columns of the same length"):
        MODEL.fit({"y": [5, 9, 3], "group": [1, 2]})
