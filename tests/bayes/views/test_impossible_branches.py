"""Derivatives where a category or a transition has probability exactly 0."""

import numpy as np
import pytest
from bayes_examples import density_of
from impossible_branches import (
    COUNTS,
    EXAMPLES,
    gradient_by_complex_steps,
    hessian_by_differences,
    zero_inflated_by_a_list,
    zero_inflated_by_a_product,
)
from scipy.special import expit

from latentfit.bayes import complete_data_view, prepare_nuts

# Errors of the derivatives that the tests compute, relative to the largest entry.
GRADIENT, HESSIAN = 1e-12, 1e-9


def assert_close(found, expected, tolerance):
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * scale)


def points(size, count=2):
    return 0.7 * np.random.default_rng(size).standard_normal((count, size))


# The examples that a short run tests: one latent, two latents, a chain.
SHORT = ("zero times a rate", "clicks", "knowledge tracing")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if name in SHORT else pytest.mark.slow) for name in EXAMPLES
    ],
)
def case(request):
    example = EXAMPLES[request.param]
    return example, *density_of(example.build, example.latents, {})


def test_value_gradient_and_hessian(case):
    example, _, density = case
    assert density.space.size == example.size

    def slope(at):
        return gradient_by_complex_steps(example.log_likelihood, at)

    for point in points(example.size):
        value, gradient = density.log_likelihood(point)
        assert value == pytest.approx(example.log_likelihood(point), rel=1e-13)
        assert_close(gradient, slope(point), GRADIENT)
        assert_close(density.hessian(point), hessian_by_differences(slope, point), HESSIAN)


def closed_form(u):
    """Score and Hessian of the zero-inflated Poisson, differentiated by hand.

    With π = P(z = 1) = 1 / (1 + exp(-u₀)) and rate λ = exp(u₁), and y = 0 in n₀ of n units,
    the log-likelihood is n₀ log A + (n - n₀) (log π - λ) + u₁ Σ y, where A = 1 - π (1 - exp(-λ)).
    """
    pi, lam = expit(u[0]), np.exp(u[1])
    d_pi, d2_pi = pi * (1 - pi), pi * (1 - pi) * (1 - 2 * pi)
    zeros, positive, total = (COUNTS == 0).sum(), (COUNTS > 0).sum(), COUNTS.sum()
    e = np.exp(-lam)
    A = 1 - pi * (1 - e)
    first = np.array([-(1 - e) * d_pi, -pi * e * lam])
    second = np.array(
        [[-(1 - e) * d2_pi, -d_pi * e * lam], [-d_pi * e * lam, -pi * e * lam * (1 - lam)]]
    )
    score = zeros * first / A + np.array([positive * (1 - pi), total - positive * lam])
    hessian = zeros * (second / A - np.outer(first, first) / A**2)
    return score, hessian - np.diag([positive * d_pi, positive * lam])


@pytest.mark.parametrize("build", [zero_inflated_by_a_list, zero_inflated_by_a_product])
def test_zero_inflated_poisson_equals_its_closed_form(build):
    _, density = density_of(build, ("z",), {})
    sign = np.array([1.0, 1.0])
    if build is zero_inflated_by_a_list:
        # The coordinate of two weights is half the log odds of the first one.
        sign = np.array([-2.0, 1.0])
    for u in points(2, 3):
        score, hessian = closed_form(sign * u)
        assert_close(density.log_likelihood(u)[1], sign * score, 1e-14)
        assert_close(density.hessian(u), np.outer(sign, sign) * hessian, 1e-13)


@pytest.mark.parametrize(
    "name",
    [
        "occupancy",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("zero times a rate", "matrix of emissions", "survival", "seven stages")
        ),
    ],
)
def test_q_and_fishers_identity(name):
    """The gradient of Q at θ' = θ is the score, and Q's derivatives equal differences of Q."""
    example = EXAMPLES[name]
    declaration, density = density_of(example.build, example.latents, {})
    complete = complete_data_view(declaration, density)
    old, new = points(example.size)
    statistics = complete.statistics(old, np.random.default_rng(0))
    assert_close(
        complete.q(statistics, old)[1],
        gradient_by_complex_steps(example.log_likelihood, old),
        GRADIENT,
    )
    value, gradient = complete.q(statistics, new)
    assert np.isfinite(value)
    steps = 1e-5 * np.eye(example.size)
    differences = [
        (complete.q(statistics, new + s)[0] - complete.q(statistics, new - s)[0]) / 2e-5
        for s in steps
    ]
    assert_close(gradient, differences, 1e-7)
    hessian = hessian_by_differences(lambda at: complete.q(statistics, at)[1], new)
    assert_close(complete.hessian(statistics, new), hessian, HESSIAN)


# Derivatives of the log prior density on the unconstrained scale, the Jacobian included.
PRIOR_GRADIENTS = {
    "zero times a rate": lambda u: np.array([1 - 2 * expit(u[0]), 1 - 0.1 * np.exp(u[1])]),
    "seven stages": lambda u: 1 - np.exp(u),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "backend"),
    [("zero times a rate", "numba"), ("zero times a rate", "jax"), ("seven stages", "jax")],
)
def test_log_density_that_nuts_draws_from(name, backend):
    example = EXAMPLES[name]
    _, density = density_of(example.build, example.latents, {})
    evaluate = prepare_nuts(density.view, backend=backend).gradient()
    # The observed view has the parameters in another order.
    every = np.arange(example.size)
    coordinates, begin = {}, 0
    for parameter, shape in density.space.shapes.items():
        end = begin + int(np.prod(shape))
        coordinates[parameter] = every[begin:end]
        begin = end
    order = np.concatenate([coordinates[rv.name] for rv in density.view.free_RVs])
    for point in points(example.size):
        expected = gradient_by_complex_steps(example.log_likelihood, point)
        expected = expected + PRIOR_GRADIENTS[name](point)
        assert_close(evaluate(point[order])[1], expected[order], GRADIENT)
