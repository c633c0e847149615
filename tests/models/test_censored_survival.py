"""Censored and grouped lifetimes: closed forms, integrals, a general optimiser, refusals."""

import json

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import exp1, gamma, gammaincc

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("censored-survival")
DATA = MODEL.example_data()
EXACTLY = em.Stopping(distance=1e-10)
# Lifetimes that are known, right censored, left censored and grouped.
MIXED = {
    "time": np.array([[2.0, 2], [3, 3], [0, 4], [5, 7], [1, 6], [9, 9]]),
    "event": np.array([1, 0, 1, 1, 1, 0]),
    "group": np.array([1, 1, 1, 5, 5, 5]),
}
ENDS = [(3, np.inf), (0, 4), (5, 7), (1, 6), (9, np.inf)]
PARAMS = {"shape": np.array(1.7), "scale": np.array([4.0, 6.0])}
SCALE = np.array([4.0, 4, 6, 6, 6])


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def negative_log_likelihood(point, data, weibull=True):
    """-log p(x | θ) by SciPy's distribution, at the logarithms of the scales and the shape."""
    _, code = np.unique(data["group"], return_inverse=True)
    shape = np.exp(point[-1]) if weibull else 1.0
    z = stats.weibull_min(shape, scale=np.exp(point[code]))
    time = data["time"].reshape(len(code), -1)
    first, second = time[:, 0], time[:, -1]
    with np.errstate(divide="ignore"):
        within = np.log(z.sf(first) - z.sf(second))
    seen = np.where(first == second, z.logpdf(second), within)
    return -np.sum(np.where(data["event"] == 1, seen, z.logsf(second)))


def test_example_is_that_of_gehan():
    time, event, group = DATA["time"][:, 0], DATA["event"], DATA["group"]
    assert len(time) == 42
    for g, total, events in ((0, 182, 21), (1, 359, 9)):
        assert time[group == g].sum() == total
        assert event[group == g].sum() == events


def test_exponential_mean_by_integration():
    params = {"scale": PARAMS["scale"]}
    found = MODEL.e_step(params, MIXED)["z"]
    for mean, (low, high), scale in zip(found, ENDS, SCALE, strict=True):
        z = stats.expon(scale=scale)
        assert mean == pytest.approx(z.expect(lb=low, ub=high, conditional=True), rel=1e-7)


def test_weibull_mean_by_integration():
    found = MODEL.e_step(PARAMS, MIXED)["z"]
    for mean, (low, high), scale in zip(found, ENDS, SCALE, strict=True):
        z = stats.weibull_min(1.7, scale=scale)
        assert mean == pytest.approx(z.expect(lb=low, ub=high, conditional=True), rel=1e-7)


@pytest.mark.parametrize("shape", [0.5, 1.0, 1.7, 8.0])
@pytest.mark.parametrize("new", [0.2, 1.0, 2.5, 8.0])
def test_points_give_the_closed_forms(shape, new):
    """E[z^k | z > c] by the incomplete gamma function, and E[log z | z > c] by E1."""
    time = np.array([[0.5], [1.0], [3.0]])
    data = {"time": time, "event": np.zeros(3), "group": np.zeros(3)}
    params = {"shape": np.array(shape), "scale": np.array([2.0])}
    log_points = MODEL.e_step(params, data)["log_points"]
    t = np.arange(-72, 73) / 16
    weights = np.cosh(t) / np.cosh(np.pi / 2 * np.sinh(t)) ** 2
    weights /= weights.sum()
    hazard = (time[:, 0] / 2) ** shape
    order = 1 + new / shape
    power = 2.0**new * np.exp(hazard) * gamma(order) * gammaincc(order, hazard)
    np.testing.assert_allclose(weights @ np.exp(new * log_points), power, rtol=1e-11)
    logarithm = np.log(time[:, 0]) + np.exp(hazard) * exp1(hazard) / shape
    np.testing.assert_allclose(weights @ log_points, logarithm, rtol=1e-12, atol=1e-13)


