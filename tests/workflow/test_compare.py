"""Comparisons of real models by real sampling; figures in Monte Carlo standard errors."""

import json
from dataclasses import replace

import numpy as np
import pymc as pm
import pytest
from scipy import stats

import latentfit
from latentfit.errors import DeclarationError, InputError, LatentfitError

pytestmark = pytest.mark.slow

# Chance that a comparison in standard errors fails by bad luck: below one in a million.
FIVE_SIGMA = 5.0


@pytest.fixture(scope="module")
def toy():
    return latentfit.load("exponential-missing").compare(seed=1)


@pytest.fixture(scope="module")
def faithful():
    return latentfit.load("gaussian-mixture").compare(seed=1)


def verdicts(comparison):
    return {verdict.id: verdict.status for verdict in comparison.verdicts}


def test_toy_agrees(toy):
    assert toy.agree is True
    assert set(verdicts(toy).values()) == {"pass"}


def test_toy_point_estimates_in_closed_form(toy):
    (theta,) = toy.parameters
    assert theta.em == pytest.approx(1 / 5, rel=1e-7)
    assert theta.mle == pytest.approx(1 / 5, rel=1e-12)
    assert theta.map == pytest.approx(1 / 5.001, rel=1e-12)
    assert theta.em_se == pytest.approx(1 / 5, rel=1e-6)
    assert toy.fit.best.rate == pytest.approx(0.5, abs=1e-3)


def test_toy_posterior_is_gamma(toy):
    """Gamma(a + 1, b + 5), by moments and quantiles."""
    exact = stats.gamma(2, scale=1 / 5.001)
    (theta,) = toy.parameters
    assert abs(theta.posterior_mean - exact.mean()) < FIVE_SIGMA * theta.mcse_mean
    draws = toy.tree["posterior"]["theta"].values.ravel()
    for probability in (0.025, 0.25, 0.5, 0.75, 0.975):
        below = np.mean(draws < exact.ppf(probability))
        error = np.sqrt(probability * (1 - probability) / theta.ess_bulk)
        assert abs(below - probability) < FIVE_SIGMA * error
    missing = toy.tree["posterior"]["y_unobserved"].values.ravel()
    # With θ integrated out, the missing value has a Lomax distribution.
    assert stats.kstest(missing[::10], stats.lomax(2, scale=5.001).cdf).pvalue > 1e-4


def test_the_joint_mode_of_the_toy_is_not_the_estimate(toy):
    assert toy.joint_mode.params["theta"] == pytest.approx(0.4, rel=1e-3)
    assert toy.joint_mode.latents["y_unobserved"] == pytest.approx(0, abs=1e-4)
    assert "0.39992" in toy.joint_mode.sentence


def test_any_sample_with_missing_values():
    """Three of eight missing: rate 3/8, MLE and se in closed form."""
    y = np.array([0.3, np.nan, 1.2, 2.5, np.nan, 0.1, np.nan, 0.9])
    fit = latentfit.load("exponential-missing").fit(y, seed=1)
    assert fit.params["theta"] == pytest.approx(5 / np.nansum(y), rel=1e-7)
    assert fit.best.rate == pytest.approx(3 / 8, abs=1e-3)


def test_faithful_agrees(faithful):
    assert faithful.agree is True
    status = verdicts(faithful)
    assert status["em_vs_mle"] == status["chains"] == status["em_in_posterior"] == "pass"
    assert max(abs(p.em_minus_mle) for p in faithful.parameters) < 1e-4
    log_likelihood = faithful.log_likelihood
    assert log_likelihood["em"] == pytest.approx(log_likelihood["mle"], abs=1e-9)
    assert log_likelihood["map"] < log_likelihood["mle"]


def test_faithful_latents(faithful):
    (z,) = faithful.latents
    assert z.kind == "discrete"
    assert z.em.shape == z.posterior.shape == (272, 2)
    assert z.adjusted_rand > 0.98
    assert z.mean_difference < 0.01


