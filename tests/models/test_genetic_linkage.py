"""Genetic linkage: a quadratic equation, a closed-form rate, the first table of the EM paper."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit.cli import main

MODEL = latentfit.load("genetic-linkage")
RAO = np.array([125, 18, 20, 34])
TIGHT = latentfit.Stopping(distance=1e-13)


def update(theta, counts=RAO):
    data = {"counts": np.asarray(counts)}
    return MODEL.m_step(MODEL.e_step({"theta": theta}, data), data)["theta"]


def root(counts):
    """The maximiser of the likelihood, the root of a quadratic equation."""
    y1, y2, y3, y4 = map(float, counts)
    n, b = y1 + y2 + y3 + y4, 2 * y2 + 2 * y3 + y4 - y1
    return (np.sqrt(b**2 + 8 * n * y4) - b) / (2 * n)


def test_one_iteration_by_hand():
    data = {"counts": RAO}
    expectations = MODEL.e_step({"theta": 0.5}, data)
    assert expectations["x2"] == pytest.approx(25)
    assert MODEL.m_step({"x2": 25.0}, data)["theta"] == pytest.approx(59 / 97)


def test_iterations_are_those_of_the_em_paper():
    # Dempster, Laird and Rubin (1977), Table 1, from 0.5. The last printed digit of the second
    # value is too large by one.
    theta, printed = 0.5, [0.608247423, 0.624321051, 0.626488879, 0.626777323, 0.626815632]
    for value in printed:
        theta = update(theta)
        assert theta == pytest.approx(value, abs=7e-10)


def test_published():
    fit = MODEL.fit(seed=1, stopping=TIGHT)
    (figure,) = MODEL.published
    assert fit.params["theta"] == pytest.approx(figure["value"], abs=figure["tolerance"])
    assert fit.params["theta"] == pytest.approx((15 + np.sqrt(53809)) / 394, rel=1e-12)
    assert fit.best.rate == pytest.approx(0.1328, abs=5e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 500), min_size=4, max_size=4), st.integers(0, 2**32 - 1))
def test_limit_is_the_root_and_rate_is_that_of_the_docstring(counts, seed):
    fit = MODEL.fit({"counts": counts}, seed=seed, stopping=TIGHT)
    theta = root(counts)
    assert fit.converged
    assert fit.best.decrease is None
    assert fit.params["theta"] == pytest.approx(theta, rel=1e-9)
    m = counts[0] * theta / (2 + theta) + sum(counts[1:])
    rate = (1 - theta) / m * 2 * counts[0] / (2 + theta) ** 2
    step = 1e-4 * min(theta, 1 - theta)
    slope = (update(theta + step, counts) - update(theta - step, counts)) / (2 * step)
    assert slope == pytest.approx(rate, rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(any), st.floats(0.01, 0.99))
def test_log_likelihood_is_that_of_the_classes(counts, theta):
    p = np.array([(2 + theta) / 4, (1 - theta) / 4, (1 - theta) / 4, theta / 4])
    expected = sum(y * np.log(q) for y, q in zip(counts, p, strict=True))
    log_likelihood = MODEL.log_likelihood({"theta": theta}, {"counts": np.array(counts)})
    assert log_likelihood == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "theta"),
    [([125, 0, 0, 34], 1), ([5, 0, 0, 0], 1), ([10, 18, 20, 0], 0), ([0, 3, 0, 1], 0.25)],
)
def test_empty_classes(counts, theta):
    fit = MODEL.fit({"counts": counts}, seed=1, starts=2)
    assert fit.converged
    assert fit.params["theta"] == pytest.approx(theta, abs=1e-6)
    assert np.isfinite(fit.log_likelihood)


def test_statistic_counts_the_second_type():
    z = np.array([0, 1, 1, 4, 2])
    assert MODEL.expectations["x2"]({"z": z}, {"counts": RAO}) == 2


def test_starts_are_near_the_estimate_and_in_the_interior():
    for counts in (RAO, [1, 50, 50, 0], [9, 0, 0, 9]):
        starts = [
            MODEL.initial({"counts": np.array(counts)}, np.random.default_rng(seed))["theta"]
            for seed in range(50)
        ]
        assert 0 < min(starts) < max(starts) < 1
    middle = np.median(
        [MODEL.initial({"counts": RAO}, np.random.default_rng(s))["theta"] for s in range(200)]
    )
    assert abs(middle - (125 - 18 - 20 + 34) / 197) < 0.05


def test_a_table_on_the_command_line(tmp_path, capsys):
    table = tmp_path / "own.csv"
    table.write_text("class,animals\nAB,125\nAb,18\naB,20\nab,34\n")
    assert main(["fit", "genetic-linkage", "--data", str(table), "--seed", "1", "--json", "-"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["parameters"]["theta"] == pytest.approx(root(RAO), abs=1e-7)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([125, 18, 54], "there are four classes"),
        ([125], "there are four classes"),
        ([125, 18, -20, 34], "counts is -20 in row 3"),
        ([125, 18, 20, 33.5], "counts is 33.5 in row 4"),
        ([0, 0, 0, 0], "no animals"),
    ],
)
def test_refusals_are_one_line(tmp_path, capsys, counts, message):
    table = tmp_path / "own.csv"
    table.write_text("counts\n" + "".join(f"{y}\n" for y in counts))
    assert main(["fit", "genetic-linkage", "--data", str(table)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
