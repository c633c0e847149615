"""Mixture of Poisson distributions: one step by hand, known maxima, refusals."""

import json
import math

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("poisson-mixture")
FREQUENCIES = [162, 267, 271, 185, 111, 61, 27, 8, 3, 1]
START = {"w": np.array([0.3, 0.7]), "lam": np.array([1.0, 2.5])}


@pytest.fixture(scope="module")
def times():
    """The solution of EM for the example, at its maximum."""
    return MODEL.fit(seed=1, starts=1, accelerate="none").best


def run(x, start, **options):
    return em.run(
        MODEL.e_step,
        MODEL.maximise,
        {"x": np.array(x, float)},
        start,
        log_likelihood=MODEL.log_likelihood,
        accelerate="none",
        **options,
    )


def density(x, lam):
    return math.exp(-lam) * lam**x / math.factorial(x)


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def test_example_is_the_table_of_hasselblad():
    x = MODEL.example_data()["x"]
    assert np.bincount(x.astype(int)).tolist() == FREQUENCIES
    assert (len(x), x.sum()) == (1096, 2364)


def test_one_step_by_hand():
    x = [0, 1, 3]
    (w1, w2), (a, b) = START["w"], START["lam"]
    r = [w1 * density(i, a) / (w1 * density(i, a) + w2 * density(i, b)) for i in x]
    data = {"x": np.array(x, float)}
    expectations = MODEL.e_step(START, data)
    np.testing.assert_allclose(expectations["z"], [[one, 1 - one] for one in r], rtol=1e-13)
    after = MODEL.maximise(expectations, data, START)
    np.testing.assert_allclose(after["w"], [sum(r) / 3, 1 - sum(r) / 3], rtol=1e-13)
    first = (r[1] + 3 * r[2]) / sum(r)
    second = (1 - r[1] + 3 * (1 - r[2])) / (3 - sum(r))
    np.testing.assert_allclose(after["lam"], [first, second], rtol=1e-13)


def test_log_likelihood_by_hand():
    x = MODEL.example_data()["x"]
    (w1, w2), (a, b) = START["w"], START["lam"]
    by_hand = sum(
        n * math.log(w1 * density(i, a) + w2 * density(i, b)) for i, n in enumerate(FREQUENCIES)
    )
    assert MODEL.log_likelihood(START, {"x": x}) == pytest.approx(by_hand, rel=1e-13)


def test_published(times):
    order = np.argsort(times.params["lam"])
    for figure in MODEL.published:
        name, _, index = figure["name"].rstrip("]").partition("[")
        found = times.params[name][order][int(index)] if index else times.log_likelihood
        assert found == pytest.approx(figure["value"], abs=figure["tolerance"])


def gain(params, lam):
    """Derivative of the log-likelihood in the weight of a new group of this rate (Lindsay 1983)."""
    groups = list(zip(params["w"], params["lam"], strict=True))
    return sum(
        n * (density(i, lam) / sum(w * density(i, rate) for w, rate in groups) - 1)
        for i, n in enumerate(FREQUENCIES)
    )


def test_two_groups_are_stationary_and_only_a_rate_near_zero_increases_the_likelihood(times):
    for lam in times.params["lam"]:
        assert gain(times.params, lam) == pytest.approx(0, abs=1e-5)
    assert gain(times.params, 0) > 5
    assert max(gain(times.params, lam) for lam in np.linspace(0.7, 12, 300)) < 1e-4


def test_three_groups_maximise_the_likelihood(times):
    three = {
        "w": np.array([0.00672981, 0.38947644, 0.60379375]),
        "lam": np.array([0, 1.35544249, 2.69797657]),
    }
    data = MODEL.example_data()
    after = MODEL.maximise(MODEL.e_step(three, data), data, three)
    np.testing.assert_allclose(after["w"], three["w"], atol=1e-7)
    np.testing.assert_allclose(after["lam"], three["lam"], atol=1e-7)
    higher = MODEL.log_likelihood(three, data) - times.log_likelihood
    assert higher == pytest.approx(0.019, abs=5e-4)
    assert max(gain(three, lam) for lam in np.linspace(0, 12, 300)) < 1e-4


