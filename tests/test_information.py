"""Standard errors of EM: every route against closed forms, and against the others."""

import math
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize, minimize_scalar

from latentfit import declaration, em
from latentfit.em import Stopping, information
from latentfit.em.information import End, FreeScale
from latentfit.em.information._differences import (
    Derivative,
    curvature_units,
    first,
    hessian,
    mixed,
    second,
)
from latentfit.errors import DeclarationError, InputError, StepError

unhurried = settings(deadline=None, max_examples=30)
DATA = Path(__file__).parent.parent / "models" / "data"
Z = 1.959963984540054


# Exponential sample with a missing value: y1 = 5 is seen, y2 is not.


def toy_e(params, data):
    return {"y2": 1 / params["theta"]}


def toy_m(expectations, data):
    return {"theta": 2 / (5 + expectations["y2"])}


def toy_q(params, expectations, data):
    return 2 * np.log(params["theta"]) - params["theta"] * (5 + expectations["y2"])


def toy_height(params):
    return np.log(params["theta"]) - 5 * params["theta"]


TOY = {"theta": 0.2}
toy_map = information.em_map(toy_e, toy_m, {})
toy_expected = information.expected(toy_q, toy_e, {})


def toy_louis():
    nodes, weights = np.polynomial.laguerre.laggauss(4)

    def log_joint(params):
        return [2 * np.log(params["theta"]) - params["theta"] * (5 + nodes / 0.2)]

    return information.louis(log_joint, TOY, weights=[weights / weights.sum()])


TOY_ROUTES = {
    "observed": lambda: information.observed(toy_height, TOY),
    "louis": toy_louis,
    "oakes": lambda: information.oakes(toy_expected, TOY),
    "supplemented": lambda: information.supplemented(toy_map, toy_expected, TOY),
}


@pytest.mark.parametrize("route", TOY_ROUTES)
def test_one_observed_exponential_has_information_one_over_theta_squared(route):
    found = TOY_ROUTES[route]()
    assert (found.route, found.problem, found.notes) == (route, "", ())
    assert found.covariance[0, 0] == pytest.approx(0.2**2, rel=1e-9)
    assert found.errors["theta"].shape == ()
    assert found.precision < 1e-9
    if route != "observed":
        assert found.missing["theta"] == pytest.approx(0.5, abs=1e-9)
        assert found.rate == pytest.approx(0.5, abs=1e-9)


def test_the_toy_converges_at_rate_one_half():
    seen = em.run(toy_e, toy_m, {}, {"theta": 1.0})
    found = information.convergence(toy_map, seen.params, observed=seen.rate)
    assert found.rate == pytest.approx(0.5, abs=1e-7)
    assert found.observed == pytest.approx(found.rate, abs=1e-5)
    assert (found.problem, list(found.slowest)) == ("", ["theta"])


# Genetic linkage (Rao 1965; Dempster, Laird & Rubin 1977).


def contents(name):
    """Of a model file, with its M step as a function of the expectations."""
    found = dict(declaration.read(name).contents)
    if "statistics" in found:
        found["m_step"] = em.composed(found["statistics"], found["m_step"])
    return found


def catalogue(name, data=None, seed=0, **stopping):
    model = contents(name)
    data = model["example_data"]() if data is None else data
    start = model["initial"](data, np.random.default_rng(seed))
    height = model["log_likelihood"]
    settled = Stopping(distance=1e-11, **stopping)
    run = em.run(
        model["e_step"], model["m_step"], data, start, log_likelihood=height, stopping=settled
    )
    return model, data, run


def linkage_q(params, expectations, data):
    (_, y2, y3, y4), theta = data["counts"], params["theta"]
    return (expectations["x2"] + y4) * np.log(theta) + (y2 + y3) * np.log(1 - theta)


def test_linkage_has_the_published_information_and_rate():
    model, data, run = catalogue("genetic-linkage")
    theta = (15 + math.sqrt(53809)) / 394
    assert run.params["theta"] == pytest.approx(theta, abs=1e-9)
    exact = 125 / (2 + theta) ** 2 + 38 / (1 - theta) ** 2 + 34 / theta**2
    assert round(exact, 1) == 377.5
    q = information.expected(linkage_q, model["e_step"], data)
    update = information.em_map(model["e_step"], model["m_step"], data)
    for found in (
        information.observed(lambda params: model["log_likelihood"](params, data), run.params),
        information.oakes(q, run.params),
        information.supplemented(update, q, run.params),
    ):
        assert 1 / found.covariance[0, 0] == pytest.approx(exact, rel=1e-7)
        assert found.errors["theta"] == pytest.approx(0.05147, abs=5e-6)
    assert found.missing["theta"] == pytest.approx(0.1328, abs=5e-5)
    rate = information.convergence(update, run.params, observed=run.rate)
    m = 125 * theta / (2 + theta) + 72
    assert rate.rate == pytest.approx((1 - theta) / m * 250 / (2 + theta) ** 2, abs=1e-8)
    assert rate.observed == pytest.approx(rate.rate, abs=1e-4)


# A normal sample of which m values are missing at random.