def test_faithful_draws_are_aligned_to_em(faithful):
    """After alignment the components do not mix: every draw orders the means as EM does."""
    mu = faithful.tree["posterior"]["mu"].values
    order = np.argsort([p.em for p in faithful.parameters if p.name.startswith("mu")])
    assert np.all(mu[..., order[0]] < mu[..., order[1]])


def test_faithful_standard_errors_resemble_posterior_sds(faithful):
    """n = 272 and well separated components: the two differ by little."""
    for parameter in faithful.parameters:
        assert parameter.em_se == pytest.approx(parameter.posterior_sd, rel=0.15)


def test_tree_holds_what_arviz_defines(faithful):
    groups = {
        "posterior",
        "sample_stats",
        "observed_data",
        "log_likelihood",
        "posterior_predictive",
        "em",
        "mle",
        "map",
    }
    assert groups <= set(faithful.tree.children)
    assert faithful.tree["log_likelihood"]["x"].dims == ("chain", "draw", "observation")
    total = faithful.tree["log_likelihood"]["x"].sum("observation").values.max()
    assert total < faithful.log_likelihood["mle"]


def test_json_keeps_the_contract(faithful):
    result = json.loads(json.dumps(faithful.to_dict(), allow_nan=False))
    assert result["model"] == "gaussian-mixture"
    assert result["agree"] is True
    row = result["parameters"][0]
    assert set(row) >= {
        "name",
        "em",
        "em_se",
        "mle",
        "map",
        "posterior_mean",
        "posterior_sd",
        "eti",
        "rhat",
        "ess_bulk",
    }
    assert set(result["log_likelihood"]) == {"em", "mle", "map"}
    assert set(result["timings"]) >= {
        "em_s",
        "mle_s",
        "map_s",
        "posterior_s",
        "predictive_s",
        "verdicts_s",
    }
    assert all(set(v) == {"id", "status", "title", "detail"} for v in result["verdicts"])


def test_representations(faithful):
    assert "mu[0]" in repr(faithful)
    assert "<table" in faithful._repr_html_()


def test_the_seed_settles_everything(toy):
    again = latentfit.load("exponential-missing").compare(seed=1)
    np.testing.assert_array_equal(
        again.tree["posterior"]["theta"].values, toy.tree["posterior"]["theta"].values
    )
    np.testing.assert_array_equal(
        again.tree["posterior"]["y_unobserved"].values,
        toy.tree["posterior"]["y_unobserved"].values,
    )


@pytest.fixture(scope="module")
def exponential():
    return latentfit.load("exponential-missing")


def variant(base, **changes):
    return replace(base, **changes)


def test_too_few_draws_give_no_verdict_on_agreement(exponential):
    comparison = exponential.compare(seed=1, draws=20, tune=20, chains=2)
    assert comparison.agree is None
    status = verdicts(comparison)
    assert status["chains"] == "fail"
    assert status["em_in_posterior"] == "skip"


def test_a_wrong_m_step_does_not_agree(exponential):
    def m_step(expectations, data):
        n = data["y"].size
        total = data["y"].sum() + expectations["y_unobserved"].sum()
        return {"theta": (n - 1) / total * 1.5}

    comparison = variant(exponential, m_step=m_step).compare(seed=1)
    assert comparison.agree is False
    assert verdicts(comparison)["em_vs_mle"] == "fail"


def test_em_for_the_posterior_is_held_to_the_map(exponential):
    def m_step(expectations, data):
        n = data["y"].size
        total = data["y"].sum() + expectations["y_unobserved"].sum()
        return {"theta": n / (total + 1e-3)}

    comparison = variant(exponential, m_step=m_step, objective="posterior").compare(seed=1)
    assert verdicts(comparison)["em_vs_map"] == "pass"
    assert comparison.agree is True
    (theta,) = comparison.parameters
    assert theta.em == pytest.approx(1 / 5.001, rel=1e-7)


