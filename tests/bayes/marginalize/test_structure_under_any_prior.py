"""The structure of a model is found whatever the priors of its parameters are."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from pymc_extras.marginal import marginalize
from scipy import stats

from latentfit.bayes import Density, observed_view
from latentfit.bayes.marginalize import ConjugateMarginalRV, QuadratureMarginalRV
from latentfit.declaration import declare, parameter_space

Y = np.random.default_rng(0).normal(0, 1, (6, 4))


def precision(prior):
    """The precision of groups, with this prior for it or for a function of it."""
    return {
        "usual": lambda: pm.Gamma("tau", 1, 1),
        "gamma": lambda: pm.Gamma("tau", 0.001, 0.001),
        "gamma with initval": lambda: pm.Gamma("tau", 0.001, 0.001, initval=1.0),
        "inverse gamma": lambda: 1 / pm.InverseGamma("v", 0.001, 0.001),
        "uniform": lambda: 1 / pm.Uniform("sd", 0, 1e6) ** 2,
        "half-Cauchy": lambda: 1 / pm.HalfCauchy("sd", 1e8) ** 2,
        "improper": lambda: 1 / pm.HalfFlat("sd") ** 2,
        "improper variance": lambda: 1 / pm.HalfFlat("v"),
    }[prior]()


@pytest.mark.parametrize(
    "prior",
    [
        "usual",
        "gamma",
        "gamma with initval",
        "inverse gamma",
        "uniform",
        "half-Cauchy",
        "improper",
        "improper variance",
    ],
)
def test_normal_groups_have_a_closed_form(prior):
    with pm.Model() as model:
        b = pm.Normal("b", 0, tau=precision(prior), shape=6)
        pm.Normal("y", b[:, None], 1.0, observed=Y)
    declaration = declare(model, ("b",), {}, {})
    density = Density(observed_view(declaration), parameter_space(declaration))
    assert isinstance(density.view["y"].owner.op, ConjugateMarginalRV)
    # The variance of the groups is 4.
    (name,) = declaration.parameters
    params = {name: {"tau": 0.25, "v": 4.0, "sd": 2.0}[name]}
    expected = stats.multivariate_normal(np.zeros(4), 4.0 + np.eye(4)).logpdf(Y).sum()
    found = density.objective(density.space.unconstrain(params))
    assert found == pytest.approx(expected, rel=1e-12)


def op_of(declare_model):
    with pm.Model() as model:
        declare_model()
    return marginalize(model, ["z"]).observed_RVs[0].owner.op


def test_slopes_at_which_the_likelihood_is_flat_hide_no_dependence():
    """With covariates of 50000, draws of the slope make all probabilities 0 or 1."""

    def steep():
        slope = pm.Normal("slope", 0, 1000)
        z = pm.Normal("z", 0, 1, shape=3)
        logits = z[:, None] + slope * np.array([50_000.0, 70_000.0])
        pm.Bernoulli("y", logit_p=logits, observed=np.array([[0, 1], [1, 1], [0, 0]]))

    op = op_of(steep)
    assert isinstance(op, QuadratureMarginalRV)
    np.testing.assert_array_equal(op.blocks.owners[1], [0, 0, 1, 1, 2, 2])


def test_wide_latents_hide_no_dependence():
    def wide():
        s = pm.HalfNormal("s", 1)
        z = pm.Normal("z", 0, 1000, shape=3)
        pm.Bernoulli("y", logit_p=s * z[:, None] * np.ones(2), observed=np.ones((3, 2), dtype=int))

    op = op_of(wide)
    assert isinstance(op, QuadratureMarginalRV)
    np.testing.assert_array_equal(op.blocks.owners[1], [0, 0, 1, 1, 2, 2])


@pytest.mark.parametrize("rate", [1e-6, 1.0])
def test_counts_of_zero_do_not_make_a_latent_normal(rate):
    """log p(0 | z) = -z² is quadratic, and log p(y | z) is not."""

    def squares():
        s = pm.HalfNormal("s", rate)
        z = pm.Normal("z", 0, 1, shape=3)
        pm.Poisson("y", s * z**2, observed=[0, 1, 0])

    assert isinstance(op_of(squares), QuadratureMarginalRV)


def test_improper_latents_have_a_normal_conditional():
    def improper():
        s = pm.HalfNormal("s", 1)
        z = pm.Flat("z", shape=3)
        pm.Normal("y", z[:, None], s, observed=Y[:3])

    assert isinstance(op_of(improper), ConjugateMarginalRV)


def rats(prior):
    ages = np.array([8.0, 15.0, 22.0, 29.0, 36.0]) - 22.0
    weights = 240 + 6 * ages + np.random.default_rng(1).normal(0, 8, (6, 5))
    centre, slope = pm.Normal("centre", 0, tau=1e-6), pm.Normal("slope", 0, tau=1e-6)
    a = pm.Normal("a", centre, tau=prior("precision_a"), shape=6)
    b = pm.Normal("b", slope, tau=prior("precision_b"), shape=6)
    mean = a[:, None] + b[:, None] * ages
    pm.Normal("y", mean, tau=prior("precision_y"), observed=weights)
    return ("a", "b"), {"centre": 240.0, "slope": 6.0}


def seeds(prior):
    treatment = np.array([0, 0, 0, 1, 1, 1])
    intercept, effect = pm.Normal("intercept", 0, tau=1e-6), pm.Normal("effect", 0, tau=1e-6)
    b = pm.Normal("b", 0, tau=prior("precision"), shape=6)
    logits = intercept + effect * treatment + b
    germinated, of = [10, 23, 23, 26, 17, 5], np.array([39, 62, 81, 51, 39, 6])
    pm.Binomial("y", of, logit_p=logits, observed=germinated)
    return ("b",), {"intercept": -0.5, "effect": 1.0}


def surgical(prior):
    mean = pm.Normal("mean", 0, tau=1e-6)
    b = pm.Normal("b", mean, tau=prior("precision"), shape=6)
    deaths, of = [0, 18, 8, 46, 8, 13], np.array([47, 148, 119, 810, 211, 196])
    pm.Binomial("y", of, logit_p=b, observed=deaths)
    return ("b",), {"mean": -2.5}


VAGUE = {
    "gamma": lambda name: pm.Gamma(name, 0.001, 0.001),
    "inverse gamma": lambda name: pt.reciprocal(pm.InverseGamma(name, 0.001, 0.001)),
    "improper": lambda name: pt.reciprocal(pm.HalfFlat(name)),
}


@pytest.mark.slow
@pytest.mark.parametrize("declare_model", [rats, seeds, surgical])
def test_models_of_bugs_with_vague_priors(declare_model):
    """All priors lead to the same method and the same log-likelihood as a usual one."""

    def found(prior, variance):
        with pm.Model() as model:
            latents, params = declare_model(prior)
        declaration = declare(model, latents, {}, {})
        density = Density(observed_view(declaration), parameter_space(declaration))
        params |= dict.fromkeys(declaration.parameters[len(params) :], variance)
        value = density.objective(density.space.unconstrain(params))
        return type(density.view["y"].owner.op), value

    kind, expected = found(lambda name: pm.Gamma(name, 2, 2), 0.5)
    for name, prior in VAGUE.items():
        other, log_likelihood = found(prior, 0.5 if name == "gamma" else 2.0)
        assert other is kind
        assert log_likelihood == pytest.approx(expected, rel=1e-11)
