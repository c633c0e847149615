"""Two coins: the published steps, one step by hand, refusals."""

import json
import math

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("coins")
DATA = MODEL.example_data()
START = {"theta": np.array([0.6, 0.5])}


def fitted(data, start, **options):
    return em.run(
        MODEL.e_step, MODEL.m_step, data, start, log_likelihood=MODEL.log_likelihood, **options
    )


def sets(heads, tosses):
    return {"heads": np.array(heads, float), "tosses": np.array(tosses, float)}


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def test_example_is_that_of_do_and_batzoglou():
    assert DATA["heads"].tolist() == [5, 9, 8, 4, 7]
    assert DATA["tosses"].tolist() == [10] * 5


def test_one_step_by_hand():
    heads = DATA["heads"]
    a, b = (t**heads * (1 - t) ** (10 - heads) for t in START["theta"])
    r = a / (a + b)
    expectations = MODEL.e_step(START, DATA)
    np.testing.assert_allclose(expectations["z"], np.column_stack([r, 1 - r]), rtol=1e-12)
    np.testing.assert_allclose(r, [0.45, 0.80, 0.73, 0.35, 0.65], atol=5e-3)
    after = MODEL.m_step(expectations, DATA)["theta"]
    expected = [heads @ r / (10 * r.sum()), heads @ (1 - r) / (10 * (1 - r).sum())]
    np.testing.assert_allclose(after, expected, rtol=1e-12)


@pytest.mark.parametrize(("iterations", "theta"), [(1, [0.71, 0.58]), (10, [0.80, 0.52])])
def test_published_steps(iterations, theta):
    stopping = em.Stopping(max_iterations=iterations, distance=None, parameters=None)
    solution = fitted(DATA, START, stopping=stopping)
    assert solution.iterations == iterations
    np.testing.assert_allclose(solution.params["theta"], theta, atol=5e-3)


def test_published():
    fit = MODEL.fit(seed=1)
    high_first = np.sort(fit.params["theta"])[::-1]
    for figure in MODEL.published:
        index = int(figure["name"].removeprefix("theta[").rstrip("]"))
        assert high_first[index] == pytest.approx(figure["value"], abs=figure["tolerance"])


def test_with_the_coins_known_the_m_step_counts():
    known = {"z": np.array([[0, 1], [1, 0], [1, 0], [0, 1], [1, 0.0]])}
    np.testing.assert_allclose(MODEL.m_step(known, DATA)["theta"], [24 / 30, 9 / 20])


def test_log_likelihood_by_hand():
    by_hand = sum(
        math.log(math.comb(10, h) * sum(t**h * (1 - t) ** (10 - h) for t in (0.6, 0.5)) / 2)
        for h in (5, 9, 8, 4, 7)
    )
    assert MODEL.log_likelihood(START, DATA) == pytest.approx(by_hand, rel=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_never_decreases_on_sets_of_any_length(seed):
    rng = np.random.default_rng(seed)
    tosses = rng.integers(1, 60, 25)
    heads = rng.binomial(tosses, rng.choice([0.3, 0.8], 25))
    data = sets(heads, tosses)
    solution = fitted(data, MODEL.initial(data, rng))
    assert solution.converged
    assert solution.decrease is None
    # The score vanishes: for each coin the expected heads equal the fitted ones.
    r = solution.expectations["z"]
    np.testing.assert_allclose(heads @ r, solution.params["theta"] * (tosses @ r), rtol=1e-6)


def test_equal_coins_stay_equal():
    solution = fitted(DATA, {"theta": [0.3, 0.3]})
    np.testing.assert_allclose(solution.params["theta"], [0.66, 0.66])


def test_starts_of_the_two_coins_differ():
    for seed in range(20):
        high, low = MODEL.initial(DATA, np.random.default_rng(seed))["theta"]
        assert high > low
    fit = MODEL.fit(seed=3, starts=10)
    solutions = [solution.params["theta"] for solution in fit.solutions]
    np.testing.assert_allclose(solutions, np.tile(solutions[0], (10, 1)), atol=1e-6)


def test_a_coin_may_show_heads_only():
    fit = MODEL.fit(sets([0, 10, 0, 10], [10] * 4), seed=0)
    assert fit.converged
    np.testing.assert_allclose(fit.params["theta"], [1, 0], atol=1e-12)
    assert fit.log_likelihood == pytest.approx(4 * math.log(0.5))


def test_shares_closer_than_chance_are_one_coin():
    fit = MODEL.fit(sets([4, 5, 5, 4], [10] * 4), seed=0)
    np.testing.assert_allclose(fit.params["theta"], 0.45, rtol=1e-6)


def test_long_sets_do_not_underflow():
    data = sets([9_000, 1_000], [10_000, 10_000])
    r = MODEL.e_step({"theta": np.array([0.9, 0.1])}, data)["z"]
    np.testing.assert_array_equal(r, [[1, 0], [0, 1]])


def test_a_table_on_the_command_line(tmp_path, capsys):
    own = csv(tmp_path, "day,heads,tosses\n1,90,100\n2,20,100\n3,44,50\n4,11,50\n")
    assert main(["fit", "coins", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]["theta"]
    assert sorted(found) == pytest.approx([31 / 150, 134 / 150], rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("-1,10\n3,10\n", "heads is -1 in row 1"),
        ("1,10\n3.5,10\n", "heads is 3.5 in row 2"),
        ("1,10\n3,9.5\n", "tosses is 9.5 in row 2"),
        ("0,0\n3,10\n", "tosses is 0 in row 1"),
        ("1,10\n13,10\n", "row 2 has 13 heads in 10 tosses"),
        ("3,10\n", "0.3 in every set"),
        ("3,10\n6,20\n", "0.3 in every set"),
        ("3,10\n,20\n", "heads has 1 missing value"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    assert main(["fit", "coins", "--data", csv(tmp_path, "heads,tosses\n" + rows)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(
        latentfit.InputError, match="heads and tosses must be columns of the same length"
    ):
        MODEL.fit({"heads": [5, 9], "tosses": [10]})