def normal_e(params, data):
    y, m = data["y"], data["m"]
    mu, sigma = params["mu"], params["sigma"]
    return {"sum": y.sum() + m * mu, "squares": np.sum(y**2) + m * (mu**2 + sigma**2)}


def normal_m(expectations, data):
    n = len(data["y"]) + data["m"]
    mu = expectations["sum"] / n
    return {"mu": mu, "sigma": np.sqrt(expectations["squares"] / n - mu**2)}


def normal_q(params, expectations, data):
    n, mu, sigma = len(data["y"]) + data["m"], params["mu"], params["sigma"]
    about = expectations["squares"] - 2 * mu * expectations["sum"] + n * mu**2
    return -n * np.log(sigma) - about / (2 * sigma**2)


def normal_height(params, data):
    gap = data["y"] - params["mu"]
    return -gap.size * np.log(params["sigma"]) - np.sum(gap**2) / (2 * params["sigma"] ** 2)


@unhurried
@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 10**6), st.floats(-3, 3))
def test_a_normal_sample_with_missing_values(seen, missing, seed, magnitude):
    y = (3 + np.random.default_rng(seed).normal(size=seen)) * 10**magnitude
    data = {"y": y, "m": missing}
    s = y.std()
    params = {"mu": y.mean(), "sigma": s}
    update = information.em_map(normal_e, normal_m, data)
    q = information.expected(normal_q, normal_e, data)
    share = missing / (seen + missing)
    for found in (
        information.observed(partial(normal_height, data=data), params),
        information.oakes(q, params),
        information.supplemented(update, q, params),
    ):
        assert found.errors["mu"] == pytest.approx(s / math.sqrt(seen), rel=1e-6)
        assert found.errors["sigma"] == pytest.approx(s / math.sqrt(2 * seen), rel=1e-6)
        assert abs(found.covariance[0, 1]) < 1e-6 * s**2 / seen
        if found.missing is not None:
            assert found.missing["mu"] == pytest.approx(share, abs=1e-6)
            assert found.missing["sigma"] == pytest.approx(share, abs=1e-6)
    rate = information.convergence(update, params, sizes={"mu": s})
    np.testing.assert_allclose(rate.fractions, share, atol=1e-6)


# A mixture of two normal distributions, whose log-likelihood is differentiated by hand.


def mixture_gradient(theta, x):
    """Of Σ log{w φ(x; a, s) + (1 - w) φ(x; b, t)} in (w, a, b, s, t), by hand."""
    w, a, b, s, t = theta
    f = np.exp(-(((x - a) / s) ** 2) / 2) / s
    g = np.exp(-(((x - b) / t) ** 2) / 2) / t
    total = w * f + (1 - w) * g
    r, q = w * f / total, (1 - w) * g / total
    return np.array(
        [
            np.sum((f - g) / total),
            np.sum(r * (x - a)) / s**2,
            np.sum(q * (x - b)) / t**2,
            np.sum(r * ((x - a) ** 2 / s**3 - 1 / s)),
            np.sum(q * ((x - b) ** 2 / t**3 - 1 / t)),
        ]
    )


def mixture_covariance(params, x):
    """Exact, but for rounding: a complex step along each parameter."""
    theta = np.array([params["w"][0], *params["mu"], *params["sigma"]], dtype=complex)
    columns = [mixture_gradient(theta + 1e-30j * axis, x).imag / 1e-30 for axis in np.eye(5)]
    inverse = np.linalg.inv(-np.array(columns))
    spread = np.vstack([[-1, 0, 0, 0, 0], np.eye(5)])  # the other weight goes the other way
    order = [1, 0, 2, 3, 4, 5]
    return (spread @ inverse @ spread.T)[np.ix_(order, order)]


def log_joint_of(model):
    return model["e_step"].__globals__["_log_joint"]


@pytest.fixture(scope="module")
def mixture():
    model, data, run = catalogue("gaussian-mixture")
    log_joint = log_joint_of(model)

    def q(params, expectations, data):
        return np.sum(expectations["z"] * log_joint(params, data))

    routes = {
        "observed": lambda p: information.observed(lambda v: model["log_likelihood"](v, data), p),
        "louis": lambda p: information.louis(lambda v: log_joint(v, data), p),
        "oakes": lambda p: information.oakes(information.expected(q, model["e_step"], data), p),
        "supplemented": lambda p: information.supplemented(
            information.em_map(model["e_step"], model["m_step"], data),
            information.expected(q, model["e_step"], data),
            p,
        ),
    }
    return model, data, run, routes


@pytest.mark.parametrize("route", ["observed", "louis", "oakes", "supplemented"])
def test_a_mixture_has_its_analytic_covariance(mixture, route):
    _, data, run, routes = mixture
    found = routes[route](run.params)
    exact = mixture_covariance(run.params, data["x"])
    size = np.sqrt(np.diag(exact))
    assert found.labels == ("w[0]", "w[1]", "mu[0]", "mu[1]", "sigma[0]", "sigma[1]")
    np.testing.assert_allclose(
        found.covariance / np.outer(size, size), exact / np.outer(size, size), atol=2e-8
    )
    assert (found.problem, found.notes) == ("", ())


