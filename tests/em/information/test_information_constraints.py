"""Standard errors of constrained parameters, at bounds of their range and where not identified."""

import math
from functools import partial

import numpy as np
import pytest
from em_toys import counts_log_likelihood, counts_q
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit.em import information
from latentfit.errors import InputError

unhurried = settings(deadline=None, max_examples=30)


# Counts in categories, with missing categories.


def counts_e(params, data):
    return {"counts": data["counts"] + data["m"] * params["p"]}


def counts_m(expectations, data):
    return {"p": expectations["counts"] / expectations["counts"].sum()}


def counts_errors(data, params):
    q = information.q_function(counts_q, counts_e, data)
    update = information.em_map(counts_e, counts_m, data)
    return (
        information.observed(partial(counts_log_likelihood, data=data), params),
        information.oakes(q, params),
        information.supplemented(update, q, params),
    )


@pytest.mark.slow
@unhurried
@given(st.lists(st.integers(1, 500), min_size=2, max_size=6), st.integers(0, 300))
def test_probabilities_have_the_singular_covariance_of_a_multinomial(counts, missing):
    data = {"counts": np.array(counts), "m": missing}
    n = sum(counts)
    p = data["counts"] / n
    exact = (np.diag(p) - np.outer(p, p)) / n
    for found in counts_errors(data, {"p": p}):
        np.testing.assert_allclose(found.covariance, exact, atol=1e-7 * exact.max())
        np.testing.assert_allclose(found.covariance.sum(axis=0), 0, atol=1e-9 * exact.max())
        if found.missing is not None:
            np.testing.assert_allclose(found.missing["p"], missing / (n + missing), atol=1e-7)
    rate = information.convergence(information.em_map(counts_e, counts_m, data), {"p": p})
    np.testing.assert_allclose(
        rate.fractions, [missing / (n + missing)] * (len(counts) - 1), atol=1e-8
    )


def test_a_table_sums_to_one_as_a_whole():
    counts = np.array([[11.0, 4.0], [9.0, 16.0]])
    data = {"counts": counts, "m": 12}
    p = counts / 40
    exact = (np.diag(p.ravel()) - np.outer(p, p)) / 40
    for found in counts_errors(data, {"p": p}):
        np.testing.assert_allclose(found.covariance, exact, atol=1e-8 * exact.max())
    table = information.profile(partial(counts_log_likelihood, data=data), {"p": p}, ["p[1,0]"])
    row = information.profile(
        partial(counts_log_likelihood, data={"counts": counts.ravel(), "m": 0}),
        {"p": p.ravel()},
        ["p[2]"],
    )
    assert (table[0].lower, table[0].upper) == pytest.approx((row[0].lower, row[0].upper))


def test_a_probability_of_zero_has_no_standard_error():
    data = {"counts": np.array([30, 0, 70]), "m": 25}
    for found in counts_errors(data, {"p": np.array([0.3, 0.0, 0.7])}):
        assert np.isnan(found.errors["p"][1])
        se = math.sqrt(0.3 * 0.7 / 100)
        np.testing.assert_allclose(found.errors["p"][[0, 2]], se, rtol=1e-8)
        assert list(found.without) == ["p[1]"]
        assert "no standard error for p[1]: at a bound of its range" in repr(found)
        assert (found.problem, found.notes) == ("", ())


def test_every_parameter_at_a_bound_of_its_range():
    found = information.observed(lambda params: 0.0, {"p": [1.0, 0.0]})
    assert found.problem == "no standard errors: every parameter is at a bound of its range"
    with pytest.raises(InputError, match="no parameter left that converges"):
        information.convergence(lambda params: params, {"p": [1.0, 0.0]})


def test_a_variance_that_tends_to_zero_has_no_standard_error():
    def log_likelihood(params):
        return -((params["mu"] - 1) ** 2) / 2 - params["tau"] ** 2

    found = information.observed(log_likelihood, {"mu": 1.0, "tau": 1e-6})
    assert found.errors["mu"] == pytest.approx(1, rel=1e-8)
    assert np.isnan(found.errors["tau"])
    assert list(found.without) == ["tau"]
    assert found.without["tau"].startswith("the log-likelihood is flat towards the boundary")


def test_parameters_along_an_unidentified_direction_have_no_standard_error():
    def log_likelihood(params):
        return -((params["a"] + params["b"] - 3) ** 2) / 2 - 2 * (params["c"] - 1) ** 2

    params = {"a": 1.0, "b": 2.0, "c": 1.0}
    found = information.observed(log_likelihood, params)
    assert np.isnan(found.errors["a"])
    assert np.isnan(found.errors["b"])
    assert found.errors["c"] == pytest.approx(0.5, rel=1e-8)
    assert found.without == {"a": "not identified", "b": "not identified"}
    assert "no standard error for a, b: not identified" in repr(found)

    def em_map(params):
        gap = (3 - params["a"] - params["b"]) / 4
        return {"a": params["a"] + gap, "b": params["b"] + gap, "c": np.float64(1)}

    rate = information.convergence(em_map, params)
    assert rate.rate == pytest.approx(1, abs=1e-7)
    assert rate.problem.startswith("rate 1: there is an unidentified direction")
    assert rate.problem.endswith("In the other directions the rate is 0.5")
