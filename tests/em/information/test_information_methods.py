"""Standard errors by every method: against closed forms, and against each other."""

import math
from functools import partial

import numpy as np
import pytest
from em_toys import (
    TOY,
    catalogue,
    murray,
    normal_log_likelihood,
    toy_e,
    toy_log_likelihood,
    toy_m,
    toy_q,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit import em
from latentfit.em import Stopping, information

unhurried = settings(deadline=None, max_examples=30)


# Exponential sample with a missing value.

toy_map = information.em_map(toy_e, toy_m, {})
toy_q_function = information.q_function(toy_q, toy_e, {})


def toy_louis():
    nodes, weights = np.polynomial.laguerre.laggauss(4)

    def log_joint(params):
        return [2 * np.log(params["theta"]) - params["theta"] * (5 + nodes / 0.2)]

    return information.louis(log_joint, TOY, weights=[weights / weights.sum()])


TOY_METHODS = {
    "observed": lambda: information.observed(toy_log_likelihood, TOY),
    "louis": toy_louis,
    "oakes": lambda: information.oakes(toy_q_function, TOY),
    "supplemented": lambda: information.supplemented(toy_map, toy_q_function, TOY),
}


@pytest.mark.parametrize("method", TOY_METHODS)
def test_one_observed_exponential_has_information_one_over_theta_squared(method):
    found = TOY_METHODS[method]()
    assert (found.method, found.problem, found.notes) == (method, "", ())
    assert found.covariance[0, 0] == pytest.approx(0.2**2, rel=1e-9)
    assert found.errors["theta"].shape == ()
    assert found.precision < 1e-9
    if method != "observed":
        assert found.missing["theta"] == pytest.approx(0.5, abs=1e-9)
        assert found.rate == pytest.approx(0.5, abs=1e-9)


def test_the_toy_converges_at_rate_one_half():
    run = em.run(toy_e, toy_m, {}, {"theta": 1.0})
    found = information.convergence(toy_map, run.params, run_rate=run.rate)
    assert found.rate == pytest.approx(0.5, abs=1e-7)
    assert found.run_rate == pytest.approx(found.rate, abs=1e-5)
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
    q = information.q_function(linkage_q, model["e_step"], data)
    update = information.em_map(model["e_step"], model["m_step"], data)
    for found in (
        information.observed(lambda params: model["log_likelihood"](params, data), run.params),
        information.oakes(q, run.params),
        information.supplemented(update, q, run.params),
    ):
        assert 1 / found.covariance[0, 0] == pytest.approx(exact, rel=1e-7)
        assert found.errors["theta"] == pytest.approx(0.05147, abs=5e-6)
    assert found.missing["theta"] == pytest.approx(0.1328, abs=5e-5)
    rate = information.convergence(update, run.params, run_rate=run.rate)
    m = 125 * theta / (2 + theta) + 72
    assert rate.rate == pytest.approx((1 - theta) / m * 250 / (2 + theta) ** 2, abs=1e-8)
    assert rate.run_rate == pytest.approx(rate.rate, abs=1e-4)


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
    q = information.q_function(normal_q, normal_e, data)
    share = missing / (seen + missing)
    for found in (
        information.observed(partial(normal_log_likelihood, data=data), params),
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
    jacobian = np.vstack([[-1, 0, 0, 0, 0], np.eye(5)])  # w[1] = 1 - w[0]
    order = [1, 0, 2, 3, 4, 5]
    return (jacobian @ inverse @ jacobian.T)[np.ix_(order, order)]


def log_joint_of(model):
    return model["e_step"].__globals__["_log_joint"]


@pytest.fixture(scope="module")
def mixture():
    model, data, run = catalogue("gaussian-mixture")
    log_joint = log_joint_of(model)

    def q(params, expectations, data):
        return np.sum(expectations["z"] * log_joint(params, data))

    methods = {
        "observed": lambda p: information.observed(lambda v: model["log_likelihood"](v, data), p),
        "louis": lambda p: information.louis(lambda v: log_joint(v, data), p),
        "oakes": lambda p: information.oakes(information.q_function(q, model["e_step"], data), p),
        "supplemented": lambda p: information.supplemented(
            information.em_map(model["e_step"], model["m_step"], data),
            information.q_function(q, model["e_step"], data),
            p,
        ),
    }
    return model, data, run, methods


@pytest.mark.parametrize("method", ["observed", "louis", "oakes", "supplemented"])
def test_a_mixture_has_its_analytic_covariance(mixture, method):
    _, data, run, methods = mixture
    found = methods[method](run.params)
    exact = mixture_covariance(run.params, data["x"])
    size = np.sqrt(np.diag(exact))
    assert found.labels == ("w[0]", "w[1]", "mu[0]", "mu[1]", "sigma[0]", "sigma[1]")
    np.testing.assert_allclose(
        found.covariance / np.outer(size, size), exact / np.outer(size, size), atol=2e-8
    )
    assert (found.problem, found.notes) == ("", ())


def test_fractions_of_missing_information_agree_and_the_rate_bounds_them(mixture):
    model, data, run, methods = mixture
    found = [methods[method](run.params) for method in ("louis", "oakes", "supplemented")]
    three = [errors.missing for errors in found]
    for missing in three[1:]:
        for name, values in missing.items():
            np.testing.assert_allclose(values, three[0][name], atol=1e-7)
    update = information.em_map(model["e_step"], model["m_step"], data)
    rate = information.convergence(update, run.params, run_rate=run.rate)
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
    log_likelihood = lambda params: model["log_likelihood"](params, data)  # noqa: E731
    one = information.observed(log_likelihood, run.params)
    other = information.observed(log_likelihood, run.params, kinds={"mu": "real", "sigma": "real"})
    for name in one.errors:
        np.testing.assert_allclose(one.errors[name], other.errors[name], rtol=1e-7)


def test_params_that_are_not_the_maximum_are_reported(mixture):
    model, data, run, methods = mixture
    start = {"w": [0.4, 0.6], "mu": [2.1, 4.2], "sigma": [0.3, 0.4]}
    for method in methods.values():
        found = method(start)
        assert found.problem.startswith("not a maximum: the maximum is about")
        assert found.distance > 1
        assert np.isfinite(found.errors["mu"]).all()
    short = em.run(
        model["e_step"], model["m_step"], data, start, stopping=Stopping(max_iterations=4)
    )
    gap = (run.params["mu"][0] - short.params["mu"][0]) / methods["observed"](run.params).errors[
        "mu"
    ][0]
    distance = methods["observed"](short.params).distance
    assert abs(gap) <= 1.2 * distance
    assert methods["supplemented"](short.params).distance == pytest.approx(distance, rel=0.2)


def test_a_saddle_point_has_no_standard_errors(mixture):
    _, data, _, methods = mixture
    x = data["x"]
    saddle = {"w": [0.3, 0.7], "mu": [x.mean()] * 2, "sigma": [x.std()] * 2}
    found = methods["observed"](saddle)
    assert found.problem.startswith("no standard errors: not a maximum")
    assert "saddle point" in found.problem
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


def test_three_methods_agree_on_a_covariance_with_missing_values():
    model, data = murray()
    start = {"mu": np.zeros(2), "cov": np.array([[2.0, 0.5], [0.5, 2.0]])}
    run = em.run(model["e_step"], model["m_step"], data, start, stopping=Stopping(distance=1e-11))
    np.testing.assert_allclose(run.params["cov"], [[8 / 3, 4 / 3], [4 / 3, 8 / 3]], atol=1e-9)
    q = information.q_function(murray_q, model["e_step"], data)
    update = information.em_map(model["e_step"], model["m_step"], data)
    one = information.observed(lambda params: model["log_likelihood"](params, data), run.params)
    for other in (
        information.oakes(q, run.params),
        information.supplemented(update, q, run.params),
    ):
        np.testing.assert_allclose(other.covariance, one.covariance, atol=1e-6)
    # Both triangles are one parameter.
    np.testing.assert_array_equal(one.covariance[3], one.covariance[4])
    rate = information.convergence(update, run.params, run_rate=run.rate)
    assert rate.run_rate == pytest.approx(rate.rate, abs=1e-4)
    assert max(value.max() for value in other.missing.values()) <= rate.rate


def test_em_diverges_from_a_saddle_point():
    model, data = murray()
    saddle = {"mu": np.zeros(2), "cov": 2.5 * np.eye(2)}
    update = information.em_map(model["e_step"], model["m_step"], data)
    assert em.run(model["e_step"], model["m_step"], data, saddle).converged
    rate = information.convergence(update, saddle)
    assert rate.rate > 1
    assert rate.problem.startswith("not a maximum: EM diverges")
    assert list(rate.slowest) == ["cov[0,1]", "cov[1,0]"]
    q = information.q_function(murray_q, model["e_step"], data)
    for found in (information.oakes(q, saddle), information.supplemented(update, q, saddle)):
        assert "not a maximum" in found.problem
        assert np.isnan(found.errors["cov"]).all()
    (interval,) = information.profile(
        lambda params: model["log_likelihood"](params, data), saddle, ["mu[0]"]
    )
    assert interval.problem.startswith("not a maximum")


# Steps that are not EM.


def test_an_m_step_that_does_not_maximise_q_makes_the_information_asymmetric(mixture):
    model, data, run, _ = mixture
    log_joint = log_joint_of(model)

    def q(params, expectations, data):
        return np.sum(expectations["z"] * log_joint(params, data))

    def m_step(expectations, data, params):
        new = model["m_step"](expectations, data, params)
        return new | {"sigma": new["sigma"] ** 0.5 * run.params["sigma"] ** 0.5}

    found = information.supplemented(
        information.em_map(model["e_step"], m_step, data),
        information.q_function(q, model["e_step"], data),
        run.params,
    )
    assert any("not symmetric" in note for note in found.notes)