def test_fractions_of_missing_information_agree_and_the_rate_bounds_them(mixture):
    model, data, run, routes = mixture
    found = [routes[route](run.params) for route in ("louis", "oakes", "supplemented")]
    three = [errors.missing for errors in found]
    for missing in three[1:]:
        for name, values in missing.items():
            np.testing.assert_allclose(values, three[0][name], atol=1e-7)
    update = information.em_map(model["e_step"], model["m_step"], data)
    rate = information.convergence(update, run.params, observed=run.rate)
    assert rate.rate == pytest.approx(run.rate, abs=1e-4)
    assert rate.problem == ""
    for errors in found:
        assert errors.rate == pytest.approx(rate.rate, abs=1e-7)
    every = np.concatenate(list(three[0].values()))
    assert every.min() >= 0
    assert every.max() <= rate.rate
    # In simplex coordinates there are five degrees of freedom, not six.
    assert len(rate.fractions) == 5


def test_standard_errors_do_not_depend_on_the_stated_kinds(mixture):
    model, data, run, _ = mixture
    height = lambda params: model["log_likelihood"](params, data)  # noqa: E731
    one = information.observed(height, run.params)
    other = information.observed(height, run.params, kinds={"mu": "real", "sigma": "real"})
    for name in one.errors:
        np.testing.assert_allclose(one.errors[name], other.errors[name], rtol=1e-7)


def test_a_point_short_of_the_maximum_is_said_to_be_so(mixture):
    model, data, run, routes = mixture
    start = {"w": [0.4, 0.6], "mu": [2.1, 4.2], "sigma": [0.3, 0.4]}
    for route in routes.values():
        found = route(start)
        assert found.problem.startswith("not a maximum but")
        assert found.distance > 1
        assert np.isfinite(found.errors["mu"]).all()
    short = em.run(
        model["e_step"], model["m_step"], data, start, stopping=Stopping(max_iterations=4)
    )
    gap = (run.params["mu"][0] - short.params["mu"][0]) / routes["observed"](run.params).errors[
        "mu"
    ][0]
    distance = routes["observed"](short.params).distance
    assert abs(gap) <= 1.2 * distance
    assert routes["supplemented"](short.params).distance == pytest.approx(distance, rel=0.2)


def test_the_saddle_where_components_are_the_same_has_no_standard_errors(mixture):
    _, data, _, routes = mixture
    x = data["x"]
    saddle = {"w": [0.3, 0.7], "mu": [x.mean()] * 2, "sigma": [x.std()] * 2}
    found = routes["observed"](saddle)
    assert found.problem == "no standard errors: not a maximum: a saddle or no end in sight"
    assert np.isnan(found.covariance).all()
    assert np.isnan(found.errors["w"]).all()


# Murray's bivariate sample: two maxima, and a saddle between them.


def murray():
    table = np.genfromtxt(DATA / "murray.csv", delimiter=",", skip_header=1)
    return contents("multivariate-normal-missing"), {"x": np.ma.masked_invalid(table)}


def murray_q(params, expectations, data):
    x = np.ma.filled(data["x"], 0.0)
    x[np.isnan(np.ma.filled(data["x"], np.nan))] = expectations["x_unobserved"].ravel()
    gap = x.mean(axis=0) - params["mu"]
    scatter = expectations["products"] - len(x) * np.outer(x.mean(axis=0), x.mean(axis=0))
    scatter = scatter + len(x) * np.outer(gap, gap)
    _, log_det = np.linalg.slogdet(params["cov"])
    return -len(x) / 2 * log_det - np.trace(np.linalg.solve(params["cov"], scatter)) / 2


def test_a_covariance_with_missing_values_by_three_routes():
    model, data = murray()
    start = {"mu": np.zeros(2), "cov": np.array([[2.0, 0.5], [0.5, 2.0]])}
    run = em.run(model["e_step"], model["m_step"], data, start, stopping=Stopping(distance=1e-11))
    np.testing.assert_allclose(run.params["cov"], [[8 / 3, 4 / 3], [4 / 3, 8 / 3]], atol=1e-9)
    q = information.expected(murray_q, model["e_step"], data)
    update = information.em_map(model["e_step"], model["m_step"], data)
    one = information.observed(lambda params: model["log_likelihood"](params, data), run.params)
    for other in (
        information.oakes(q, run.params),
        information.supplemented(update, q, run.params),
    ):
        np.testing.assert_allclose(other.covariance, one.covariance, atol=1e-6)
    # Both triangles are one parameter.
    np.testing.assert_array_equal(one.covariance[3], one.covariance[4])
    rate = information.convergence(update, run.params, observed=run.rate)
    assert rate.observed == pytest.approx(rate.rate, abs=1e-4)
    assert max(value.max() for value in other.missing.values()) <= rate.rate


def test_em_is_seen_to_move_away_from_a_saddle():
    model, data = murray()
    saddle = {"mu": np.zeros(2), "cov": 2.5 * np.eye(2)}
    update = information.em_map(model["e_step"], model["m_step"], data)
    assert em.run(model["e_step"], model["m_step"], data, saddle).converged
    rate = information.convergence(update, saddle)
    assert rate.rate > 1
    assert rate.problem.startswith("not a maximum: EM moves away")
    assert list(rate.slowest) == ["cov[0,1]", "cov[1,0]"]
    q = information.expected(murray_q, model["e_step"], data)
    for found in (information.oakes(q, saddle), information.supplemented(update, q, saddle)):
        assert "not a maximum" in found.problem
        assert np.isnan(found.errors["cov"]).all()
    (interval,) = information.profile(
        lambda params: model["log_likelihood"](params, data), saddle, ["mu[0]"]
    )
    assert interval.problem.startswith("not a maximum")


