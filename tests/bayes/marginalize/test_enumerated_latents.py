"""Discrete latents summed over the values of their blocks, against sums by NumPy and SciPy."""

from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import Views, observed_logp
from scipy import stats
from scipy.special import logsumexp

from latentfit.bayes.marginalize import marginalise_latents
from latentfit.declaration.compilation import double_precision

X = np.array([-3.1, -2.2, 1.5, 7.0])
GROUP = np.repeat(np.arange(3), 3)
Y = np.array([0.3, 1.1, -0.4, 2.2, 2.9, 1.7, -1.0, 0.2, 0.1])
SEEN = np.array([[3, 5], [0, 1], [7, 4]])
WEIGHTS = np.array([0.3, 0.7])


def observed(declare, latents):
    """log p(x | θ) of a declaration as a function of natural parameters on the real line."""
    with double_precision(), pm.Model() as model:
        declare()
    return observed_logp(marginalise_latents(model, latents))


def classes_of_groups():
    mu = pm.Normal("mu", 0, 5, shape=2)
    z = pm.Categorical("z", WEIGHTS, shape=3)
    pm.Normal("y", mu[z[GROUP]], 1.3, observed=Y)


def test_class_of_a_group_of_observations():
    mu = np.array([-0.5, 2.0])
    each = [stats.norm(m, 1.3).logpdf(Y).reshape(3, 3).sum(axis=1) for m in mu]
    expected = logsumexp(np.stack(each, axis=1) + np.log(WEIGHTS), axis=1).sum()
    assert observed(classes_of_groups, ["z"])({"mu": mu}) == pytest.approx(expected, rel=1e-12)


def pairs_of_classes():
    mu = pm.Normal("mu", 0, 5, shape=2)
    z = pm.Categorical("z", WEIGHTS, shape=4)
    pm.Normal("y", mu[z[0]] - mu[z[1]], 1.0, observed=0.7)
    pm.Normal("w", mu[z[2:]], 1.0, observed=X[:2])


def test_entries_that_occur_together_form_one_block():
    mu = np.array([-0.5, 2.0])
    log_w = np.log(WEIGHTS)
    joint = log_w[:, None] + log_w + stats.norm(mu[:, None] - mu, 1.0).logpdf(0.7)
    single = logsumexp(log_w + stats.norm(mu, 1.0).logpdf(X[:2, None]), axis=1)
    expected = logsumexp(joint) + single.sum()
    assert observed(pairs_of_classes, ["z"])({"mu": mu}) == pytest.approx(expected, rel=1e-12)


def t_components():
    mu = pm.Normal("mu", 0, 5, shape=2)
    z = pm.Categorical("z", WEIGHTS, shape=4)
    u = pm.Gamma("u", 2, 2, shape=4)
    pm.Normal("x", mu[z], tau=u, observed=X)


def test_category_beside_a_gamma_scale():
    mu = np.array([-2.0, 3.0])
    expected = logsumexp(np.log(WEIGHTS) + stats.t(4, mu).logpdf(X[:, None]), axis=1).sum()
    found = observed(t_components, ["z", "u"])({"mu": mu})
    assert found == pytest.approx(expected, rel=1e-12)


def mixed_groups():
    mu = pm.Normal("mu", 0, 5, shape=2)
    z = pm.Categorical("z", WEIGHTS, shape=3)
    b = pm.Normal("b", mu[z], 0.8, shape=3)
    pm.Normal("y", b[GROUP], 1.3, observed=Y)


def test_groups_that_are_mixtures_of_normals():
    mu = np.array([-0.5, 2.0])
    covariance = 0.8**2 + 1.3**2 * np.eye(3)
    each = [
        [stats.multivariate_normal(np.full(3, m), covariance).logpdf(row) for m in mu]
        for row in Y.reshape(3, 3)
    ]
    expected = logsumexp(np.log(WEIGHTS) + each, axis=1).sum()
    found = observed(mixed_groups, ["z", "b"])({"mu": mu})
    assert found == pytest.approx(expected, rel=1e-12)


def abundances():
    log_rate = pm.Normal("log_rate", 0, 5)
    logit = pm.Normal("logit", 0, 1)
    n = pm.Poisson("n", pt.exp(log_rate), shape=3)
    pm.Binomial("y", n[:, None], pm.math.sigmoid(logit), observed=SEEN)


def dispersed_abundances():
    log_rate = pm.Normal("log_rate", 0, 5)
    logit = pm.Normal("logit", 0, 1)
    n = pm.NegativeBinomial("n", mu=pt.exp(log_rate), alpha=0.7, shape=3)
    pm.Binomial("y", n[:, None], pm.math.sigmoid(logit), observed=SEEN)


def abundance_log_likelihood(prior, p):
    n = np.arange(200_000)
    seen = stats.binom(n, p)
    return sum(logsumexp(prior.logpmf(n) + seen.logpmf(row[:, None]).sum(axis=0)) for row in SEEN)


@pytest.mark.parametrize("log_rate", [-1.0, 2.0, 9.0])
@pytest.mark.parametrize("logit", [-6.0, 0.3])
def test_abundance_without_an_upper_bound(abundance_views, log_rate, logit):
    poisson, dispersed = abundance_views
    rate, p, at = np.exp(log_rate), 1 / (1 + np.exp(-logit)), {"log_rate": log_rate, "logit": logit}
    expected = abundance_log_likelihood(stats.poisson(rate), p)
    assert poisson(at) == pytest.approx(expected, rel=1e-10)
    expected = abundance_log_likelihood(stats.nbinom(0.7, 0.7 / (0.7 + rate)), p)
    assert dispersed(at) == pytest.approx(expected, rel=1e-10)


@pytest.fixture(scope="module")
def abundance_views():
    return observed(abundances, ["n"]), observed(dispersed_abundances, ["n"])


def test_conditional_of_a_count():
    views = Views(abundances, ("n",))
    assert views.op.blocks.size == 1
    assert views.op.truncated
    assert replace(views.op.domain, tail=1.0).tail < views.op.domain.tail