def test_m_step_maximises_q():
    """A general optimiser maximises Q, with expectations over many quantiles."""
    after = MODEL.m_step(MODEL.e_step(PARAMS, MIXED), MIXED)
    u = (np.arange(20_000) + 0.5) / 20_000
    completed = [np.array([2.0])]
    for (low, high), scale in zip(ENDS, SCALE, strict=True):
        old = stats.weibull_min(1.7, scale=scale)
        completed.append(old.isf(old.sf(high) + u * (old.sf(low) - old.sf(high))))

    def q(point):
        k, total = np.exp(point[2]), 0.0
        for z, scale in zip(completed, np.exp(point[:2])[[0, 0, 0, 1, 1, 1]], strict=True):
            power = (z / scale) ** k
            total += np.mean(np.log(k / z * power) - power)
        return -total

    direct = minimize(q, np.log([4, 6, 1.7]), tol=1e-10).x
    found = np.log([*after["scale"], after["shape"]])
    np.testing.assert_allclose(found, direct, atol=1e-4)


def test_m_step_of_exponential_lifetimes_by_hand():
    after = MODEL.m_step({"z": np.array([7, 2, 6, 4, 15.0])}, MIXED)
    assert after.keys() == {"scale"}
    np.testing.assert_allclose(after["scale"], [(2 + 7 + 2) / 3, (6 + 4 + 15) / 3])


@pytest.mark.parametrize("weibull", [False, True])
def test_log_likelihood_by_hand(weibull):
    params = PARAMS if weibull else {"scale": PARAMS["scale"]}
    point = np.log([4, 6, 1.7])
    for data in (MIXED, DATA):
        by_hand = -negative_log_likelihood(point, data, weibull)
        assert MODEL.log_likelihood(params, data) == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("distribution", ["exponential", "weibull"])