def test_slow_and_monotone(times):
    assert times.rate == pytest.approx(0.99567, abs=2e-4)
    assert times.decrease is None
    early = run(MODEL.example_data()["x"], START, stopping=em.Stopping(max_iterations=100))
    assert early.params["w"][0] == pytest.approx(0.310, abs=5e-4)
    assert times.log_likelihood - early.log_likelihood == pytest.approx(0.035, abs=5e-4)


def test_every_step_keeps_the_mean():
    x = np.array([0, 0, 1, 2, 2, 7, 9, 30.0])
    solution = run(x, START, stopping=em.Stopping(max_iterations=20))
    means = np.sum(solution.trace.params["w"] * solution.trace.params["lam"], axis=1)
    np.testing.assert_allclose(means[1:], x.mean(), rtol=1e-12)


def test_one_component_is_the_mean():
    x = np.array([3, 1, 4, 1, 5.0])
    fit = MODEL.fit(x, seed=0, components=1)
    assert fit.params["lam"] == pytest.approx([2.8])
    assert fit.log_likelihood == pytest.approx(sum(math.log(density(int(i), 2.8)) for i in x))


def test_groups_at_a_large_distance_are_two_samples():
    low, high = [1, 2, 1, 3, 5], [200, 210, 190]
    fit = MODEL.fit(np.array(low + high, float), seed=0)
    assert sorted(fit.params["lam"]) == pytest.approx([2.4, 200])
    assert sorted(fit.params["w"]) == pytest.approx([3 / 8, 5 / 8])


def test_large_counts_do_not_overflow():
    params = {"w": np.array([0.5, 0.5]), "lam": np.array([1.0, 1e6])}
    r = MODEL.e_step(params, {"x": np.array([0.0, 1e6])})["z"]
    np.testing.assert_array_equal(r, [[1, 0], [0, 1]])


def test_a_rate_may_go_to_zero():
    solution = run([0, 0, 0, 0, 1000, 1010], {"w": [0.5, 0.5], "lam": [100, 600]})
    assert solution.converged
    np.testing.assert_allclose(solution.params["lam"], [0, 1005], atol=1e-9)
    np.testing.assert_allclose(solution.params["w"], [2 / 3, 1 / 3])


def test_without_overdispersion_the_rates_coincide():
    fit = MODEL.fit(np.array([4, 5, 4, 5, 6, 4.0]), seed=0)
    np.testing.assert_allclose(fit.params["lam"], 14 / 3, rtol=1e-6)


def test_starts_differ_and_are_positive():
    x = np.array([0, 0, 0, 0, 0, 0, 1.0, 9])
    for seed in range(20):
        start = MODEL.initial({"x": x}, np.random.default_rng(seed), components=3)
        assert len(np.unique(start["lam"])) == 3
        assert (start["lam"] > 0).all()
        assert start["w"].sum() == pytest.approx(1)


def test_a_table_on_the_command_line(tmp_path, capsys):
    own = csv(tmp_path, "calls\n0\n1\n2\n2\n1\n14\n17\n12\n")
    assert main(["fit", "poisson-mixture", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)
    rates = sorted(np.ravel(found["parameters"]["lam"]))
    assert rates == pytest.approx([1.2, 43 / 3], rel=1e-2)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x\n0\n-1\n3\n", [], "x is -1 in row 2: a count is"),
        ("x\n0\n1.5\n3\n", [], "x is 1.5 in row 2: a count is"),
        ("x\n0\n0\n", [], "every value of x is zero"),
        ("x\n4\n", [], "1 distinct value, too few for 2 components"),
        ("x\n4\n4\n", [], "1 distinct value, too few for 2 components"),
        ("x\n4\n5\n4\n", ["--set", "components=3"], "2 distinct values, too few for 3"),
        ("x\n4\n5\n4\n", ["--set", "components=0"], "at least 1, not 0"),
        ("x,y\n4,1\nNA,2\n", [], "x has 1 missing value"),
        ("a,b\n4,1\n5,2\n", ["--column", "x=a", "--column", "x=b"], "x must be one column"),
    ],
)
def test_refusals(tmp_path, capsys, text, options, message):
    assert main(["fit", "poisson-mixture", "--data", csv(tmp_path, text), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
