"""Latents marginalised by adaptive quadrature, against fine grids."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import (
    ANSWERS,
    COUNTS,
    GROUP,
    OTHER,
    RNG,
    Case,
    MarginalisedLatentTests,
    Views,
    X,
    Y,
    case_fixture,
    exact_complete_data,
    intercepts,
    natural_of,
    observed_logp,
    only_strategies,
    scales,
)
from pymc_extras.marginal import conditional, marginalize
from scipy import stats
from scipy.integrate import quad

from latentfit.bayes.marginalize import (
    INDEPENDENT_RULE,
    ConjugateMarginalRV,
    HermiteRule,
    PanelRule,
    QuadratureMarginalRV,
    QuadratureRule,
    _quadrature,
    coarse_rule,
    quadrature_rule,
)
from latentfit.bayes.marginalize.distributions import (
    TABLE_PANELS,
    table_of,
    table_positions,
    tabulated_quantile,
)
from latentfit.declaration.compilation import interpreted_compilation

pytestmark = pytest.mark.slow


def overdispersed():
    """Groups of counts with a common lognormal factor."""
    mu = pm.Normal("mu", 1, 1)
    (s,) = scales("s")
    z = pm.Normal("z", 0, s, shape=3)
    pm.Poisson("y", pt.exp(mu + z[OTHER[:8]]), observed=COUNTS)


def overdispersed_density(p):
    def integrated(group):
        def log_joint(z):
            own = COUNTS[OTHER[:8] == group]
            return (
                stats.norm.logpdf(z, 0, p["s"])
                + stats.poisson.logpmf(own, np.exp(p["mu"] + z)).sum()
            )

        largest = max(log_joint(z) for z in np.linspace(-3, 3, 61))
        grid = np.linspace(-12 * p["s"] - 3, 12 * p["s"] + 3, 6001)
        values = [np.exp(log_joint(z) - largest) for z in grid]
        return largest + np.log(np.sum(values) * (grid[1] - grid[0]))

    return sum(integrated(group) for group in range(3))


case = case_fixture([Case(overdispersed, overdispersed_density)])


class TestQuadratureLatents(MarginalisedLatentTests):
    pass


def abilities():
    b = pm.Normal("b", 0, 1, shape=6)
    (s,) = scales("s")
    z = pm.Normal("z", 0, s, shape=12)
    pm.Bernoulli("y", logit_p=z[:, None] - b, observed=ANSWERS)


def abilities_density(p):
    def likelihood(z, answers):
        logits = z - p["b"]
        return np.exp(answers @ logits - np.logaddexp(0, logits).sum())

    def integrated(answers):
        density = stats.norm(0, p["s"]).pdf
        integral, _ = quad(
            lambda z: density(z) * likelihood(z, answers),
            -12 * p["s"],
            12 * p["s"],
            epsabs=0,
            epsrel=1e-12,
            limit=400,
        )
        return integral

    return np.sum([np.log(integrated(row)) for row in ANSWERS])


def test_independent_rule_agrees_and_few_nodes_are_not_enough():
    usual = Views(abilities)
    with quadrature_rule(INDEPENDENT_RULE):
        independent = Views(abilities)
    with quadrature_rule(coarse_rule(5)):
        few = Views(abilities)
    point = usual.points[0]
    value, other, with_few = (
        observed_logp(views.observed)(point) for views in (usual, independent, few)
    )
    assert value == pytest.approx(abilities_density(natural_of(point)), rel=1e-12)
    assert value == pytest.approx(other, rel=1e-12)
    assert value != pytest.approx(with_few, rel=1e-6)


@pytest.mark.parametrize(
    "distribution", [stats.norm(), stats.norm(0.5, 0.5), stats.norm(0, 3), stats.gumbel_r()]
)
def test_quantiles_of_a_table_equal_those_of_the_distribution(distribution):
    below = np.array([0.001, 0.025, 0.3, 0.5, 0.9, 0.999])
    edges = np.arcsinh(distribution.ppf([1e-15, 1 - 1e-15])[:, None])
    edges = np.linspace(*edges, TABLE_PANELS + 1)
    u = table_positions(edges)
    table = table_of(edges[:, 0], (distribution.logpdf(np.sinh(u)) + np.log(np.cosh(u))).ravel())
    (found,) = tabulated_quantile(below[:, None], np.zeros(1), np.ones(1), table[None]).T
    assert found == pytest.approx(distribution.ppf(below), abs=1e-9)


def test_quadrature_equals_a_closed_form():
    exact = Views(intercepts)
    with only_strategies(_quadrature.STRATEGY):
        numerical = Views(intercepts)
    assert [type(views.op) for views in (exact, numerical)] == [
        ConjugateMarginalRV,
        QuadratureMarginalRV,
    ]
    for point in exact.points:
        found = [observed_logp(views.observed)(point) for views in (exact, numerical)]
        assert found[0] == pytest.approx(found[1], rel=1e-11)


def test_expectations_of_a_tabulated_latent():
    """At θ = θ' the gradient of Q is that of log p(x | θ), and means equal integrals on a grid."""
    complete, point, p = exact_complete_data(abilities, ANSWERS)
    statistics = complete.statistics(point, RNG)
    _, gradient = complete.q(statistics, point)
    np.testing.assert_allclose(gradient, complete.density.log_likelihood(point)[1], atol=1e-9)
    grid = np.linspace(-12, 12, 4001) * p["s"]
    logits = grid[:, None] - p["b"]
    log_joint = stats.norm.logpdf(grid, 0, p["s"])[:, None] + logits @ ANSWERS.T
    log_joint = log_joint - np.logaddexp(0, logits).sum(axis=1, keepdims=True)
    weights = np.exp(log_joint - log_joint.max(axis=0))
    expected = grid @ weights / weights.sum(axis=0)
    np.testing.assert_allclose(statistics["z"], expected, rtol=1e-10)


