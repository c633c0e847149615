"""Standard errors of EM: every route against closed forms, and against the others."""

import math
from functools import partial

import numpy as np
import pytest
from em_toys import (
    TOY,
    catalogue,
    counts_height,
    counts_q,
    murray,
    normal_height,
    toy_e,
    toy_height,
    toy_m,
    toy_q,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit import declaration, em
from latentfit.em import Stopping, information
from latentfit.errors import DeclarationError, InputError, StepError

unhurried = settings(deadline=None, max_examples=30)


# Exponential sample with a missing value.

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


# The routes of a declaration, with exact derivatives.


def declared(name):
    import latentfit
    from latentfit import bayes

    model = latentfit.load(name)
    statement = model.declare()
    density = bayes.Density(bayes.observed_view(statement), declaration.space(statement))
    params = model.fit(seed=0, stopping=Stopping(distance=1e-11)).params
    return model, statement, density, bayes.complete_data_view(statement, density), params


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
