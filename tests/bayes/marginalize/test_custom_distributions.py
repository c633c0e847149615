"""Data of distributions that have a log density and no random generator, against SciPy."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import observed_logp
from scipy import integrate, stats

from latentfit.bayes.marginalize import marginalise_latents
from latentfit.declaration.compilation import double_precision

X = np.array([0.3, 1.9, -0.6])
HOURS = np.array([0.4, 1.2, 2.5])
TOTAL = np.array([4, 1, 7])
THETA = 0.8


def observed(declare):
    """log p(x | θ) at θ = `THETA`; the only parameter is called theta."""
    with double_precision(), pm.Model() as model:
        declare(pm.Normal("theta"))
    return observed_logp(marginalise_latents(model, ["z"]))({"theta": np.array(THETA)})


def test_normal_latent():
    def declare(theta):
        z = pm.Normal("z", theta, 1.2, shape=3)
        pm.CustomDist("x", z, logp=lambda x, m: -0.5 * ((x - m) / 0.7) ** 2, observed=X)

    constant = 3 * np.log(0.7 * np.sqrt(2 * np.pi))
    expected = stats.norm(THETA, np.hypot(1.2, 0.7)).logpdf(X).sum() + constant
    assert observed(declare) == pytest.approx(expected, rel=1e-12)


def test_gamma_latent():
    def declare(theta):
        z = pm.Gamma("z", 2.0, pm.math.exp(theta), shape=3)
        pm.CustomDist("x", z, logp=lambda t, rate: pt.log(rate) - rate * t, observed=HOURS)

    expected = stats.lomax(2.0, scale=np.exp(THETA)).logpdf(HOURS).sum()
    assert observed(declare) == pytest.approx(expected, rel=1e-12)


def test_latent_without_a_closed_form():
    def log_density(x, m):
        return -pt.log(1 + (x - m) ** 4)

    def declare(theta):
        z = pm.Normal("z", theta, 1.2, shape=3)
        pm.CustomDist("x", z, logp=log_density, observed=X)

    def integral(x):
        return integrate.quad(
            lambda z: stats.norm(THETA, 1.2).pdf(z) / (1 + (x - z) ** 4),
            *(THETA - 15, THETA + 15),
            points=[x, THETA],
            epsabs=0,
            epsrel=1e-12,
        )[0]

    assert observed(declare) == pytest.approx(sum(np.log(integral(x)) for x in X), rel=1e-10)


def test_count():
    def declare(theta):
        z = pm.Poisson("z", pm.math.exp(theta), shape=3)
        pm.CustomDist(
            "x", z, logp=lambda x, n: pm.logp(pm.Poisson.dist(1.5), x - n), observed=TOTAL
        )

    expected = stats.poisson(np.exp(THETA) + 1.5).logpmf(TOTAL).sum()
    assert observed(declare) == pytest.approx(expected, rel=1e-12)


def test_log_density_with_a_kink_is_refused():
    def declare(theta):
        z = pm.Normal("z", theta, 1.2, shape=3)
        pm.CustomDist("x", z, logp=lambda x, m: -pt.abs(x - m), observed=X)

    with pytest.raises(NotImplementedError):
        observed(declare)
