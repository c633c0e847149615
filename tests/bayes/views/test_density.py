"""Log densities and their derivatives, against closed forms and differences."""

import numpy as np
import pymc as pm
import pytest
from bayes_examples import THETA, as_draws, density_of, mixture_log_likelihood
from scipy import stats

import latentfit
from latentfit.bayes.views import pointwise_log_likelihood


def test_log_likelihood_sums_over_the_latent(two_components):
    x, _, density = two_components
    value, _ = density.log_likelihood(density.space.unconstrain(THETA))
    assert value == pytest.approx(mixture_log_likelihood(x, THETA)[0].sum(), rel=1e-13)


def test_log_prior_is_on_the_natural_scale(two_components):
    _, _, density = two_components
    value, _ = density.log_prior(density.space.unconstrain(THETA))
    expected = (
        stats.dirichlet.logpdf(THETA["w"], np.ones(2))
        + stats.norm.logpdf(THETA["mu"], 0, 10).sum()
        + stats.lognorm.logpdf(THETA["sigma"], 1).sum()
    )
    assert value == pytest.approx(expected, rel=1e-12)


def test_gradient_and_hessian_equal_differences(two_components):
    _, _, density = two_components
    point = density.space.unconstrain(THETA)
    step = 1e-5
    for objective, prior in ((density.log_likelihood, False), (density.log_posterior, True)):
        _, gradient = objective(point)
        hessian = density.hessian(point, prior=prior)
        for axis, direction in enumerate(np.eye(len(point))):
            up, down = objective(point + step * direction), objective(point - step * direction)
            assert gradient[axis] == pytest.approx((up[0] - down[0]) / (2 * step), abs=1e-5)
            np.testing.assert_allclose(hessian[axis], (up[1] - down[1]) / (2 * step), atol=1e-5)


@pytest.mark.slow
def test_hessian_of_a_markov_chain_equals_differences_of_gradients():
    reference = latentfit.load("hidden-markov").reference()
    density = reference.density
    point, step = density.space.origin + 0.2, 1e-5
    columns = [
        (density.log_posterior(point + step * e)[1] - density.log_posterior(point - step * e)[1])
        / (2 * step)
        for e in np.eye(density.space.size)
    ]
    np.testing.assert_allclose(density.hessian(point, prior=True), columns, rtol=1e-5, atol=1e-4)
    assert density.objective(point, prior=True) == pytest.approx(density.log_posterior(point)[0])


def test_pointwise_log_likelihood_at_many_draws(two_components):
    x, _, density = two_components
    rng = np.random.default_rng(0)
    base = density.space.unconstrain(THETA)
    draws = as_draws(density, base + 0.1 * rng.standard_normal((7, density.space.size)))
    found = pointwise_log_likelihood(density.view, draws)["x"]
    for index in range(7):
        params = {name: draws[name].values[index] for name in THETA}
        expected, _ = mixture_log_likelihood(x, params)
        np.testing.assert_allclose(found[index], expected, rtol=1e-12)


def test_literal_numbers_are_double_precision():
    """PyTensor by default takes the logarithm of the literal 10 in single precision."""

    def gamma(x):
        with pm.Model() as model:
            pm.Normal("z", 0, 1)
            scale = pm.LogNormal("scale", 0, 1)
            pm.Gamma("x", 10, 10 * scale, observed=x)
        return model

    x = np.array([0.5, 1.3])
    _, density = density_of(gamma, ("z",), {"x": x})
    value, _ = density.log_likelihood(density.space.unconstrain({"scale": 1.0}))
    assert value == pytest.approx(stats.gamma.logpdf(x, 10, scale=0.1).sum(), rel=1e-14)


@pytest.mark.slow
def test_very_small_weight_contributes_to_the_log_likelihood():
    """A weight of 1e-30 matters where the other component gives the data a lower density."""
    counts = np.array([9000.0, 9000, 11000])
    model = latentfit.load("poisson-mixture")
    density = model.reference({"x": counts}).density
    params = {"w": np.array([1e-30, 1.0]), "lam": np.array([11000.0, 9000.0])}
    value, _ = density.log_likelihood(density.space.locate(params))
    assert value == pytest.approx(model.log_likelihood(params, {"x": counts}), rel=1e-12)
