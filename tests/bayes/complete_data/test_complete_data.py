"""The complete-data view: statistics against closed forms, Q against its definition."""

import numpy as np
import pymc as pm
import pytest
from bayes_examples import THETA, mixture_log_likelihood
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.blockwise import Blockwise

import latentfit
from latentfit.bayes.complete_data import complete_data_by_draws

RNG = np.random.default_rng


def two_groups(x, y):
    """Two independent latents, and an observation that depends on neither of them."""
    with pm.Model() as model:
        p = pm.Beta("p", 2, 2)
        mu = pm.Normal("mu", 0, 5)
        a = pm.Bernoulli("a", p, shape=len(x))
        b = pm.Categorical("b", [0.2, 0.3, 0.5], shape=len(y))
        pm.Normal("x", mu * a, 1, observed=x)
        pm.Normal("y", mu + b, 1, observed=y)
        pm.Normal("beside", mu, 2, observed=0.7)
    return model


@pytest.mark.slow
def test_several_categorical_latents_are_exact():
    model = latentfit.LatentModel(
        model=two_groups, latents=("a", "b"), e_step=lambda p, d: {}, m_step=lambda e, d: {}
    )
    reference = model.reference({"x": [0.3, 1.2, 2.5], "y": [1.0, 3.0]})
    complete, density = reference.complete, reference.density
    assert complete.exact
    point = RNG(0).normal(size=density.space.size)
    statistics = complete.statistics(point, RNG(0))
    natural = density.space.constrain(point)
    p, mu = natural["p"], natural["mu"]
    odds = p / (1 - p) * np.exp(mu * np.array([0.3, 1.2, 2.5]) - mu**2 / 2)
    np.testing.assert_allclose(statistics["a"][:, 1], odds / (1 + odds), rtol=1e-10)
    assert statistics["b"].shape == (2, 3)
    # Fisher's identity: at θ = θ' the gradient of Q is that of log p(x | θ).
    np.testing.assert_allclose(
        complete.q(statistics, point)[1], density.log_likelihood(point)[1], rtol=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "data"),
    [
        ("hidden-markov", {"states": 3}, None),
        ("hidden-markov", {"emission": "gaussian"}, {"x": RNG(5).normal(size=(12, 3))}),
        ("genetic-linkage", {}, None),
        ("zero-inflated-poisson", {}, None),
    ],
)
def test_complete_data_information_exceeds_the_observed_information(name, options, data):
    """At θ' = θ, minus the Hessian of Q is the complete-data information.

    The difference from the observed information is the missing information, which has no negative
    eigenvalue. The gradients are equal by Fisher's identity.
    """
    reference = latentfit.load(name).reference(data, **options)
    complete, density = reference.complete, reference.density
    point = density.space.origin + 0.3 * RNG(0).normal(size=density.space.size)
    statistics = complete.statistics(point, RNG(0))
    np.testing.assert_allclose(
        complete.q(statistics, point)[1],
        density.log_likelihood(point)[1],
        rtol=1e-8,
        atol=1e-8 * np.max(np.abs(density.log_likelihood(point)[1])),
    )
    missing = density.hessian(point) - complete.hessian(statistics, point)
    assert np.min(np.linalg.eigvalsh(missing)) >= -1e-8 * np.max(np.abs(missing))


def test_q_by_draws_is_a_mean_over_the_draws(two_components):
    x, declaration, density = two_components
    view = complete_data_by_draws(declaration, density)
    start, point = density.space.unconstrain(THETA), density.space.unconstrain(THETA) + 0.1
    statistics = view.statistics(start, np.random.default_rng(0))
    value, gradient = view.q(statistics, point)
    _, joint = mixture_log_likelihood(x, density.space.constrain(point))
    each = joint[np.arange(len(x)), statistics["z"]].sum(axis=1)
    assert value == pytest.approx(each.mean(), rel=1e-12)
    ahead = [view.q(statistics, point + 1e-6 * axis)[0] for axis in np.eye(len(point))]
    back = [view.q(statistics, point - 1e-6 * axis)[0] for axis in np.eye(len(point))]
    np.testing.assert_allclose(gradient, (np.array(ahead) - back) / 2e-6, rtol=1e-6, atol=1e-5)
    # An operation for each draw would take seconds.
    assert not any(isinstance(node.op, Blockwise) for node in io_toposort([], view._graphs))
