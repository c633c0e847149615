"""Latents that are broadcast along axes of their dependents, against sums and integrals by SciPy.

A latent of shape (n, 1) whose dependents have shape (n, m) has one entry for each row.
"""

import numpy as np
import pymc as pm
import pymc_extras as pmx
import pytensor.tensor as pt
import pytest
from marginalised_latents import observed_logp
from scipy import stats
from scipy.special import logsumexp

from latentfit.bayes.marginalize import marginalise_latents
from latentfit.declaration.compilation import double_precision

TABLE = np.array([[0.3, 1.1, -0.4], [2.2, 2.9, 1.7]])
COUNTS = np.array([[3, 0, 2], [5, 7, 4]])
THETA = 0.8
# The shapes in which entries are shared, and the axes of the table that an entry is shared along.
SHARED = {
    (2, 1): (1,),
    (): (0, 1),
    (1,): (0, 1),
    (1, 3): (0,),
    (3,): (0,),
    (1, 1): (0, 1),
}
every_shape = pytest.mark.parametrize(("shape", "shared"), SHARED.items(), ids=str)
# Compiling the densities of the continuous latents takes seconds for each shape.
shapes = pytest.mark.parametrize(
    ("shape", "shared"),
    [
        pytest.param(*item, marks=[] if item[0] in {(2, 1), (1,)} else pytest.mark.slow)
        for item in SHARED.items()
    ],
    ids=str,
)


def observed(declare, latents=("z",)):
    """log p(x | θ) at θ = `THETA`; the only parameter is called theta."""
    with double_precision(), pm.Model() as model:
        declare(pm.Normal("theta"))
    return observed_logp(marginalise_latents(model, latents))({"theta": np.array(THETA)})


def mixed(densities, shared):
    """Sum the logarithms of sums of joint densities, given with the values of z on the last axis.

    The densities of the entries of the table that share an entry of z are multiplied.
    """
    weights, terms = densities
    return float(np.sum(logsumexp(np.sum(terms, axis=shared) + weights, axis=-1)))


@every_shape
def test_classes(shape, shared):
    def declare(theta):
        z = pm.Bernoulli("z", 0.3, shape=shape)
        pm.Normal("x", theta + 2.0 * z, 1.0, observed=TABLE)

    terms = stats.norm(THETA + 2.0 * np.arange(2), 1.0).logpdf(TABLE[..., None])
    expected = mixed((np.log([0.7, 0.3]), terms), shared)
    assert observed(declare) == pytest.approx(expected, rel=1e-12)


def test_class_of_a_row_without_its_axis_of_length_one():
    def declare(theta):
        z = pm.Bernoulli("z", 0.3, shape=(2, 1))
        pm.Normal("x", theta + 2.0 * pt.squeeze(z, axis=1), 1.0, observed=TABLE[:, 0])

    terms = stats.norm(THETA + 2.0 * np.arange(2), 1.0).logpdf(TABLE[:, :1])
    expected = logsumexp(terms + np.log([0.7, 0.3]), axis=1).sum()
    assert observed(declare) == pytest.approx(expected, rel=1e-12)


def test_classes_of_rows_beside_classes_of_entries():
    def declare(theta):
        z = pm.Bernoulli("z", 0.3, shape=(2, 1))
        w = pm.Bernoulli("w", 0.6, shape=(2, 3))
        pm.Normal("x", theta + 2.0 * z - w, 1.0, observed=TABLE)

    values = np.arange(2)
    means = THETA + 2.0 * values[:, None] - values
    each = stats.norm(means, 1.0).logpdf(TABLE[..., None, None]) + np.log([0.4, 0.6])
    rows = logsumexp(each, axis=-1).sum(axis=1)
    expected = logsumexp(rows + np.log([0.7, 0.3]), axis=-1).sum()
    assert observed(declare, ("z", "w")) == pytest.approx(expected, rel=1e-12)


