"""The prior of θ does not change log p(x | θ), and the precision is stated at the θ in question.

Thirty models, five likelihoods with six priors from tight to absurd, are compared with the
trapezoidal rule, which shares no code with quadrature. The tests run those with a logistic
likelihood and those with a uniform prior; where QUADRATURE_MODELS is "all", they run every model.
"""

import os
from itertools import product

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from scipy import special, stats

from latentfit.bayes import Density, complete_data_view, observed_view
from latentfit.bayes.marginalize import INDEPENDENT_RULE, QuadratureMarginalRV, quadrature_rule
from latentfit.bayes.views import marginalisations
from latentfit.declaration import declare, parameter_space

# Error of log p(x | θ), absolute, of the sum over four units.
MAX_ERROR = 1e-8

RNG = np.random.default_rng(4)
YES = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1], [0, 1, 0]])
COUNTS = np.array([[0, 0, 1], [3, 5, 2], [40, 31, 55], [0, 2, 0]])
SOLVED = np.array([[20, 19, 20], [0, 1, 0], [7, 11, 9], [20, 20, 20]])
TIMES = RNG.standard_t(3, size=(4, 3)) * 2 + np.arange(4)[:, None]

LIKELIHOODS = {
    "logistic": (
        lambda e: pm.Bernoulli("y", logit_p=e, observed=YES),
        lambda e: YES * e - np.logaddexp(0, e),
    ),
    "probit": (
        lambda e: pm.Bernoulli("y", p=pm.math.invprobit(e), observed=YES),
        lambda e: special.log_ndtr((2 * YES - 1) * e),
    ),
    "poisson": (
        lambda e: pm.Poisson("y", pt.exp(e), observed=COUNTS),
        lambda e: COUNTS * e - np.exp(e) - special.gammaln(COUNTS + 1),
    ),
    "binomial": (
        lambda e: pm.Binomial("y", 20, logit_p=e, observed=SOLVED),
        lambda e: np.log(special.comb(20, SOLVED)) + SOLVED * e - 20 * np.logaddexp(0, e),
    ),
    "student": (
        lambda e: pm.StudentT("y", 3, mu=e, sigma=1, observed=TIMES),
        lambda e: stats.t.logpdf(TIMES - e, 3),
    ),
}
PRIORS = {
    "tight": lambda: (pm.Normal("a", 0, 0.1), pm.HalfNormal("s", 0.1)),
    "usual": lambda: (pm.Normal("a", 0, 2), pm.HalfNormal("s", 2)),
    "uniform": lambda: (pm.Uniform("a", -1000, 1000), pm.Uniform("s", 0, 1000)),
    "gamma": lambda: (pm.Normal("a", 0, tau=1e-6), pm.Gamma("s", 0.001, 0.001)),
    "inverse gamma": lambda: (pm.Cauchy("a", 0, 1e6), pm.InverseGamma("s", 0.001, 0.001)),
    "improper": lambda: (pm.Flat("a"), pm.HalfFlat("s")),
}
EVERY_MODEL = os.environ.get("QUADRATURE_MODELS") == "all"
MODELS = [
    pair
    for pair in product(LIKELIHOODS, PRIORS)
    if EVERY_MODEL or pair[0] == "logistic" or pair[1] == "uniform"
]
PARAMS = [{"a": 0.3, "s": 0.5}, {"a": -1.0, "s": 3.0}, {"a": 0.5, "s": 40.0}]


def declaration_of(likelihood, prior):
    def build():
        with pm.Model() as model:
            a, s = PRIORS[prior]()
            z = pm.Normal("z", 0, 1, shape=4)
            LIKELIHOODS[likelihood][0](a + s * z[:, None])
        return model

    return declare(build, ("z",), {}, {})


def by_trapezoids(likelihood, params):
    """The sum of the logarithms of the four integrals over the standard normal latent.

    The points are dense at zero, about which the integrand is narrow if the scale is large.
    """
    t, stretch = np.linspace(-12, 12, 200_001), 13 / np.sinh(12)
    z, widths = stretch * np.sinh(t), stretch * np.cosh(t) * (t[1] - t[0])
    e = (params["a"] + params["s"] * z)[:, None, None]
    with np.errstate(over="ignore"):
        terms = LIKELIHOODS[likelihood][1](e).sum(axis=-1) + stats.norm.logpdf(z)[:, None]
    return float(np.sum(special.logsumexp(terms + np.log(widths)[:, None], axis=0)))


@pytest.fixture(scope="module")
def expected():
    return {name: [by_trapezoids(name, p) for p in PARAMS] for name in LIKELIHOODS}


@pytest.mark.slow
@pytest.mark.parametrize(("likelihood", "prior"), MODELS)
def test_log_likelihood_is_the_same_under_every_prior(likelihood, prior, expected):
    declaration = declaration_of(likelihood, prior)
    density = Density(observed_view(declaration), parameter_space(declaration))
    assert isinstance(density.view["y"].owner.op, QuadratureMarginalRV)
    found = [density.objective(density.space.unconstrain(params)) for params in PARAMS]
    np.testing.assert_allclose(found, expected[likelihood], rtol=0, atol=MAX_ERROR)


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_stated_error_is_that_at_the_parameters_in_question(likelihood, expected):
    """Coarse panels are precise at some θ and not at others, and each error is stated."""
    declaration = declaration_of(likelihood, "uniform")
    density = Density(observed_view(declaration), parameter_space(declaration))
    with quadrature_rule(INDEPENDENT_RULE):
        other = Density(observed_view(declaration), density.space)
    for scale in (1e-3, 0.5, 40.0, 1000.0 - 1e-6):
        params = {"a": 0.5, "s": scale}
        point = density.space.unconstrain(params)
        value = density.objective(point)
        stated = abs(other.objective(point) - value)
        error = abs(value - by_trapezoids(likelihood, params))
        assert error <= 2 * stated + 1e-9


@pytest.mark.slow
def test_largest_error_of_all_points_is_stated():
    declaration = declaration_of("logistic", "uniform")
    density = Density(observed_view(declaration), parameter_space(declaration))
    good, bad = (density.space.unconstrain({"a": 0.5, "s": s}) for s in (1.0, 999.0))
    errors = [marginalisations(declaration, density, at)[0].error for at in ([good], [good, bad])]
    assert errors[0] < 1e-11 < errors[1]
    assert errors[1] == marginalisations(declaration, density, [bad])[0].error


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.5, 40.0])
def test_expectations_are_exact_under_a_vague_prior(scale):
    """The conditional mean at any θ is that of the trapezoidal rule, also of a steep logistic."""
    declaration = declaration_of("logistic", "gamma")
    density = Density(observed_view(declaration), parameter_space(declaration))
    complete = complete_data_view(declaration, density)
    assert complete.exact
    point = density.space.unconstrain({"a": 0.5, "s": scale})
    statistics = complete.statistics(point, RNG)
    z, step = np.linspace(-13, 13, 200_001, retstep=True)
    terms = LIKELIHOODS["logistic"][1]((0.5 + scale * z)[:, None, None]).sum(axis=-1)
    weights = np.exp(terms + stats.norm.logpdf(z)[:, None]) * step
    expected = z @ weights / weights.sum(axis=0)
    np.testing.assert_allclose(statistics["z"], expected, rtol=1e-9)
    _, gradient = complete.q(statistics, point)
    np.testing.assert_allclose(gradient, density.log_likelihood(point)[1], atol=1e-8)
