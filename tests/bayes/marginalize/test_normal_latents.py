"""Latents with normal conditionals, against normal densities and linear algebra."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import pytest
from marginalised_latents import (
    GROUP,
    OTHER,
    RNG,
    ROWS,
    WALK,
    Case,
    MarginalisedLatentTests,
    X,
    Y,
    autoregression,
    case_fixture,
    exact_complete_data,
    intercepts,
    intercepts_density,
    log_normal,
    natural_of,
    observed_logp,
    scales,
    walk,
    walk_density,
)
from pymc_extras.marginal import marginalize
from scipy import stats

from latentfit.declaration import double_precision

pytestmark = pytest.mark.slow


def lines():
    s, t = scales("s", "t")
    z = pm.MvNormal("z", np.zeros(2), np.array([[1.0, 0.5], [0.5, 2.0]]) * t**2, shape=(5, 2))
    pm.Normal("y", z[GROUP, 0] + z[GROUP, 1] * X, s, observed=Y)


def lines_density(p):
    design = np.stack([np.ones(15), X], axis=1)
    within = design @ (np.array([[1.0, 0.5], [0.5, 2.0]]) * p["t"] ** 2) @ design.T
    between = within * np.equal.outer(GROUP, GROUP)
    return log_normal(np.zeros(15), between + p["s"] ** 2 * np.eye(15), Y)


def unequal_blocks():
    s, t = scales("s", "t")
    z = pm.Normal("z", 0, t, shape=15)
    sums = pt.concatenate([pt.cumsum(z[g == GROUP]) for g in range(5)])
    pm.Normal("y", sums, s, observed=Y)


def cumulative_sums():
    """The matrix of cumulative sums within groups."""
    add = np.zeros((15, 15))
    for g in range(5):
        own = np.flatnonzero(g == GROUP)
        add[np.ix_(own, own)] = np.tri(len(own))
    return add


def unequal_blocks_density(p):
    add = cumulative_sums()
    return log_normal(np.zeros(15), p["t"] ** 2 * add @ add.T + p["s"] ** 2 * np.eye(15), Y)


def loadings():
    (s,) = scales("s")
    w = pm.Normal("w", 0, 1, shape=(4, 2))
    z = pm.Normal("z", 0, 1, shape=(12, 2))
    pm.Normal("y", z @ w.T, s, observed=ROWS)


def loadings_density(p):
    return log_normal(np.zeros(4), p["w"] @ p["w"].T + p["s"] ** 2 * np.eye(4), ROWS)


def two_children():
    s, t = scales("s", "t")
    z = pm.Normal("z", 1, t, shape=5)
    pm.Normal("first", z[GROUP], s, observed=Y)
    pm.Normal("second", 2 * z, 1, observed=np.arange(5.0))


def two_children_density(p):
    design = np.concatenate([np.eye(5)[GROUP], 2 * np.eye(5)])
    noise = np.diag(np.repeat([p["s"] ** 2, 1.0], [15, 5]))
    values = np.concatenate([Y, np.arange(5.0)])
    return log_normal(design.sum(axis=1), p["t"] ** 2 * design @ design.T + noise, values)


def some_observations_depend():
    s, t = scales("s", "t")
    z = pm.Normal("z", 0, t, shape=3)
    pm.Normal("y", pt.concatenate([z, pt.zeros(12)]), s, observed=Y)


def some_observations_depend_density(p):
    scale = np.where(np.arange(15) < 3, np.hypot(p["s"], p["t"]), p["s"])
    return stats.norm(0, scale).logpdf(Y).sum()


CASES = [
    Case(intercepts, intercepts_density, (5, 1)),
    Case(lines, lines_density, (5, 2)),
    Case(unequal_blocks, unequal_blocks_density, (5, 5), in_order=False),
    Case(loadings, loadings_density, (12, 2)),
    Case(walk, walk_density, (1, 25)),
    Case(two_children, two_children_density, (5, 1)),
    Case(some_observations_depend, some_observations_depend_density, (3, 1)),
]
case = case_fixture(CASES)


class TestNormalLatents(MarginalisedLatentTests):
    pass


def crossed():
    s, t, u = scales("s", "t", "u")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Normal("z", 0, t, shape=5)
    w = pm.Normal("w", 0, u, shape=3)
    pm.Normal("y", mu + z[GROUP] + w[OTHER], s, observed=Y)


def test_two_latents_that_depend_on_one_another():
    complete, point, p = exact_complete_data(crossed, Y, latents=("z", "w"))
    design = np.concatenate([np.eye(5)[GROUP], np.eye(3)[OTHER]], axis=1)
    prior = np.concatenate([np.full(5, p["t"] ** -2), np.full(3, p["u"] ** -2)])
    precision = design.T @ design / p["s"] ** 2 + np.diag(prior)
    mean = np.linalg.solve(precision, design.T @ (Y - p["mu"])) / p["s"] ** 2
    statistics = complete.statistics(point, RNG)
    np.testing.assert_allclose(np.concatenate([statistics["z"], statistics["w"]]), mean, rtol=1e-9)
    second = np.linalg.inv(precision) + np.outer(mean, mean)
    products = complete.expectation(lambda z, d: np.outer(z["z"], z["w"]), statistics)
    np.testing.assert_allclose(products, second[:5, 5:], rtol=1e-9)
    marginal = design @ np.diag(1 / prior) @ design.T + p["s"] ** 2 * np.eye(15)
    expected = log_normal(np.full(15, p["mu"]), marginal, Y)
    assert complete.density.log_likelihood(point)[0] == pytest.approx(expected, rel=1e-12)


def with_dims():
    s, t = scales("s", "t")
    mu = pm.Normal("mu", 0, 10)
    z = pm.Normal("z", 0, t, dims="name")
    pm.Normal("y", mu + z[GROUP], s, observed=Y)


def test_log_likelihood_where_dims_give_the_shape_of_a_latent():
    with pm.Model(coords={"name": range(5)}) as model:
        with_dims()
    with double_precision():
        view = marginalize(model, ["z"])
    point = view.initial_point()
    expected = intercepts_density(natural_of(point))
    assert observed_logp(view)(point) == pytest.approx(expected, rel=1e-12)


def test_expectations_where_dims_give_the_shape_of_a_latent():
    complete, point, p = exact_complete_data(with_dims, Y, coords={"name": range(5)})
    counts = np.bincount(GROUP)
    precision = counts / p["s"] ** 2 + p["t"] ** -2
    mean = np.bincount(GROUP, Y - p["mu"]) / p["s"] ** 2 / precision
    np.testing.assert_allclose(complete.statistics(point, RNG)["z"], mean, rtol=1e-9)
    assert complete.declaration.model.coords["name"] == tuple(range(5))


def test_expectations_where_pytensor_does_not_know_the_shape():
    complete, point, p = exact_complete_data(autoregression, WALK)
    lag = np.zeros((25, 25))
    for t in range(2, 25):
        lag[t, t - 2 : t] = 0.3, 0.5
    shock = np.diag(np.repeat([10**-2, p["t"] ** -2], [2, 23]))
    precision = (np.eye(25) - lag).T @ shock @ (np.eye(25) - lag) + np.eye(25) / p["s"] ** 2
    mean = np.linalg.solve(precision, WALK / p["s"] ** 2)
    np.testing.assert_allclose(complete.statistics(point, RNG)["z"], mean, rtol=1e-9)


def test_expectations_over_blocks_of_different_sizes():
    complete, point, p = exact_complete_data(unequal_blocks, Y)
    add = cumulative_sums()
    precision = add.T @ add / p["s"] ** 2 + np.eye(15) / p["t"] ** 2
    mean = np.linalg.solve(precision, add.T @ Y) / p["s"] ** 2
    statistics = complete.statistics(point, RNG)
    np.testing.assert_allclose(statistics["z"], mean, rtol=1e-10)

    def squares(latents, data):
        return latents["z"] ** 2

    def products(latents, data):
        return np.outer(latents["z"], latents["z"])

    second = np.linalg.inv(precision) + np.outer(mean, mean)
    np.testing.assert_allclose(
        complete.expectation(squares, statistics), np.diag(second), rtol=1e-10
    )
    # The points move all blocks together, so that products across blocks are not exact, and
    # neither are fourth powers.
    assert complete.expectation(products, statistics) is None
    assert complete.expectation(lambda z, d: z["z"] ** 4, statistics) is None


@pytest.mark.parametrize("function", [pt.abs, lambda z: pt.switch(z > 0, z, 0.1 * z), pt.floor])
def test_piecewise_linear_function_is_not_linear(function):
    with pm.Model() as model:
        z = pm.Normal("z", 3, 1, shape=4)
        pm.Normal("y", function(z), 1, observed=np.zeros(4))
    with pytest.raises(NotImplementedError):
        marginalize(model, ["z"])