def test_another_parameterisation_through_deterministics(exponential):
    """EM estimates the mean; the model declares the rate, and the mean as a Deterministic."""

    def model(y):
        with pm.Model() as model:
            theta = pm.Gamma("theta", alpha=1, beta=1e-3)
            pm.Deterministic("mean", 1 / theta)
            pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
        return model

    comparison = variant(
        exponential,
        model=model,
        e_step=lambda params, data: {"y_unobserved": np.full(1, params["mean"])},
        m_step=lambda expectations, data: {
            "mean": (data["y"].sum() + expectations["y_unobserved"].sum()) / data["y"].size
        },
        initial=lambda data, rng: {"mean": rng.uniform(1, 9)},
        log_likelihood=None,
    ).compare(seed=1)
    (mean,) = comparison.parameters
    assert (mean.name, verdicts(comparison)["em_vs_mle"]) == ("mean", "pass")
    assert mean.em == pytest.approx(5, rel=1e-7)
    assert mean.em_se == pytest.approx(5, rel=1e-6)


def test_a_built_model_and_no_initial():
    """From Python, with the model as it stands in a notebook."""
    y = np.array([5.0, np.nan])
    with pm.Model() as built:
        theta = pm.Gamma("theta", alpha=1, beta=1e-3)
        pm.Exponential("y", theta, observed=np.ma.masked_invalid(y))
    model = latentfit.LatentModel(
        model=built,
        latents=("y_unobserved",),
        e_step=lambda params, data: {"y_unobserved": np.full(1, 1 / params["theta"])},
        m_step=lambda expectations, data: {
            "theta": data["y"].size / (data["y"].sum() + expectations["y_unobserved"].sum())
        },
    )
    fit = model.fit(seed=3)
    assert fit.params["theta"] == pytest.approx(0.2, rel=1e-7)
    assert len({float(s.trace.params["theta"][0]) for s in fit.solutions}) == 5
    with pytest.raises(InputError, match="holds its data"):
        model.fit(y)


def test_a_variable_with_another_name_than_its_argument(exponential):
    """The argument is called counts and the variable k, which the built model shows."""

    def model(counts):
        with pm.Model() as model:
            rate = pm.Gamma("rate", 2, 1)
            pm.Poisson("k", rate, observed=np.ma.masked_invalid(counts))
        return model

    fit = latentfit.LatentModel(
        model=model,
        latents=("k_unobserved",),
        e_step=lambda params, data: {"k_unobserved": np.full(data["k"].mask.sum(), params["rate"])},
        m_step=lambda expectations, data: {
            "rate": (data["k"].sum() + expectations["k_unobserved"].sum()) / data["k"].size
        },
        initial=lambda data, rng: {"rate": 1.0},
    ).fit(np.array([3.0, np.nan, 5.0]))
    assert fit.params["rate"] == pytest.approx(4, rel=1e-7)


def test_params_of_the_wrong_name_are_named_before_anything_is_fitted(exponential):
    wrong = variant(exponential, initial=lambda data, rng: {"lam": 1.0})
    with pytest.raises(DeclarationError, match="no parameter 'lam': it has theta"):
        wrong.compare(seed=1)


def test_degenerate_em_is_nothing_to_compare(exponential):
    wrong = variant(exponential, m_step=lambda expectations, data: {"theta": np.nan})
    with pytest.raises(LatentfitError, match="EM has no estimate to compare"):
        wrong.compare(seed=1)


def test_infinite_data_and_unknown_options(exponential):
    with pytest.raises(InputError, match="infinite value in row 1"):
        exponential.compare(np.array([np.inf, np.nan]))
    with pytest.raises(InputError, match="no option 'components'"):
        exponential.fit(components=2)
    with pytest.raises(InputError, match="y has no missing values"):
        exponential.fit(np.array([1.0, 2.0]))