@every_shape
def test_counts(shape, shared):
    def declare(theta):
        n = pm.Poisson("z", 6.0, shape=shape)
        pm.Binomial("x", n, pm.math.sigmoid(theta), observed=COUNTS)

    p, n = 1 / (1 + np.exp(-THETA)), np.arange(80)
    terms = stats.binom(n, p).logpmf(COUNTS[..., None])
    expected = mixed((stats.poisson(6.0).logpmf(n), terms), shared)
    assert observed(declare) == pytest.approx(expected, rel=1e-12)


def by_quadrature(prior, log_density, shared, low, high):
    """Integrate over z by Gauss-Legendre quadrature on panels; densities are given at all z."""
    nodes, weights = np.polynomial.legendre.leggauss(20)
    edges = np.linspace(low, high, 400)
    half = 0.5 * np.diff(edges)[:, None]
    z = (0.5 * (edges[:-1] + edges[1:])[:, None] + half * nodes).ravel()
    log_weights = np.log(half * weights).ravel()
    return mixed((prior.logpdf(z) + log_weights, log_density(z)), shared)


@shapes
def test_normal_effects(shape, shared):
    def declare(theta):
        z = pm.Normal("z", 0.5, 1.2, shape=shape)
        pm.Normal("x", theta + z, 0.9, observed=TABLE)

    def at(z):
        return stats.norm(THETA + z, 0.9).logpdf(TABLE[..., None])

    expected = by_quadrature(stats.norm(0.5, 1.2), at, shared, -12, 12)
    assert observed(declare) == pytest.approx(expected, rel=1e-10)


@shapes
def test_gamma_rates(shape, shared):
    def declare(theta):
        z = pm.Gamma("z", 3.0, 2.0, shape=shape)
        pm.Poisson("x", z * pm.math.exp(theta), observed=COUNTS)

    def at(z):
        return stats.poisson(z * np.exp(THETA)).logpmf(COUNTS[..., None])

    expected = by_quadrature(stats.gamma(3.0, scale=0.5), at, shared, 1e-12, 40)
    assert observed(declare) == pytest.approx(expected, rel=1e-10)


@shapes
def test_beta_probabilities(shape, shared):
    def declare(theta):
        z = pm.Beta("z", 2.0, pm.math.exp(theta), shape=shape)
        pm.Binomial("x", 9, z, observed=COUNTS)

    def at(z):
        return stats.binom(9, z).logpmf(COUNTS[..., None])

    expected = by_quadrature(stats.beta(2.0, np.exp(THETA)), at, shared, 0, 1)
    assert observed(declare) == pytest.approx(expected, rel=1e-9)


@shapes
def test_effects_without_a_closed_form(shape, shared):
    def declare(theta):
        z = pm.Normal("z", 0.0, 0.7, shape=shape)
        pm.Poisson("x", pm.math.exp(theta + z), observed=COUNTS)

    def at(z):
        return stats.poisson(np.exp(THETA + z)).logpmf(COUNTS[..., None])

    expected = by_quadrature(stats.norm(0.0, 0.7), at, shared, -8, 8)
    assert observed(declare) == pytest.approx(expected, rel=1e-10)


def test_thresholds_that_share_a_latent_are_refused():
    def declare(theta):
        z = pm.Normal("z", theta, 1.0, shape=(2, 1))
        pm.Bernoulli("x", pt.switch(z + np.zeros((2, 3)) > 0, 1.0, 0.0), observed=TABLE > 1)

    with pytest.raises(NotImplementedError):
        observed(declare)


def test_chain_that_several_rows_share_is_refused():
    def declare(theta):
        start = pm.Categorical.dist([0.5, 0.5])
        z = pmx.DiscreteMarkovChain(
            "z", P=np.array([[0.9, 0.1], [0.2, 0.8]]), init_dist=start, shape=(1, 3)
        )
        pm.Normal("x", theta + 2.0 * z, 1.0, observed=TABLE)

    with pytest.raises(NotImplementedError):
        observed(declare)