# Counts in categories, some of the units without one: constraints and edges.


def counts_e(params, data):
    return {"counts": data["counts"] + data["m"] * params["p"]}


def counts_m(expectations, data):
    return {"p": expectations["counts"] / expectations["counts"].sum()}


def counts_q(params, expectations, data):
    used = expectations["counts"] > 0
    return np.sum(expectations["counts"][used] * np.log(params["p"][used]))


def counts_height(params, data):
    return counts_q(params, data, data)


def counts_routes(data, params):
    q = information.expected(counts_q, counts_e, data)
    update = information.em_map(counts_e, counts_m, data)
    return (
        information.observed(partial(counts_height, data=data), params),
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
    for found in counts_routes(data, {"p": p}):
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
    for found in counts_routes(data, {"p": p}):
        np.testing.assert_allclose(found.covariance, exact, atol=1e-8 * exact.max())
    table = information.profile(partial(counts_height, data=data), {"p": p}, ["p[1,0]"])
    row = information.profile(
        partial(counts_height, data={"counts": counts.ravel(), "m": 0}), {"p": p.ravel()}, ["p[2]"]
    )
    assert (table[0].lower, table[0].upper) == pytest.approx((row[0].lower, row[0].upper))


def test_a_probability_of_zero_has_no_standard_error_and_the_others_are_given_it():
    data = {"counts": np.array([30, 0, 70]), "m": 25}
    for found in counts_routes(data, {"p": np.array([0.3, 0.0, 0.7])}):
        assert np.isnan(found.errors["p"][1])
        se = math.sqrt(0.3 * 0.7 / 100)
        np.testing.assert_allclose(found.errors["p"][[0, 2]], se, rtol=1e-8)
        assert list(found.without) == ["p[1]"]
        assert "no standard error for p[1]: at an end of its range" in repr(found)
        assert (found.problem, found.notes) == ("", ())


def test_where_everything_lies_at_an_end_of_its_range():
    found = information.observed(lambda params: 0.0, {"p": [1.0, 0.0]})
    assert found.problem == "no standard errors: every parameter lies at an end of its range"
    with pytest.raises(InputError, match="nothing is left to converge"):
        information.convergence(lambda params: params, {"p": [1.0, 0.0]})


def test_a_variance_on_its_way_to_zero_has_levelled_off():
    def height(params):
        return -((params["mu"] - 1) ** 2) / 2 - params["tau"] ** 2

    found = information.observed(height, {"mu": 1.0, "tau": 1e-6})
    assert found.errors["mu"] == pytest.approx(1, rel=1e-8)
    assert np.isnan(found.errors["tau"])
    assert list(found.without) == ["tau"]
    assert found.without["tau"].startswith("where the log-likelihood has levelled off")


def test_what_lies_along_a_ridge_is_not_identified():
    def height(params):
        return -((params["a"] + params["b"] - 3) ** 2) / 2 - 2 * (params["c"] - 1) ** 2

    params = {"a": 1.0, "b": 2.0, "c": 1.0}
    found = information.observed(height, params)
    assert np.isnan(found.errors["a"])
    assert np.isnan(found.errors["b"])
    assert found.errors["c"] == pytest.approx(0.5, rel=1e-8)
    assert found.without == {"a": "not identified", "b": "not identified"}
    assert "no standard error for a, b: not identified" in repr(found)

    def move(params):
        gap = (3 - params["a"] - params["b"]) / 4
        return {"a": params["a"] + gap, "b": params["b"] + gap, "c": np.float64(1)}

    rate = information.convergence(move, params)
    assert rate.rate == pytest.approx(1, abs=1e-7)
    assert rate.problem.startswith("rate 1: there is a ridge")
    assert rate.problem.endswith("off it the rate is 0.5")


# Steps that are not EM.


def test_an_e_step_of_another_model_shows_in_the_symmetry(mixture):
    model, data, run, _ = mixture
    log_joint = log_joint_of(model)

    def q(params, expectations, data):
        return np.sum(expectations["z"] * log_joint(params, data))

    def m_step(expectations, data, params):
        new = model["m_step"](expectations, data, params)
        return new | {"sigma": new["sigma"] ** 0.5 * run.params["sigma"] ** 0.5}

    found = information.supplemented(
        information.em_map(model["e_step"], m_step, data),
        information.expected(q, model["e_step"], data),
        run.params,
    )
    assert any("not symmetric" in note for note in found.notes)


def test_a_map_that_turns_or_overshoots_is_not_em():
    def turn(params):
        x, y = params["x"]
        return {"x": np.array([0.5 * x - 0.5 * y, 0.5 * x + 0.5 * y])}

    where = {"x": np.zeros(2)}
    assert "not real" in information.convergence(turn, where).problem
    beyond = information.convergence(lambda params: {"x": -0.5 * params["x"]}, where)
    assert "no less than 0" in beyond.problem


def test_the_map_may_be_undefined_on_one_side():
    found = information.convergence(
        lambda params: {"p": np.sqrt(params["p"] - 1) + params["p"]}, {"p": 1.0}
    )
    assert np.isnan(found.rate)
    assert "not defined close to" in found.problem


# What cannot be used.


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: information.observed(lambda p: np.nan, TOY), InputError, "is not finite"),
        (lambda: information.observed(lambda p: [1, 2], TOY), InputError, "shape"),
        (lambda: information.observed(lambda p: p["x"], TOY), StepError, "KeyError"),
        (lambda: information.observed(toy_height, {"theta": np.inf}), DeclarationError, "finite"),
        (
            lambda: information.observed(toy_height, TOY, kinds={"mu": "real"}),
            InputError,
            "kinds names 'mu'",
        ),
        (
            lambda: information.observed(toy_height, TOY, kinds={"theta": "rate"}),
            InputError,
            "there are real",
        ),
        (
            lambda: information.observed(toy_height, TOY, kinds={"theta": "simplex"}),
            InputError,
            "which its values are not",
        ),
        (lambda: information.convergence(lambda p: {}, TOY), DeclarationError, "no theta"),
        (
            lambda: information.convergence(toy_map, TOY, sizes={"mu": 1.0}),
            InputError,
            "sizes names 'mu'",
        ),
        (lambda: information.louis(lambda p: [1.0], TOY), InputError, "units, values of z"),
        (
            lambda: information.louis(lambda p: [[1.0, 2.0]], TOY, weights=[[0.4, 0.4]]),
            InputError,
            "sum to one",
        ),
        (
            lambda: information.louis(lambda p: [[1.0, 2.0]], TOY, weights=[[1.0]]),
            InputError,
            "weights have shape",
        ),
        (
            lambda: information.louis(lambda p: [[np.nan, 2.0]], TOY, weights=[[0.5, 0.5]]),
            InputError,
            "not finite",
        ),
        (lambda: information.profile(toy_height, TOY, level=95), InputError, "between 0 and 1"),
        (lambda: information.profile(toy_height, TOY, ["mu"]), InputError, "no parameter 'mu'"),
    ],
)
def test_what_cannot_be_used_is_said(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_progress_is_told():
    told = []
    information.oakes(toy_expected, TOY, on_step=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    told.clear()
    information.profile(toy_height, TOY, on_interval=lambda *where: told.append(where))
    assert told == [(1, 1)]


# Differences.

CURVES = {
    "exp": (np.exp, np.exp, np.exp),
    "sin": (np.sin, np.cos, lambda x: -np.sin(x)),
    "log": (np.log, lambda x: 1 / x, lambda x: -(x**-2)),
}


@unhurried
@given(st.sampled_from(sorted(CURVES)), st.floats(1.5, 3.0))
def test_differences_are_as_precise_as_they_say(name, x):
    f, slope, bend = CURVES[name]
    one = first(lambda t: np.asarray(f(x + t)))
    two = second(lambda t: float(f(x + t)), float(f(x)))
    assert abs(one.value - slope(x)) <= 10 * one.error + 1e-15
    assert abs(two.value - bend(x)) <= 10 * two.error + 1e-14
    assert one.error < 1e-8
    assert two.error < 1e-6


def test_differences_near_where_a_function_ends():
    found = first(lambda t: np.log(np.array(0.2 + t)) if t > -0.2 else np.array(np.nan))
    assert found.value == pytest.approx(5, rel=1e-6)
    assert np.isnan(first(lambda t: np.array(np.nan)).value)


@unhurried
@given(st.integers(1, 4), st.integers(0, 10**6), st.floats(-4, 4))
def test_second_derivatives_in_units_of_the_curvature(size, seed, magnitude):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size + 2))
    scale = 10 ** (magnitude * rng.uniform(-1, 1, size))
    matrix = root @ root.T / np.outer(scale, scale)
    top = scale * rng.normal(size=size)

    def height(x):
        return -(x - top) @ matrix @ (x - top) / 2

    units = curvature_units(height, top, np.full(size, False))
    falls = [-height(top + axis) for axis in np.diag(units)]
    assert min(falls) > 0.09
    assert max(falls) < 2.1
    found = hessian(height, top, units)
    size_of = np.sqrt(np.diag(matrix))
    np.testing.assert_allclose(
        -found.value / np.outer(size_of, size_of), matrix / np.outer(size_of, size_of), atol=1e-9
    )
    cross = mixed(lambda x, y: float(x @ matrix @ y), top, units)
    assert isinstance(cross, Derivative)
    blur = 1e-11 * (1 + abs(float(top @ matrix @ top)))
    np.testing.assert_allclose(
        cross.value * np.outer(units, units), matrix * np.outer(units, units), atol=1e3 * blur
    )