def logistic_lines():
    s, t = scales("s", "t")
    z = pm.MvNormal("z", np.zeros(2), np.diag([1.0, 0.5]) * t**2, shape=(5, 2))
    pm.Bernoulli("y", logit_p=s + z[GROUP, 0] + z[GROUP, 1] * X, observed=(Y > 1).astype(int))


def logistic_lines_density(p):
    grid = np.linspace(-8, 8, 401) * p["t"]
    z0, z1 = np.meshgrid(grid, grid, indexing="ij")
    prior = stats.norm.logpdf(z0, 0, p["t"]) + stats.norm.logpdf(z1, 0, np.sqrt(0.5) * p["t"])
    total = 0.0
    for g in range(5):
        log_joint = prior
        for i in np.flatnonzero(g == GROUP):
            logit = p["s"] + z0 + z1 * X[i]
            log_joint = log_joint + (Y[i] > 1) * logit - np.logaddexp(0, logit)
        total += np.log(np.sum(np.exp(log_joint)) * (grid[1] - grid[0]) ** 2)
    return total


def test_quadrature_in_two_dimensions():
    """Groups have one or two answers, so that their conditionals are far from normal."""
    usual = Views(logistic_lines)
    fine_rule = QuadratureRule(PanelRule(), HermiteRule(nodes=180))
    others = []
    for rule in (INDEPENDENT_RULE, fine_rule):
        with quadrature_rule(rule):
            others.append(Views(logistic_lines))
    assert isinstance(usual.op, QuadratureMarginalRV)
    assert usual.op.blocks.entries.shape == (5, 2)
    densities = [observed_logp(views.observed) for views in (usual, *others)]
    for point in usual.points:
        value, other, fine = (density(point) for density in densities)
        expected = logistic_lines_density(natural_of(point))
        assert fine == pytest.approx(expected, rel=1e-8)
        # The difference of the rules, which is reported, estimates the true error.
        assert abs(value - expected) <= 2 * abs(value - other) + 1e-9
    with pytest.raises(NotImplementedError, match="tabulated for single entries only"):
        conditional(usual.observed)


def test_gradient_is_finite_where_a_probability_is_one_at_the_outer_nodes():
    """log(1 - p) is made numerically stable before it is differentiated."""
    with pm.Model() as model:
        a = pm.HalfNormal("a", 2)
        z = pm.Normal("z", 0, 1, shape=3)
        pm.Bernoulli("y", logit_p=0.3 + a * z, observed=[1, 0, 1])
    view = marginalize(model, ["z"])
    with interpreted_compilation():
        value, gradient = view.compile_logp(jacobian=False), view.compile_dlogp(jacobian=False)
    for a in (2.0, 6.0, 9.0):
        low, high = (value({"a_log__": np.log(a) + step}) for step in (-1e-5, 1e-5))
        found = gradient({"a_log__": np.array(np.log(a))})
        np.testing.assert_allclose(found, (high - low) / 2e-5, rtol=1e-4, atol=1e-6)
