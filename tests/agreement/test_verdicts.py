"""Each verdict, computed from figures that are made up for the test."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pymc as pm
import pytest

from latentfit.agreement import Parameter, SolutionGroup, agreement
from latentfit.agreement.verdicts import (
    chains,
    em_at_maximum,
    em_in_posterior,
    marginalisation,
    monotone,
    optima,
    prior_explains_map,
)
from latentfit.bayes.maxima import Maximum
from latentfit.bayes.sampling import ReducedQuadrature
from latentfit.bayes.views import Marginalisation

GOOD = Parameter(
    name="theta",
    em=1.0,
    em_se=0.1,
    mle=1.0,
    map=0.98,
    posterior_mean=1.01,
    posterior_sd=0.1,
    eti=(0.8, 1.2),
    rhat=1.001,
    ess_bulk=2000.0,
    ess_tail=1900.0,
    mcse_mean=0.002,
    em_minus_mle=0.0,
    map_minus_mle=-0.2,
    tail=0.9,
)
MAXIMUM = Maximum(np.zeros(1), -10.0, 1e-13)


def fit(converged=True, decrease=None, message="stopped at the limit"):
    solution = SimpleNamespace(
        converged=converged, decrease=decrease, iterations=7, message=message
    )
    return SimpleNamespace(best=solution, solutions=(solution,))


def test_good_chains_pass():
    verdict = chains.of_diagnostics([GOOD], divergences=1, draws=4000, count=4)
    assert verdict.status == "pass"
    assert "1.0010" in verdict.detail
    assert "1 divergent transition in 4000 draws" in verdict.detail


@pytest.mark.parametrize(
    ("change", "divergences", "count", "words"),
    [
        ({"rhat": 1.02}, 0, 4, "R-hat of theta is 1.020"),
        ({"rhat": np.nan}, 0, 4, "R-hat"),
        ({"ess_bulk": 300.0}, 0, 4, "300 effective draws"),
        ({"ess_tail": 90.0}, 0, 4, "90 effective draws"),
        ({}, 3, 4, "3 divergent transitions"),
        ({}, 0, 1, "single chain"),
    ],
)
def test_bad_chains_fail_with_the_reason(change, divergences, count, words):
    verdict = chains.of_diagnostics([replace(GOOD, **change)], divergences, 2000, count)
    assert verdict.status == "fail"
    assert words in verdict.detail
    assert agreement([verdict]) is None


def test_em_at_the_mle_passes():
    assert em_at_maximum.of_maxima(fit(), [GOOD], MAXIMUM, MAXIMUM, "MLE").status == "pass"


def test_em_at_the_mle_that_stopped_early_is_a_warning():
    verdict = em_at_maximum.of_maxima(fit(converged=False), [GOOD], MAXIMUM, MAXIMUM, "MLE")
    assert verdict.status == "warn"
    assert "stopped at the limit" in verdict.detail


def test_em_in_a_lower_maximum_fails_with_the_difference():
    lower = replace(MAXIMUM, value=-16.5)
    away = replace(GOOD, em=2.0)
    verdict = em_at_maximum.of_maxima(fit(), [away], lower, MAXIMUM, "MLE")
    assert verdict.status == "fail"
    assert "lower maximum" in verdict.title
    assert "6.5 below" in verdict.detail


def test_em_on_a_slope_fails_with_the_distance():
    slope = replace(MAXIMUM, value=-10.5, decrement=0.3)
    verdict = em_at_maximum.of_maxima(fit(), [replace(GOOD, em=1.03)], slope, MAXIMUM, "MLE")
    assert verdict.status == "fail"
    assert "0.3 standard errors" in verdict.detail


def test_a_divisor_of_n_minus_one_for_n_is_no_agreement():
    """With n = 1000, the divisor n - 1 changes the sd of a normal sample by 0.02 posterior sd."""
    n = 1000
    sd = 1 / np.sqrt(2 * n)
    row = replace(GOOD, em=np.sqrt(n / (n - 1)), mle=1.0, posterior_sd=sd)
    slope = replace(MAXIMUM, value=-10.0 - 2.5e-4, decrement=0.022)
    assert em_at_maximum.of_maxima(fit(), [row], slope, MAXIMUM, "MLE").status == "fail"


def test_without_a_direct_maximum_the_verdict_is_withheld():
    nowhere = replace(MAXIMUM, problem="the gradient is not finite")
    verdict = em_at_maximum.of_maxima(fit(), [GOOD], MAXIMUM, nowhere, "MLE")
    assert verdict.status == "skip"
    assert "the gradient is not finite" in verdict.detail
    assert agreement([verdict]) is None


def test_em_that_has_not_converged_contradicts_nothing():
    lower = replace(MAXIMUM, value=-16.5)
    away = replace(GOOD, em=2.0)
    verdict = em_at_maximum.of_maxima(fit(converged=False), [away], lower, MAXIMUM, "MLE")
    assert verdict.status == "skip"
    assert "largest |EM − MLE| is 10 posterior sd" in verdict.detail
    assert agreement([verdict]) is None


def test_a_direct_maximum_below_em_contradicts_nothing():
    higher, away = replace(MAXIMUM, value=-8.0), replace(GOOD, em=2.0)
    verdict = em_at_maximum.of_maxima(fit(), [away], higher, MAXIMUM, "MLE")
    assert verdict.status == "skip"
    assert "2 higher" in verdict.detail


def test_two_equally_high_maxima_contradict_nothing():
    away = replace(GOOD, em=2.0)
    verdict = em_at_maximum.of_maxima(fit(), [away], MAXIMUM, MAXIMUM, "MLE")
    assert verdict.status == "warn"
    assert agreement([verdict]) is True


def test_a_distance_that_is_not_a_number_contradicts_nothing():
    unknown = replace(GOOD, mle=np.nan)
    verdict = em_at_maximum.of_maxima(fit(), [unknown], MAXIMUM, MAXIMUM, "MLE")
    assert verdict.status == "skip"


def test_the_prior_explains_the_map_or_does_not():
    same = prior_explains_map.of_maxima([GOOD], MAXIMUM, MAXIMUM, distance=1e-9, predicted=0.2)
    assert same.status == "pass"
    other = prior_explains_map.of_maxima([GOOD], MAXIMUM, replace(MAXIMUM, value=-9.0), 3.0, 0.2)
    assert other.status == "warn"
    assert "another mode" in other.title


@pytest.mark.parametrize(
    ("mode", "from_mle", "distance"),
    [
        (replace(MAXIMUM, problem="not converged"), MAXIMUM, 0.0),
        (MAXIMUM, replace(MAXIMUM, problem="not converged"), 0.0),
        (MAXIMUM, MAXIMUM, np.nan),
    ],
)
def test_a_map_that_was_not_found_contradicts_nothing(mode, from_mle, distance):
    verdict = prior_explains_map.of_maxima([GOOD], mode, from_mle, distance, 0.2)
    assert verdict.status == "skip"


def test_the_bulk_of_the_posterior():
    assert em_in_posterior.of_parameters([GOOD]).status == "pass"
    outside = em_in_posterior.of_parameters([GOOD, replace(GOOD, name="phi", em=1.3)])
    assert outside.status == "fail"
    assert "phi = 1.3 against [0.8, 1.2]" in outside.detail


def test_a_maximum_outside_the_bulk_of_the_posterior_does_not_contradict_em():
    """An informative prior moves the posterior away from the MLE, which EM has found."""
    away = replace(GOOD, em=1.3, mle=1.3)
    verdict = em_in_posterior.of_parameters([away])
    assert verdict.status == "warn"
    assert "theta = 1.3 against [0.8, 1.2]" in verdict.detail
    assert em_in_posterior.of_parameters([away], "map").status == "fail"


def test_an_interval_that_is_not_known_contradicts_nothing():
    unknown = replace(GOOD, eti=(np.nan, np.nan))
    assert em_in_posterior.of_parameters([unknown]).status == "skip"
    assert em_in_posterior.of_parameters([GOOD, unknown]).status == "pass"


def test_a_decrease_of_the_likelihood_fails():
    assert monotone.of_fit(fit(), "likelihood").status == "pass"
    fall = SimpleNamespace(iteration=3, amount=0.25)
    verdict = monotone.of_fit(fit(decrease=fall), "likelihood")
    assert verdict.status == "fail"
    assert "0.25 in iteration 3" in verdict.detail


def test_a_decrease_of_another_objective_than_the_models_contradicts_nothing():
    fall = SimpleNamespace(iteration=3, amount=0.25)
    verdict = monotone.of_fit(fit(decrease=fall), "likelihood", [])
    assert verdict.status == "warn"
    assert "0.25 in iteration 3" in verdict.detail


def test_lower_maxima_are_listed_with_their_log_likelihoods():
    highest = SolutionGroup("EM", -10.0, 3, {})
    low = SolutionGroup("direct", -12.5, 1, {})
    gone = SolutionGroup("direct", 40.0, 1, {}, "no end in sight")
    assert optima.of_groups([highest]).status == "pass"
    verdict = optima.of_groups([highest, low, gone])
    assert verdict.status == "warn"
    assert "-12.5000 (direct, 1 start)" in verdict.detail
    assert "1 start did not converge to a maximum" in verdict.detail


def test_the_quadratures_of_draws_and_of_maxima_are_reported():
    exact = Marginalisation("z", "quadrature, 61 nodes", 3e-11)
    coarser = ReducedQuadrature(pm.Model(), 7, 2e-4)
    assert "61 nodes" in marginalisation.of_integrations([exact], coarser).detail
    detail = marginalisation.of_integrations([exact], coarser).detail
    assert "NUTS draws with 7 nodes (error of log p(x | θ) constant to 0.0002)" in detail
    assert "draws" not in marginalisation.of_integrations([exact], None).detail


def test_agreement_needs_every_verdict():
    passed = em_in_posterior.of_parameters([GOOD])
    failed = em_in_posterior.of_parameters([replace(GOOD, em=1.3)])
    assert agreement([passed]) is True
    assert agreement([passed, failed]) is False


def test_a_parameter_on_the_boundary_is_not_judged():
    bounded = replace(GOOD, name="rho", em=0.0, at_edge=True)
    mixed = em_in_posterior.of_parameters([GOOD, bounded])
    assert mixed.status == "pass"
    assert "rho is on the boundary or beside it, and not judged" in mixed.detail
    assert em_in_posterior.of_parameters([bounded]).status == "skip"


def test_the_headline_of_a_comparison_that_could_not_be_made():
    from latentfit.report.wording import overall

    nowhere = replace(MAXIMUM, problem="the gradient is not finite")
    verdicts = (em_at_maximum.of_maxima(fit(), [GOOD], MAXIMUM, nowhere, "MLE"),)
    banner = overall(
        SimpleNamespace(
            verdicts=verdicts,
            agree=agreement(verdicts),
            objective="likelihood",
            parameters=(GOOD,),
        )
    )
    assert banner.status == "skip"
    assert "Nothing contradicts EM" in banner.sentence
    assert "No MLE to compare with" in banner.sentence


def test_the_headline_claims_nothing_about_the_boundary():
    from types import SimpleNamespace

    from latentfit.report.wording import overall

    bounded = replace(GOOD, name="rho", em=0.0, at_edge=True)

    def sentence(*parameters):
        verdicts = (em_in_posterior.of_parameters(parameters),)
        return overall(
            SimpleNamespace(
                verdicts=verdicts, agree=True, objective="likelihood", parameters=parameters
            )
        ).sentence

    assert "in the bulk of the posterior. " in sentence(GOOD)
    assert "1 parameter is on the boundary" in sentence(GOOD, bounded)
    assert "in the bulk" not in sentence(bounded)
