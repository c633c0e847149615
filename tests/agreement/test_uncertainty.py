"""Standard errors in a comparison: their methods, the missing information, and the reasons for
differences from posterior standard deviations."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

import latentfit
from latentfit import bayes, declaration
from latentfit.agreement import (
    Parameter,
    Problem,
    SolutionGroup,
    Uncertainty,
    estimate_uncertainty,
    profile_labels,
)
from latentfit.agreement.alignment import Point, align
from latentfit.agreement.standard_error_differences import explain_differences
from latentfit.agreement.verdicts import errors_vs_posterior, standard_error_methods
from latentfit.em.information import StandardErrors, em_map
from latentfit.errors import InputError

QUIET = {"mle": 0.0, "map": 0.0, "posterior_mean": 0.0, "rhat": 1.0, "ess_bulk": 4000.0}
ROW = Parameter(
    name="mu",
    em=0.0,
    em_se=1.0,
    posterior_sd=1.0,
    eti=(-2.0, 2.0),
    ess_tail=4000.0,
    mcse_mean=0.02,
    em_minus_mle=0.0,
    map_minus_mle=0.0,
    tail=1.0,
    **QUIET,
)


def draws_of(values):
    """Draws of one parameter in four chains."""
    return xr.Dataset({"mu": (("chain", "draw"), np.reshape(values, (4, -1)))})


def normal_draws(sd=1.0):
    return draws_of(np.random.default_rng(0).normal(0, sd, 8000))


def reasons(row, posterior, laplace=1.0, optima=(), without=None):
    return explain_differences([row], without or {}, {"mu": laplace}, posterior, optima)


# Reasons.


def test_equal_standard_errors_and_posterior_sds_need_no_explanation():
    assert reasons(ROW, normal_draws()) == {}
    assert errors_vs_posterior.of_differences([ROW], {}).status == "pass"


@given(st.floats(0.2, 0.8))
@settings(deadline=None, max_examples=20)
def test_a_prior_that_narrows_the_posterior_is_named(sd):
    row = replace(ROW, posterior_sd=sd)
    found = reasons(row, normal_draws(sd), laplace=sd)
    assert found["mu"].startswith("the prior: with it, the curvature at the MAP gives 1.00")
    verdict = errors_vs_posterior.of_differences([row], found)
    assert (verdict.status, "for a known reason" in verdict.title) == ("pass", True)


def test_a_skewed_posterior_is_named():
    rng = np.random.default_rng(1)
    values = rng.exponential(2.0, 8000)
    found = reasons(replace(ROW, posterior_sd=values.std()), draws_of(values))
    assert found["mu"].startswith("the posterior is not normal (skewness 2")
    assert "excess kurtosis" in found["mu"]


def test_a_lower_maximum_that_is_nearly_as_high_is_named():
    optima = [SolutionGroup("EM", value, 1, {}) for value in (-100.0, -101.5, -140.0)]
    found = reasons(replace(ROW, posterior_sd=2.0), normal_draws(2.0), optima=optima)
    assert found["mu"] == "the log-likelihood of another maximum is only 1.5 lower"
    far = [optima[0], optima[2]]
    assert reasons(replace(ROW, posterior_sd=2.0), normal_draws(2.0), optima=far) == {"mu": ""}


def test_a_difference_without_a_known_reason_is_a_warning():
    row = replace(ROW, posterior_sd=2.0)
    verdict = errors_vs_posterior.of_differences([row], reasons(row, normal_draws(2.0)))
    assert verdict.status == "warn"
    assert "no known reason explains it for mu" in verdict.detail
    assert "0.50" in verdict.detail


def test_a_missing_standard_error_on_a_boundary_is_explained():
    row = replace(ROW, em_se=float("nan"))
    assert reasons(row, normal_draws(), without={"mu": "flat towards the boundary"}) == {
        "mu": "flat towards the boundary"
    }
    assert (
        errors_vs_posterior.of_differences([row], {"mu": "flat towards the boundary"}).status
        == "skip"
    )


def test_a_difference_within_chance_needs_no_explanation():
    # With few draws of a normal, the error of the posterior sd is a tenth of it.
    values = np.random.default_rng(3).normal(0, 1, 40)
    row = replace(ROW, posterior_sd=values.std(ddof=1), em_se=1.2 * values.std(ddof=1))
    assert reasons(row, draws_of(values)) == {}
    many = np.tile(values, 200)
    assert list(reasons(replace(row, posterior_sd=many.std()), draws_of(many))) == ["mu"]


def test_what_is_not_identified_is_left_out():
    row = replace(ROW, posterior_sd=9.0, identified=False)
    assert reasons(row, normal_draws(9.0)) == {}


# Methods.


def errors(method, value, problem=""):
    at = {"mu": np.array(value)}
    return StandardErrors(
        method, at, at, ("mu",), np.array([[value**2]]), None, 0.0, 1e-12, problem=problem
    )


def test_methods_that_differ_are_a_warning():
    methods = {"observed": errors("observed", 1.0), "oakes": errors("oakes", 1.0 + 1e-9)}
    same = Uncertainty(methods, {}, float("nan"))
    assert same.same
    assert standard_error_methods.of_uncertainty(same).status == "pass"
    different = Uncertainty(methods | {"supplemented": errors("supplemented", 1.2)}, {}, 0.5)
    assert different.furthest() == ("supplemented", "mu", pytest.approx(0.2))
    assert standard_error_methods.of_uncertainty(different).status == "warn"
    # The bootstrap estimates another quantity than the observed information.
    drawn = Uncertainty(methods | {"bootstrap": errors("bootstrap", 1.4)}, {}, 0.5)
    assert standard_error_methods.of_uncertainty(drawn).status == "pass"
    assert drawn.rates == {"run": 0.5}


def test_numbers_that_are_no_standard_errors_are_reported_as_such():
    found = Uncertainty({"observed": errors("observed", 1.0, "not a maximum")}, {}, 0.5)
    verdict = standard_error_methods.of_uncertainty(found)
    assert (verdict.status, verdict.detail) == ("warn", "not a maximum")
    alone = Uncertainty({"observed": errors("observed", 1.0)}, {"oakes": "by draws only"}, 0.5)
    verdict = standard_error_methods.of_uncertainty(alone)
    assert (verdict.status, verdict.detail) == ("skip", "Oakes: by draws only")


@pytest.fixture(scope="module")
def toy():
    model = latentfit.load("exponential-missing")
    statement = model.declare()
    density = bayes.Density(bayes.observed_view(statement), declaration.parameter_space(statement))
    complete = bayes.complete_data_view(statement, density)
    return model, statement, density, complete


def methods_of(toy, m_step=None, complete=None):
    model, statement, density, view = toy
    params = {"theta": np.array(0.2)}
    problem = Problem(
        statement,
        density,
        SimpleNamespace(best=SimpleNamespace(params=params, rate=0.5)),
        "likelihood",
        lambda values: values,
        em_map(model.e_step, m_step or model.m_step, statement.data),
    )
    point = Point(density.space.locate(params), params)
    return estimate_uncertainty(problem, point, view if complete is None else complete)


@pytest.mark.slow
def test_half_of_the_toy_is_missing(toy):
    """One of two exponential variables is seen: se θ̂ / √1, and half of the information."""
    found = methods_of(toy)
    for by_label in found.errors.values():
        assert by_label["theta"] == pytest.approx(0.2, rel=1e-8)
    assert list(found.errors) == ["observed", "oakes", "supplemented"]
    assert found.missing["theta"] == pytest.approx(0.5, abs=1e-9)
    assert found.rates == pytest.approx({"oakes": 0.5, "supplemented": 0.5, "run": 0.5}, abs=1e-8)
    assert found.same
    assert standard_error_methods.of_uncertainty(found).status == "pass"


@pytest.mark.slow
def test_the_em_of_another_model_is_recognised_by_its_derivative(toy):
    # It has the same fixed point, and too little information is missing.
    def eager(expectations, data):
        return {"theta": 0.25 - 0.01 * expectations["y_unobserved"].item()}

    found = methods_of(toy, m_step=eager)
    assert not found.same
    assert found.furthest()[0] == "supplemented"
    assert standard_error_methods.of_uncertainty(found).status == "warn"


@pytest.mark.slow
def test_without_a_complete_data_view_one_method_is_left(toy):
    found = methods_of(toy, complete="there is no such view")
    assert list(found.errors) == ["observed"]
    assert set(found.unavailable) == {"louis", "oakes", "supplemented"}
    assert found.missing == {}


def test_profiles_are_asked_for_by_name_or_label(toy):
    space = toy[2].space
    assert profile_labels(["theta"], space) == ("theta",)
    assert profile_labels([], space) == ()
    with pytest.raises(InputError, match="no parameter 'rho'; it has theta"):
        profile_labels(["rho"], space)


# In a comparison.


@pytest.mark.slow
def test_a_comparison_holds_bootstrap_and_profiles():
    found = latentfit.load("exponential-missing").compare(
        seed=1, bootstrap=100, profile=["theta"], check=False
    )
    uncertainty = found.uncertainty
    # 2 (log L(θ̂) - log L(θ)) = 2 (r - 1 - log r) with r = θ / θ̂.
    interval = uncertainty.intervals["theta"]
    for end in (interval.lower, interval.upper):
        ratio = end / 0.2
        assert 2 * (ratio - 1 - np.log(ratio)) == pytest.approx(3.841459, rel=1e-5)
    replicates = uncertainty.bootstrap
    assert len(replicates.replicates) == 100
    # θ̂ = 1/y of y ~ Exponential(0.2): its median is 0.2 / log 2, and it has no variance.
    estimates = [float(one.params["theta"]) for one in replicates.replicates]
    below = np.mean(np.array(estimates) < 0.2 / np.log(2))
    assert abs(below - 0.5) < 4 * 0.05
    plain = found.to_dict()["uncertainty"]
    assert plain["standard_errors"]["oakes"]["theta"] == pytest.approx(0.2, rel=1e-6)
    assert plain["profile_intervals"]["theta"]["ends"] == ["crossing", "crossing"]
    assert {"bootstrap_s", "errors_s", "profile_s"} <= found.timings.keys()
    with pytest.raises(InputError, match="at least 2 replicates"):
        latentfit.load("exponential-missing").compare(bootstrap=1)


@pytest.mark.parametrize(("prior", "expected"), [(False, 0.5 / np.sqrt(2.5)), (True, 0.5 / 3**0.5)])
def test_standard_errors_belong_to_the_objective_of_em(prior, expected):
    """y = 5 seen, y2 missing, θ ~ Gamma(3, 1): log p(θ | y) is 3 log θ - 6 θ, highest at 1/2,
    with curvature 3 / θ²; log p(y | θ) has 5 θ there, of log θ, and no maximum."""

    def model(y):
        with pm.Model() as built:
            theta = pm.Gamma("theta", 3, 1)
            pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
        return built

    lifetimes = replace(latentfit.load("exponential-missing"), model=model)
    against = lifetimes.reference({"y": np.array([5.0, np.nan])})
    point = against.density.space.unconstrain({"theta": 0.5})
    aligned = align(against.declaration, against.density, point, prior=prior)
    assert aligned.errors["theta"] == pytest.approx(expected, rel=1e-10)