@pytest.mark.parametrize("seed", range(3))
def test_a_general_optimiser_finds_the_same_maximum(distribution, seed):
    rng = np.random.default_rng(seed)
    weibull = distribution == "weibull"
    z = (3.0 + 4 * np.arange(60) // 30) * rng.weibull(1.6, 60)
    looks = np.column_stack([np.floor(z), np.ceil(z)])
    time = np.where(rng.random((60, 1)) < 0.5, z[:, None], looks)
    event = (z < 5).astype(float)
    time[event == 0] = 5
    data = {"time": time, "event": event, "group": np.arange(60) // 30}
    fit = MODEL.fit(data, seed=seed, starts=2, stopping=EXACTLY, distribution=distribution)
    assert fit.converged
    assert all(solution.decrease is None for solution in fit.solutions)
    size = 3 if weibull else 2
    direct = minimize(negative_log_likelihood, np.ones(size), args=(data, weibull), tol=1e-10)
    assert fit.log_likelihood == pytest.approx(-direct.fun, rel=1e-9)
    np.testing.assert_allclose(fit.params["scale"], np.exp(direct.x[:2]), rtol=1e-3)


def test_exponential_lifetimes_have_a_closed_form_and_a_rate():
    fit = MODEL.fit(seed=1, stopping=EXACTLY, distribution="exponential")
    np.testing.assert_allclose(fit.params["scale"], [182 / 21, 359 / 9], rtol=1e-8)
    assert fit.best.rate == pytest.approx(12 / 21, abs=1e-4)


def test_the_rate_in_the_docstring():
    assert MODEL.fit(seed=1, starts=1).best.rate == pytest.approx(0.689, abs=1e-3)


def test_the_unit_of_time_does_not_matter():
    ours = MODEL.fit(seed=1, stopping=EXACTLY)
    theirs = MODEL.fit({**DATA, "time": DATA["time"] * 7 * 86400}, seed=1, stopping=EXACTLY)
    assert theirs.params["shape"] == pytest.approx(ours.params["shape"], rel=1e-8)
    np.testing.assert_allclose(theirs.params["scale"], ours.params["scale"] * 604800, rtol=1e-8)


def test_narrow_groups_are_known_lifetimes():
    rng = np.random.default_rng(1)
    z = rng.weibull(2, 40)
    time = np.column_stack([z - 1e-5, z + 1e-5])
    time[0] = z[0]
    data = {"time": time, "event": np.ones(40), "group": np.zeros(40)}
    shape, _, scale = stats.weibull_min.fit(z, floc=0)
    fit = MODEL.fit(data, seed=1)
    assert fit.params["shape"] == pytest.approx(shape, rel=1e-4)
    assert fit.params["scale"][0] == pytest.approx(scale, rel=1e-4)


def test_new_data_are_censored_and_grouped_as_the_data_are():
    n = 3000
    kinds = np.arange(n) % 3
    time = np.array([[2.0, 2.0], [3.0, 3.0], [1.0, 4.0]])[kinds]
    event = np.array([1.0, 0.0, 1.0])[kinds]
    data = {"time": time, "event": event, "group": np.zeros(n)}
    params = {"shape": np.array(1.5), "scale": np.array([3.0])}
    drawn = MODEL.simulate(params, data, np.random.default_rng(1))
    time, event = drawn["time"], drawn["event"]
    survival = stats.weibull_min(1.5, scale=3).sf
    known, censored, grouped = (kinds == k for k in range(3))
    assert event[known].all()
    assert np.mean(time[known, 0] > 3) == pytest.approx(survival(3), abs=0.04)
    assert np.mean(event[censored] == 0) == pytest.approx(survival(3), abs=0.04)
    assert time[censored & (event == 1)].max() <= 3
    for bounds, happened, share in (
        ((0, 1), 1, 1 - survival(1)),
        ((1, 4), 1, survival(1) - survival(4)),
        ((4, 4), 0, survival(4)),
    ):
        those = (time[grouped] == bounds).all(axis=1) & (event[grouped] == happened)
        assert np.mean(those) == pytest.approx(share, abs=0.04)


def test_a_table_of_known_and_censored_lifetimes(tmp_path, capsys):
    rows = "time,event,group,age\n2,1,3,50\n4,1,3,60\n6,0,3,70\n5,1,9,50\n5,0,9,55\n"
    arguments = ["--data", csv(tmp_path, rows), "--set", "distribution=exponential"]
    assert main(["fit", "censored-survival", *arguments, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["scale"] == pytest.approx([12 / 2, 10 / 1], rel=1e-6)


def test_a_table_of_grouped_lifetimes(tmp_path, capsys):
    """Of ten units two die before 1 and three more before 2, which determines both parameters."""
    rows = ["0,1,1,0"] * 2 + ["1,2,1,0"] * 3 + ["2,2,0,0"] * 5
    own = csv(tmp_path, "after,until,event,group\n" + "\n".join(rows) + "\n")
    assert main(["fit", "censored-survival", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    hazards = -np.log([0.8, 0.5])
    shape = np.log2(hazards[1] / hazards[0])
    assert found["shape"] == pytest.approx(shape, rel=1e-5)
    assert found["scale"] == pytest.approx([hazards[0] ** (-1 / shape)], rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("2,1,0\n-3,0,0\n", "time is -3 in row 2"),
        ("2,1,0\n3,2,0\n", "event is 2 in row 2"),
        ("2,1,0\n0,1,0\n3,0,0\n", "row 2: an event at time 0"),
        ("2,1,0\n3,1,0\n", "every lifetime is known exactly"),
        ("2,1,0\n3,0,4\n", "group 4 has no event"),
        ("2,1,0\n1,0,0\n", "the estimate of the shape is infinite"),
        ("2,1,0\n,0,0\n", "time has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    own = csv(tmp_path, "time,event,group\n" + rows)
    assert main(["fit", "censored-survival", "--data", own]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("3,2,1,0\n", "row 1: the first time is 3, which is after the second, 2"),
        ("0,2,1,7\n0,1,1,7\n", "in group 7 every event may have happened at time 0"),
    ],
)
def test_refusals_of_grouped_lifetimes(tmp_path, capsys, rows, message):
    own = csv(tmp_path, "after,until,event,group\n" + rows)
    assert main(["fit", "censored-survival", "--data", own]) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_distribution_is_refused(capsys):
    assert main(["fit", "censored-survival", "--set", "distribution=gamma"]) == 2
    assert "distribution must be exponential or weibull, not 'gamma'" in capsys.readouterr().err