# Scales.


@unhurried
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_free_coordinates_lead_back(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, size + 1, size + 2))
    params = {
        "real": rng.normal(size=(size, 2)) - 1,
        "positive": rng.lognormal(size=size),
        "probability": rng.uniform(0.01, 0.99, size),
        "simplex": rng.dirichlet(np.ones(size + 1), size=3),
        "covariance": root @ root.swapaxes(1, 2),
    }
    scale = FreeScale.of(params, {name: name for name in params})
    point = scale.point(params)
    degrees = 2 * size + size + size + 3 * size + (size + 1) * (size + 2)
    assert point.shape == scale.edged.shape == (degrees,)
    for name, value in scale.params(point).items():
        np.testing.assert_allclose(value, params[name], rtol=1e-9, atol=1e-12)
    there = point + rng.normal(size=point.size)
    moved = scale.params(there)
    np.testing.assert_allclose(scale.point(moved), there, rtol=1e-7, atol=1e-7)
    assert FreeScale.of(moved, scale.kinds).kinds == scale.kinds
    again = scale.params(scale.point(moved))
    for name, value in moved.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-7, atol=1e-10)


def test_kinds_are_seen_from_values():
    kinds = FreeScale.of(
        {
            "mean": [-1.0, 2.0],
            "zeros": [0.0, 0.0],
            "rate": 0.2,
            "rates": [0.2, 1.0],
            "weights": [[0.2, 0.8], [1.0, 0.0]],
            "cov": [[2.0, 0.5], [0.5, 1.0]],
        }
    ).kinds
    assert list(kinds.values()) == [
        "real",
        "real",
        "positive",
        "positive",
        "simplex",
        "covariance",
    ]


