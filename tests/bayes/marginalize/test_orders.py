"""Several latents: sums and closed forms come before numerical integrals."""

import numpy as np
import pymc as pm
import pytest
from marginalised_latents import observed_logp
from pymc_extras.model.marginal.distributions.core import MarginalRV
from pytensor.graph.traversal import ancestors
from scipy import stats

from latentfit.bayes.marginalize import marginalise_latents

Y = np.array([0.4, -1.1])
GRID = np.linspace(-40, 40, 160001)


def nesting(variables):
    """The marginalised latents, the outermost one first."""
    for variable in ancestors(variables):
        if variable.owner is not None and isinstance(variable.owner.op, MarginalRV):
            op = variable.owner.op
            return (op.marginalized_name, *nesting(op.fgraph.outputs))
    return ()


def laplace_and_normal():
    z = pm.Laplace("z", 0, 0.7, shape=2)
    b = pm.Normal("b", 0, 0.5, shape=2)
    pm.Normal("y", pm.Normal("mu", 0, 1) + z + b, 0.8, observed=Y)


def laplace_and_normal_density(mu):
    prior = stats.laplace.pdf(GRID, 0, 0.7)
    values = prior * stats.norm.pdf(Y[:, None], mu + GRID, np.hypot(0.5, 0.8))
    return np.log(values.sum(axis=1) * (GRID[1] - GRID[0])).sum()


@pytest.fixture(scope="module")
def view():
    with pm.Model() as model:
        laplace_and_normal()
    # In this order of declaration the integral without a closed form would come first.
    return marginalise_latents(model, ["z", "b"])


def test_closed_form_within_a_numerical_integral(view):
    assert nesting(view.basic_RVs) == ("z", "b")


@pytest.mark.slow
def test_its_value(view):
    expected = laplace_and_normal_density(0.3)
    assert observed_logp(view)({"mu": 0.3}) == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_the_refusal_names_the_latent_without_a_strategy():
    with pm.Model() as model:
        z = pm.Bernoulli("z", 0.4, shape=5)
        walk = pm.GaussianRandomWalk("walk", 0.0, 1.0, init_dist=pm.Normal.dist(0, 1), steps=4)
        pm.Poisson("y", pm.math.exp(z + walk), observed=[0, 2, 1, 0, 3])
    with pytest.raises((NotImplementedError, ValueError), match="walk"):
        marginalise_latents(model, ["z", "walk"])
