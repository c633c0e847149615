"""Zero-inflated Poisson counts: one step by hand, the truncated sample, refusals."""

import json
import math

import numpy as np
import pytest

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("zero-inflated-poisson")
HORSE_KICKS = np.repeat([0.0, 1, 2, 3, 4], [109, 65, 22, 3, 1])


def csv(folder, text):
    path = folder / "own.csv"
    path.write_text(text)
    return str(path)


def truncated(y):
    """The maximum, from the mean of the positive counts by bisection."""
    positive = y[y > 0]
    low, high = 1e-9, positive.mean()
    for _ in range(200):
        lam = (low + high) / 2
        if lam / -math.expm1(-lam) < positive.mean():
            low = lam
        else:
            high = lam
    return 1 - len(positive) / len(y) / -math.expm1(-lam), lam


def test_example_is_the_table_of_mckendrick():
    y = MODEL.example_data()["y"]
    assert np.bincount(y.astype(int)).tolist() == [168, 32, 16, 6, 1]
    assert (len(y), y.sum(), np.sum(y > 0)) == (223, 86, 55)


def test_one_step_by_hand():
    y = np.array([0.0, 0, 2, 1])
    r = 0.25 / (0.25 + 0.75 * math.exp(-1.5))
    params = {"p": 0.25, "lam": 1.5}
    expectations = MODEL.e_step(params, {"y": y})
    np.testing.assert_allclose(expectations["z"], [[1 - r, r], [1 - r, r], [1, 0], [1, 0]])
    after = MODEL.maximise(expectations, {"y": y}, params)
    assert after["p"] == pytest.approx(2 * r / 4)
    assert after["lam"] == pytest.approx(3 / (4 - 2 * r))


def test_log_likelihood_by_hand():
    p, lam = 0.25, 1.5
    by_hand = 2 * math.log(p + (1 - p) * math.exp(-lam))
    by_hand += sum(math.log((1 - p) * math.exp(-lam) * lam**y / math.factorial(y)) for y in (2, 1))
    found = MODEL.log_likelihood({"p": p, "lam": lam}, {"y": np.array([0.0, 0, 2, 1])})
    assert found == pytest.approx(by_hand, rel=1e-14)


def test_published():
    fit = MODEL.fit(seed=1, stopping=em.Stopping(distance=1e-12))
    assert fit.converged
    for figure in MODEL.published:
        found = fit.params[figure["name"]]
        assert found == pytest.approx(figure["value"], abs=figure["tolerance"])
    exposed = 223 * (1 - fit.params["p"])
    assert exposed == pytest.approx(55 / -math.expm1(-fit.params["lam"]))
    assert exposed == pytest.approx(88.5, abs=0.05)


@pytest.mark.parametrize(
    "y",
    [MODEL.example_data()["y"], np.array([0.0, 3]), np.array([0, 0, 0, 0, 12, 7, 9.0])],
    ids=["cholera", "two values", "far from zero"],
)
def test_the_maximum_is_that_of_the_truncated_sample(y):
    fit = MODEL.fit(y, seed=0)
    p, lam = truncated(y)
    assert fit.params["p"] == pytest.approx(p, rel=1e-6)
    assert fit.params["lam"] == pytest.approx(lam, rel=1e-6)
    assert fit.best.decrease is None
    # The probability of a zero equals the share of zeros.
    assert p + (1 - p) * math.exp(-lam) == pytest.approx(np.mean(y == 0))


def test_every_start_converges_to_the_same_maximum():
    y = MODEL.example_data()["y"]
    rng = np.random.default_rng(1)
    for _ in range(10):
        start = {"p": rng.uniform(0.01, 0.99), "lam": rng.uniform(0.05, 20)}
        solution = em.run(MODEL.e_step, MODEL.maximise, {"y": y}, start)
        assert solution.converged
        assert solution.params["lam"] == pytest.approx(0.9721778549, rel=1e-6)


def test_horse_kicks_have_few_structural_zeros():
    stopping = em.Stopping(distance=1e-4)
    solution = MODEL.fit(HORSE_KICKS, seed=0, starts=1, stopping=stopping, accelerate="none").best
    assert solution.params["p"] == pytest.approx(0.013, abs=5e-4)
    assert solution.params["p"] == pytest.approx(truncated(HORSE_KICKS)[0], rel=1e-3)
    assert solution.rate == pytest.approx(0.997, abs=5e-4)


@pytest.mark.parametrize("y", [[0, 1, 1, 2, 1, 1, 2, 1], [0, 1, 0, 0, 1]])
def test_fewer_zeros_than_poisson_converge_to_the_boundary(y):
    y = np.array(y, float)
    fit = MODEL.fit(y, seed=0)
    assert fit.converged
    assert fit.params["p"] == pytest.approx(0, abs=1e-9)
    assert fit.params["lam"] == pytest.approx(y.mean())


def test_a_table_on_the_command_line(tmp_path, capsys):
    rows = [0] * 12 + [1, 2, 2, 3, 4, 1]
    own = csv(tmp_path, "defects\n" + "\n".join(map(str, rows)) + "\n")
    assert main(["fit", "zero-inflated-poisson", "--data", own, "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert (found["p"], found["lam"]) == pytest.approx(truncated(np.array(rows)), rel=1e-6)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("y\n0\n-1\n3\n", [], "y is -1 in row 2: a count is"),
        ("y\n0\n1.5\n3\n", [], "y is 1.5 in row 2: a count is"),
        ("y\n0\n0\n", [], "every value of y is zero"),
        ("y\n0\n", [], "every value of y is zero"),
        ("y\n3\n", [], "y has no zeros"),
        ("y\n2\n2\n", [], "y has no zeros"),
        ("y,x\n0,1\nNA,2\n", [], "y has 1 missing value"),
        ("a,b\n0,1\n5,2\n", ["--column", "y=a", "--column", "y=b"], "y must be one column"),
    ],
)
def test_refusals(tmp_path, capsys, text, options, message):
    assert main(["fit", "zero-inflated-poisson", "--data", csv(tmp_path, text), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