# The bootstrap.


def exponential(n, rng, params):
    return {"y": rng.exponential(1 / params["theta"], n), "m": 10}


def exponential_refit(data, start):
    n = len(data["y"]) + data["m"]
    return em.run(
        lambda params, data: {"rest": data["m"] / params["theta"]},
        lambda expectations, data: {"theta": n / (data["y"].sum() + expectations["rest"])},
        data,
        start,
    )


def test_the_bootstrap_finds_the_exact_standard_error_within_its_own():
    n, calls = 20, []
    found = information.bootstrap(
        lambda params, rng: exponential(n, rng, params),
        exponential_refit,
        {"theta": 2.0},
        replicates=400,
        seed=3,
        on_replicate=lambda done, total: calls.append((done, total)),
    )
    assert calls[-1] == (400, 400)
    assert len(calls) == 400
    # θ̂ = n / S with S gamma distributed: its moments are those of an inverse gamma.
    mean = 2 * n / (n - 1)
    exact = mean / math.sqrt(n - 2)
    errors = found.standard_errors
    assert abs(errors.errors["theta"] - exact) < 4 * found.monte_carlo["theta"]
    assert abs(found.bias["theta"] - (mean - 2)) < 4 * exact / math.sqrt(400)
    assert 0.03 < errors.precision < 0.1
    assert (errors.problem, errors.notes) == ("", ())
    assert found.outcomes == {"distance": 400}
    lower, upper = found.interval(0.9)["theta"]
    assert lower < 2 < upper
    again = information.bootstrap(
        lambda params, rng: exponential(n, rng, params),
        exponential_refit,
        {"theta": 2.0},
        replicates=5,
        seed=found.seed,
    )
    for one, other in zip(again.replicates, found.replicates, strict=False):
        assert one.params["theta"] == other.params["theta"]


@pytest.mark.slow
def test_replicates_without_an_estimate_are_counted_and_named():
    model = contents("gaussian-mixture")

    def refit(data, start):
        return em.run(
            model["e_step"],
            model["m_step"],
            data,
            start,
            log_likelihood=model["log_likelihood"],
            stopping=Stopping(max_iterations=300),
        )

    def draw(params, rng):
        z = rng.choice(2, 12, p=params["w"])
        return {"x": rng.normal(params["mu"][z], params["sigma"][z])}

    params = {"w": np.array([0.5, 0.5]), "mu": np.array([0.0, 2.0]), "sigma": np.array([1.0, 1.0])}
    found = information.bootstrap(draw, refit, params, replicates=60, seed=1)
    lost = {name: n for name, n in found.outcomes.items() if name not in ("distance", "parameters")}
    assert lost.get("collapsed", 0) > 3
    kept = sum(replicate.converged for replicate in found.replicates)
    assert kept + sum(lost.values()) == 60
    (note,) = found.standard_errors.notes
    assert note.startswith(f"{kept} of 60 replicates have an estimate")
    assert f"{lost['collapsed']} collapsed" in note
    assert "the numbers stand for samples that have one" in found.standard_errors.problem
    estimates = [r.params["mu"] for r in found.replicates if r.converged]
    np.testing.assert_allclose(
        found.standard_errors.errors["mu"], np.std(estimates, axis=0, ddof=1)
    )
    assert "60 replicates" in repr(found.standard_errors)


def test_a_bootstrap_in_which_nothing_converges_has_no_standard_errors():
    stopping = Stopping(max_iterations=1)
    found = information.bootstrap(
        lambda params, rng: {},
        lambda data, start: em.run(toy_e, toy_m, data, {"theta": 1.0}, stopping=stopping),
        TOY,
        replicates=3,
        seed=0,
    )
    assert found.outcomes == {"iteration_limit": 3}
    assert np.isnan(found.standard_errors.errors["theta"])
    assert found.standard_errors.problem.startswith("no standard errors")
    assert np.isnan(found.interval()["theta"]).all()


