"""Negative binomial counts: one step by hand, closed forms and limits, refusals."""

import json

import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

import latentfit
from latentfit import em
from latentfit.cli import main
from latentfit.em import Stopping

MODEL = latentfit.load("negative-binomial")
DATA = MODEL.example_data()
START = {"m": np.array(1.4), "k": np.array(0.7)}
TIGHT = Stopping(distance=1e-12)


def run(data, start, **options):
    options.setdefault("log_likelihood", MODEL.log_likelihood)
    return em.run(MODEL.e_step, MODEL.m_step, data, start, **options)


def sample(seed, n=200, m=3.0, k=1.5):
    rng = np.random.default_rng(seed)
    return {"y": rng.poisson(rng.gamma(k, m / k, n)).astype(float)}


def test_example_is_the_table_of_bliss_and_fisher():
    assert np.bincount(DATA["y"].astype(int)).tolist() == [70, 38, 17, 10, 9, 3, 2, 1]


def test_e_step_integrates_over_the_rate():
    y = np.array([0.0, 1.0, 5.0])
    found = MODEL.e_step(START, {"y": y})

    def joint(lam, count):
        return stats.gamma.pdf(lam, 0.7, scale=2.0) * stats.poisson.pmf(count, lam)

    def integral(f):
        return np.array([integrate.quad(f, 0, np.inf, args=(count,))[0] for count in y])

    total = integral(joint)
    lam = integral(lambda lam, count: lam * joint(lam, count)) / total
    log_lam = integral(lambda lam, count: np.log(lam) * joint(lam, count)) / total
    np.testing.assert_allclose(found["lam"], lam, rtol=1e-6)
    np.testing.assert_allclose(found["log_lam"], log_lam, rtol=1e-6)
    assert MODEL.log_likelihood(START, {"y": y}) == pytest.approx(np.log(total).sum(), rel=1e-7)


def test_m_step_is_the_gamma_likelihood():
    lam = np.random.default_rng(1).gamma(2.5, 0.8, 100)
    found = MODEL.m_step({"lam": lam, "log_lam": np.log(lam)}, DATA)
    shape, _, scale = stats.gamma.fit(lam, floc=0)
    assert found["m"] == pytest.approx(lam.mean())
    assert found["k"] == pytest.approx(shape, rel=1e-5)
    assert shape * scale == pytest.approx(lam.mean())


@pytest.mark.parametrize("k", [1e-6, 0.01, 0.3, 1, 4, 30, 1e4])
def test_shape_solves_its_equation(k):
    found = MODEL.m_step({"lam": np.ones(3), "log_lam": special.digamma(k) - np.log(k)}, DATA)
    assert found["k"] == pytest.approx(k, rel=1e-8)


@pytest.mark.parametrize("seed", range(3))
def test_a_general_optimiser_finds_the_same_maximum(seed):
    data = sample(seed)
    fit = MODEL.fit(data, seed=1)
    assert fit.params["m"] == pytest.approx(data["y"].mean(), rel=1e-7)

    def negative_log_likelihood(log_k):
        k = np.exp(log_k)
        return -stats.nbinom.logpmf(data["y"], k, k / (k + data["y"].mean())).sum()

    best = optimize.minimize_scalar(negative_log_likelihood, bracket=(-1, 2), tol=1e-10)
    assert fit.params["k"] == pytest.approx(np.exp(best.x), rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-best.fun, rel=1e-10)


def test_m_does_not_change_at_the_mean_of_the_counts():
    m = DATA["y"].mean()
    solution = run(DATA, {"m": m, "k": np.array(3.0)})
    np.testing.assert_allclose(solution.trace.params["m"], m, rtol=1e-13)


def test_rates_of_convergence():
    best = MODEL.fit(seed=1, stopping=TIGHT).params
    m, k, y = best["m"], best["k"], DATA["y"]
    near = {"m": m * (1 + 1e-5), "k": k * (1 + 1e-5)}
    after = MODEL.m_step(MODEL.e_step(near, DATA), DATA)
    psi = special.polygamma
    seen = np.sum(psi(1, k) - psi(1, k + y) - 1 / k + 2 / (k + m) - (k + y) / (k + m) ** 2)
    complete = len(y) * (psi(1, k) - 1 / k)
    assert (after["m"] - m) / (near["m"] - m) == pytest.approx(k / (k + m), rel=1e-3)
    assert (after["k"] - k) / (near["k"] - k) == pytest.approx(1 - seen / complete, rel=1e-3)
    # The formulas of the docstring.
    np.testing.assert_allclose([k / (k + m), 1 - seen / complete], [0.472, 0.857], atol=5e-4)


def test_every_start_converges_to_the_same_maximum():
    solutions = [run(DATA, {"m": m, "k": k}).params["k"] for m in (0.1, 20.0) for k in (0.05, 50.0)]
    np.testing.assert_allclose(solutions, solutions[0], rtol=1e-6)


def test_large_k_is_a_poisson_likelihood():
    found = MODEL.log_likelihood({"m": 2.0, "k": 1e8}, DATA)
    assert found == pytest.approx(stats.poisson.logpmf(DATA["y"], 2).sum(), rel=1e-6)


def test_a_table_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "own.csv"
    path.write_text("plot,y\n1,0\n2,12\n3,1\n4,7\n5,0\n6,3\n")
    assert main(["fit", "negative-binomial", "--data", str(path), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    assert found["m"] == pytest.approx(23 / 6, rel=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("-1\n3\n", "y is -1 in row 1"),
        ("1\n3.5\n", "y is 3.5 in row 2"),
        ("0\n0\n", "every value of y is zero"),
        ("4\n4\n4\n", "y has mean 4 and variance 0"),
        ("0\n1\n2\n3\n", "mean 1.5 and variance 1.25, which does not exceed the mean"),
        ("3\n", "variance 0"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    path = tmp_path / "own.csv"
    path.write_text("y\n" + rows)
    assert main(["fit", "negative-binomial", "--data", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
