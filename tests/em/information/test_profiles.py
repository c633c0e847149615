"""Profile likelihood intervals."""

import math
from functools import partial

import numpy as np
import pytest
from em_toys import (
    catalogue,
    counts_log_likelihood,
    murray,
    normal_log_likelihood,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize, minimize_scalar

from latentfit.em import information
from latentfit.em.information import Endpoint

unhurried = settings(deadline=None, max_examples=30)
Z = 1.959963984540054


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
            partial(normal_log_likelihood, data={"y": y}),
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
    assert all(
        interval.ends == (Endpoint.CROSSING, Endpoint.CROSSING) for interval in found.values()
    )
    assert not any(interval.problem for interval in found.values())


def _erfinv(level):
    return brentq(lambda x: math.erf(x) - level, 0, 6)


def test_a_profile_of_a_probability_is_the_binomial_one():
    data = {"counts": np.array([7, 21, 12]), "m": 0}
    p = data["counts"] / 40
    log_likelihood = partial(counts_log_likelihood, data=data)
    for interval, k in zip(
        information.profile(log_likelihood, {"p": p}), data["counts"], strict=True
    ):

        def excess(value, k=k):
            fall = k * math.log(k / 40 / value) + (40 - k) * math.log((1 - k / 40) / (1 - value))
            return fall - Z**2 / 2

        assert interval.lower == pytest.approx(brentq(excess, 1e-9, k / 40), abs=1e-6)
        assert interval.upper == pytest.approx(brentq(excess, k / 40, 1 - 1e-9), abs=1e-6)


def test_a_profile_that_stays_above_the_threshold_ends_at_the_bound():
    data = {"counts": np.array([0, 30, 10]), "m": 0}
    log_likelihood = partial(counts_log_likelihood, data=data)

    def guarded(params):
        return log_likelihood(params) if params["p"].min() >= 0 else np.nan

    found, *_ = information.profile(guarded, {"p": np.array([0, 0.75, 0.25])}, ["p[0]"])
    assert (found.lower, found.ends) == (0.0, (Endpoint.BOUNDARY, Endpoint.CROSSING))
    # With no success in n, n log(1 - p) = -z²/2.
    assert found.upper == pytest.approx(-math.expm1(-(Z**2) / 80), rel=1e-5)
    assert "the bound of the parameter's range" in repr(found)


def test_a_profile_that_never_falls_far_enough_is_unbounded():
    (found,) = information.profile(lambda params: -(np.tanh(params["x"]) ** 2), {"x": 0.0})
    assert (found.lower, found.upper) == (-np.inf, np.inf)
    assert found.ends == (Endpoint.UNBOUNDED, Endpoint.UNBOUNDED)


def test_a_discontinuity_of_the_log_likelihood_is_not_a_confidence_limit():
    # A uniform sample on (0, θ), n = 8, maximum 3: the likelihood is zero below the estimate.
    def log_likelihood(params):
        return -8 * np.log(params["theta"]) if params["theta"] >= 3 else np.nan

    (found,) = information.profile(log_likelihood, {"theta": 3.0})
    assert found.upper == pytest.approx(3 * math.exp(Z**2 / 16), rel=1e-6)
    assert found.ends == (Endpoint.UNDEFINED, Endpoint.CROSSING)
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
    # The ends that lme4 interpolates worst, without interpolation: the estimate of mu is the mean
    # for all values of the other parameters.
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
    log_likelihood = lambda params: model["log_likelihood"](params, data)  # noqa: E731
    params = {"mu": np.zeros(2), "cov": cov}
    found = by_name(information.profile(log_likelihood, params, ["cov[0,0]", "cov[1,0]"]))
    limit = log_likelihood(params) - Z**2 / 2

    def best(position, value):
        """Maximise the log-likelihood with one entry of the covariance fixed."""

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
            return -log_likelihood({"mu": free[2:], "cov": matrix})

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


def test_a_higher_log_likelihood_elsewhere_is_reported():
    def log_likelihood(params):
        x = params["x"]
        return -(x**2) / 2 + 4 * np.exp(-(((x - 2.0) / 0.4) ** 2))

    (found,) = information.profile(log_likelihood, {"x": 0.0})
    assert found.problem.startswith("not a maximum: the log-likelihood is higher by")