def test_errors_in_a_bootstrap():
    def broken(params, rng):
        raise KeyError("scale")

    with pytest.raises(StepError, match="simulate raised KeyError"):
        information.bootstrap(broken, exponential_refit, TOY, seed=0)
    with pytest.raises(StepError, match="e_step raised"):
        information.bootstrap(
            lambda params, rng: {},
            lambda data, start: em.run(lambda p, d: p["nothing"], toy_m, data, start),
            TOY,
            replicates=2,
            seed=0,
        )
    with pytest.raises(InputError, match="at least 2"):
        information.bootstrap(broken, exponential_refit, TOY, replicates=1)


# Profiles.


def by_name(intervals):
    return {interval.label: interval for interval in intervals}


@pytest.mark.slow
@unhurried
@given(st.integers(3, 40), st.integers(0, 10**6), st.sampled_from([0.5, 0.9, 0.99]))
def test_profiles_of_a_normal_sample_have_closed_forms(n, seed, level):
    y = np.random.default_rng(seed).normal(5, 2, n)
    s, z = y.std(), math.sqrt(2) * _erfinv(level)
    found = by_name(
        information.profile(
            partial(normal_height, data={"y": y}),
            {"mu": y.mean(), "sigma": s},
            level=level,
            kinds={"mu": "real"},
        )
    )
    half = s * math.sqrt(math.expm1(z**2 / n))
    assert found["mu"].lower == pytest.approx(y.mean() - half, abs=1e-5 * s)
    assert found["mu"].upper == pytest.approx(y.mean() + half, abs=1e-5 * s)

    def over(ratio):  # of s to sigma
        return n * (math.log(ratio) - ratio**2 / 2 + 0.5) + z**2 / 2

    assert found["sigma"].upper == pytest.approx(s / brentq(over, 1e-9, 1), rel=1e-5)
    assert found["sigma"].lower == pytest.approx(s / brentq(over, 1, 50), rel=1e-5)
    assert all(interval.ends == (End.CROSSING, End.CROSSING) for interval in found.values())
    assert not any(interval.problem for interval in found.values())


def _erfinv(level):
    return brentq(lambda x: math.erf(x) - level, 0, 6)


def test_a_profile_of_a_probability_is_the_binomial_one():
    data = {"counts": np.array([7, 21, 12]), "m": 0}
    p = data["counts"] / 40
    height = partial(counts_height, data=data)
    for interval, k in zip(information.profile(height, {"p": p}), data["counts"], strict=True):

        def excess(value, k=k):
            fall = k * math.log(k / 40 / value) + (40 - k) * math.log((1 - k / 40) / (1 - value))
            return fall - Z**2 / 2

        assert interval.lower == pytest.approx(brentq(excess, 1e-9, k / 40), abs=1e-6)
        assert interval.upper == pytest.approx(brentq(excess, k / 40, 1 - 1e-9), abs=1e-6)


def test_a_profile_that_reaches_the_end_of_the_range_says_so():
    data = {"counts": np.array([0, 30, 10]), "m": 0}
    height = partial(counts_height, data=data)

    def guarded(params):
        return height(params) if params["p"].min() >= 0 else np.nan

    found, *_ = information.profile(guarded, {"p": np.array([0, 0.75, 0.25])}, ["p[0]"])
    assert (found.lower, found.ends) == (0.0, (End.BOUNDARY, End.CROSSING))
    # With no success in n, n log(1 - p) = -z²/2.
    assert found.upper == pytest.approx(-math.expm1(-(Z**2) / 80), rel=1e-5)
    assert "the end of the range" in repr(found)


def test_a_profile_that_never_falls_far_enough_is_unbounded():
    (found,) = information.profile(lambda params: -(np.tanh(params["x"]) ** 2), {"x": 0.0})
    assert (found.lower, found.upper) == (-np.inf, np.inf)
    assert found.ends == (End.UNBOUNDED, End.UNBOUNDED)


def test_where_the_log_likelihood_ends_is_no_confidence_limit():
    # A uniform sample on (0, θ), n = 8, the largest 3: the likelihood ends at the estimate.
    def height(params):
        return -8 * np.log(params["theta"]) if params["theta"] >= 3 else np.nan

    (found,) = information.profile(height, {"theta": 3.0})
    assert found.upper == pytest.approx(3 * math.exp(Z**2 / 16), rel=1e-6)
    assert found.ends == (End.UNDEFINED, End.CROSSING)
    assert found.lower == pytest.approx(3, rel=1e-6)


