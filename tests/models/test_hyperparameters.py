"""Empirical Bayes for rates: one step by hand, closed forms and limits, refusals."""

import json

import numpy as np
import pytest
from scipy import optimize, stats

import latentfit
from latentfit import em
from latentfit.cli import main

MODEL = latentfit.load("hyperparameters")
DATA = MODEL.example_data()


def run(data, start, **options):
    options.setdefault("log_likelihood", MODEL.log_likelihood)
    options.setdefault("accelerate", "none")
    return em.run(MODEL.e_step, MODEL.m_step, data, start, **options)


def direct(data):
    """The maximum of the negative binomial likelihood, found by SciPy."""
    s, t = data["failures"], data["hours"]

    def negative_log_likelihood(logs):
        alpha, beta = np.exp(logs)
        return -stats.nbinom.logpmf(s, alpha, beta / (beta + t)).sum()

    options = {"xatol": 1e-9, "fatol": 1e-11}
    found = optimize.minimize(
        negative_log_likelihood, [0, 0], method="Nelder-Mead", options=options
    )
    return (*np.exp(found.x), -found.fun)


def sample(seed, n=50, scale=1.0):
    rng = np.random.default_rng(seed)
    hours = scale * rng.choice(DATA["hours"], n)
    rates = rng.gamma(0.8, 1 / 1.3, n)
    return {"failures": rng.poisson(rates * hours).astype(float), "hours": hours}


def test_example_is_that_of_gaver_and_omuircheartaigh():
    assert DATA["failures"].tolist() == [5, 1, 5, 14, 3, 19, 1, 1, 4, 22]
    assert DATA["hours"].sum() == pytest.approx(350.032)


def test_steps_are_those_of_conjugate_gammas():
    params = {"alpha": np.array(2.0), "beta": np.array(3.0)}
    data = {"failures": np.array([0.0, 4.0]), "hours": np.array([1.0, 5.0])}
    found = MODEL.e_step(params, data)
    posterior = [stats.gamma(2, scale=1 / 4), stats.gamma(6, scale=1 / 8)]
    np.testing.assert_allclose(found["lam"], [0.5, 0.75])
    logs = [one.expect(np.log) for one in posterior]
    np.testing.assert_allclose(found["log_lam"], logs, rtol=1e-6)
    by_hand = stats.nbinom.logpmf([0, 4], 2, [3 / 4, 3 / 8]).sum()
    assert MODEL.log_likelihood(params, data) == pytest.approx(by_hand, rel=1e-12)


def test_m_step_is_the_gamma_likelihood():
    lam = np.random.default_rng(1).gamma(0.8, 2.0, 100)
    found = MODEL.m_step({"lam": lam, "log_lam": np.log(lam)}, DATA)
    shape, _, scale = stats.gamma.fit(lam, floc=0)
    assert found["alpha"] == pytest.approx(shape, rel=1e-5)
    assert found["beta"] == pytest.approx(1 / scale, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_a_general_optimiser_finds_the_same_maximum(seed):
    data = sample(seed)
    fit = MODEL.fit(data, seed=1)
    alpha, beta, negative_log_likelihood = direct(data)
    assert fit.params["alpha"] == pytest.approx(alpha, rel=1e-5)
    assert fit.params["beta"] == pytest.approx(beta, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(negative_log_likelihood, rel=1e-10)


def test_hours_of_three_digits_as_in_bugs():
    hours = np.array([94.3, 15.7, 62.9, 126, 5.24, 31.4, 1.05, 1.05, 2.1, 10.5])
    fit = MODEL.fit({**DATA, "hours": hours}, seed=1)
    np.testing.assert_allclose(fit.params["alpha"], 0.823, atol=5e-4)
    np.testing.assert_allclose(fit.params["beta"], 1.262, atol=5e-4)


def test_expected_rates_lie_between_raw_rates_and_the_prior_mean():
    params = MODEL.fit(seed=1).params
    found, own = MODEL.e_step(params, DATA)["lam"], DATA["failures"] / DATA["hours"]
    mean = params["alpha"] / params["beta"]
    assert np.all((found - own) * (mean - found) > 0)
    # At the maximum the mean of the expected rates is the prior mean.
    assert found.mean() == pytest.approx(mean, rel=1e-6)


def test_units_of_time_do_not_matter():
    minutes = {**DATA, "hours": 60_000 * DATA["hours"]}
    one, other = (MODEL.fit(data, seed=1) for data in (DATA, minutes))
    assert other.params["alpha"] == pytest.approx(one.params["alpha"], rel=1e-6)
    assert other.params["beta"] == pytest.approx(60_000 * one.params["beta"], rel=1e-6)
    assert other.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-10)


def test_equal_times_are_the_negative_binomial_model():
    other = latentfit.load("negative-binomial")
    mites = other.example_data()["y"]
    ours = MODEL.fit({"failures": mites, "hours": np.ones(len(mites))}, seed=1)
    theirs = other.fit(seed=1)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood, rel=1e-10)
    assert ours.params["alpha"] == pytest.approx(theirs.params["k"], rel=1e-5)


def test_em_is_slower_for_units_with_less_information():
    rng = np.random.default_rng(1)
    rates, hours = rng.gamma(0.82, 1 / 1.26, 200), np.tile(DATA["hours"], 20)
    needed = []
    for share in (1, 0.1, 0.01):
        data = {"failures": rng.poisson(rates * hours * share) * 1.0, "hours": hours * share}
        solution = run(data, MODEL.initial(data, np.random.default_rng(0)))
        assert solution.converged
        assert solution.decrease is None
        needed.append(solution.iterations)
    assert needed[0] < needed[1] / 2 < needed[2] / 4


def test_a_table_on_the_command_line(tmp_path, capsys):
    path = tmp_path / "own.csv"
    path.write_text("valve,failures,hours\n1,9,3\n2,0,2.5\n3,1,4\n4,12,2\n5,2,7\n")
    assert main(["fit", "hyperparameters", "--data", str(path), "--json", "-"]) == 0
    found = json.loads(capsys.readouterr().out)["parameters"]
    columns = {"failures": np.array([9, 0, 1, 12, 2]), "hours": np.array([3, 2.5, 4, 2, 7])}
    alpha, beta, _ = direct(columns)
    assert (found["alpha"], found["beta"]) == pytest.approx((alpha, beta), rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("-1,2\n3,2\n", "failures is -1 in row 1"),
        ("1,2\n3.5,2\n", "failures is 3.5 in row 2"),
        ("1,2\n3,0\n", "hours is 0 in row 2"),
        ("0,2\n0,3\n", "every value of failures is zero"),
        ("5,1\n", "failures vary no more than Poisson counts with a common rate of 5"),
        ("2,1\n4,2\n7,3\n", "failures vary no more than Poisson counts"),
    ],
)
def test_refusals(tmp_path, capsys, rows, message):
    path = tmp_path / "own.csv"
    path.write_text("failures,hours\n" + rows)
    assert main(["fit", "hyperparameters", "--data", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(latentfit.InputError, match="must be columns of the same length"):
        MODEL.fit({"failures": [5, 9], "hours": [10]})