def test_profiles_of_random_effects_are_those_of_lme4():
    model, data, run = catalogue("random-effects")
    found = by_name(
        information.profile(
            lambda params: model["log_likelihood"](params, data), run.params, kinds={"mu": "real"}
        )
    )
    # confint of lmer(Yield ~ 1 + (1 | Batch), Dyestuff, REML = FALSE) of lme4 1.1-31, which
    # interpolates a spline through a few points of the profile: hence the tolerance.
    for name, lower, upper in (
        ("mu", 1486.4515000, 1568.5484944),
        ("tau", 12.1985352, 84.0630467),
        ("sigma", 38.2299849, 67.6576962),
    ):
        assert found[name].lower == pytest.approx(lower, abs=3e-3)
        assert found[name].upper == pytest.approx(upper, abs=3e-3)
    # What is interpolated least well, without interpolation: mu is the mean whatever the rest.
    limit = run.log_likelihood - Z**2 / 2
    for end in (found["tau"].lower, found["tau"].upper):

        def below(sigma, end=end):
            return -model["log_likelihood"]({"mu": 1527.5, "tau": end, "sigma": sigma}, data)

        best = minimize_scalar(below, bounds=(20, 120), options={"xatol": 1e-8})
        assert -best.fun == pytest.approx(limit, abs=1e-6)


@pytest.mark.slow
def test_a_profile_of_a_covariance_is_that_of_an_independent_search():
    model, data = murray()
    cov = np.array([[8.0, 4.0], [4.0, 8.0]]) / 3
    height = lambda params: model["log_likelihood"](params, data)  # noqa: E731
    params = {"mu": np.zeros(2), "cov": cov}
    found = by_name(information.profile(height, params, ["cov[0,0]", "cov[1,0]"]))
    limit = height(params) - Z**2 / 2

    def best(position, value):
        """The log-likelihood at its highest with one entry of the covariance held."""

        def below(free):
            matrix = np.empty((2, 2))
            if position == (0, 0):
                r = np.tanh(free[1])
                a, b = value, math.exp(free[0])
                c = r * math.sqrt(a * b)
            else:
                a = math.exp(free[0])
                c, b = value, value**2 / a + math.exp(free[1])
            matrix[:] = [[a, c], [c, b]]
            return -height({"mu": free[2:], "cov": matrix})

        starts = ([1.0, 0.5, 0, 0], [1.5, -0.5, 0, 0])
        runs = [
            minimize(
                below,
                start,
                method="Nelder-Mead",
                options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 4000},
            )
            for start in starts
        ]
        return -min(run.fun for run in runs)

    for label, position in (("cov[0,0]", (0, 0)), ("cov[1,0]", (1, 0))):
        for end in (found[label].lower, found[label].upper):
            assert best(position, end) == pytest.approx(limit, abs=1e-5)


def test_a_profile_that_finds_a_higher_place_says_so():
    def height(params):
        x = params["x"]
        return -(x**2) / 2 + 4 * np.exp(-(((x - 2.0) / 0.4) ** 2))

    (found,) = information.profile(height, {"x": 0.0})
    assert found.problem.startswith("not a maximum: the log-likelihood is higher by")


# The routes of a declaration, with exact derivatives.


def declared(name):
    import latentfit
    from latentfit import bayes

    model = latentfit.load(name)
    statement = model.declare()
    density = bayes.Density(bayes.observed_view(statement), declaration.space(statement))
    params = model.fit(seed=0, stopping=Stopping(distance=1e-11)).params
    return model, statement, density, bayes.complete_data(statement, density), params


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["exponential-missing", "genetic-linkage", "gaussian-mixture", "random-effects"]
)
def test_the_routes_of_a_declaration_agree_with_its_hessian(name):
    from latentfit.bayes import _routes, standard_errors

    model, statement, density, complete, params = declared(name)
    to_model = model.to_model or (lambda params: params)
    point = density.space.locate(to_model(params))
    exact = standard_errors(density, point)
    update = information.em_map(model.e_step, model.maximise, statement.data)
    supplement = _routes.by_supplement(complete, update, params, to_model=to_model)
    oakes = _routes.by_oakes(complete, point)
    for found in (_routes.by_observed(density, point), oakes, supplement):
        assert (found.problem, found.notes) == ("", ())
        for label, value in exact.items():
            np.testing.assert_allclose(found.errors[label], value, rtol=1e-7)
    for label, value in oakes.missing.items():
        np.testing.assert_allclose(supplement.missing[label], value, atol=1e-7)
    own = information.observed(lambda params: model.log_likelihood(params, statement.data), params)
    for label, value in own.errors.items():
        np.testing.assert_allclose(value, exact[label], rtol=1e-6)
    if complete.joint is None:
        with pytest.raises(InputError, match="categorical latents alone"):
            _routes.by_louis(complete, point)
        return
    louis = _routes.by_louis(complete, point)
    assert (louis.problem, louis.notes) == ("", ())
    for label, value in exact.items():
        np.testing.assert_allclose(louis.errors[label], value, rtol=1e-7)
    assert louis.rate == pytest.approx(oakes.rate, abs=1e-7)


@pytest.mark.slow
def test_a_declaration_that_is_known_by_draws_only_has_no_second_derivatives():
    from latentfit import bayes
    from latentfit.bayes import _routes

    _, statement, density, complete, params = declared("exponential-missing")
    drawn = bayes.by_draws(statement, density)
    with pytest.raises(InputError, match="by draws only"):
        _routes.by_oakes(drawn, density.space.locate(params))
    with pytest.raises(DeclarationError, match="has no rate"):
        _routes.by_supplement(complete, lambda params: params, {"rate": 0.2})
