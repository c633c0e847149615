"""Latents marginalised by the Kalman filter, against a full covariance matrix."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from marginalised_latents import (
    ROWS,
    WALK,
    Views,
    autoregression,
    only_strategies,
    scales,
    value_and_gradient,
    walk,
)

from latentfit.bayes.marginalize import (
    ConjugateMarginalRV,
    StateSpaceMarginalRV,
    _normal,
    _state_space,
)
from latentfit.bayes.marginalize.algebra import solve_block_tridiagonal
from latentfit.declaration import interpreting

pytestmark = pytest.mark.slow


def walks():
    """Several series at once, of a length that is not a power of two."""
    s, t = scales("s", "t")
    z = pm.GaussianRandomWalk("z", 0, t, init_dist=pm.Normal.dist(0, 3), shape=(4, 12))
    pm.Normal("y", z.T, s, observed=ROWS)


def trends():
    """A level and its slope, which depend on those at the time before jointly."""
    s, t = scales("s", "t")
    z = pm.Normal("z", 0, 1, shape=(25, 2))
    level, slope = z[:, 0], z[:, 1]
    pm.Normal("level_change", level[1:] - level[:-1] - slope[:-1], t, observed=np.zeros(24))
    pm.Normal("slope_change", slope[1:] - slope[:-1], t, observed=np.full(24, 0.1))
    pm.Normal("y", level, s, observed=WALK)


@pytest.mark.parametrize(
    ("declare", "width"), [(walk, 1), (walks, 1), (autoregression, 2), (trends, 2)]
)
def test_kalman_filter_equals_a_full_matrix(declare, width, monkeypatch):
    monkeypatch.setattr(_state_space, "_MIN_LENGTH", 8)
    filtered = Views(declare)
    with only_strategies(_normal.STRATEGY):
        full = Views(declare)
    assert [type(views.op) for views in (filtered, full)] == [
        StateSpaceMarginalRV,
        ConjugateMarginalRV,
    ]
    assert filtered.op.width == width
    functions = [value_and_gradient(views.observed) for views in (filtered, full)]
    for point in filtered.points:
        (value, *gradient), (expected, *expected_gradient) = (f(point) for f in functions)
        assert value == pytest.approx(expected, rel=1e-11)
        for one, other in zip(gradient, expected_gradient, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-8)


def test_block_tridiagonal_systems_of_any_length_are_solved():
    rng = np.random.default_rng(8)
    for times, size in [(1, 1), (2, 1), (3, 1), (8, 1), (13, 1), (1, 2), (5, 2), (6, 3)]:
        factor = np.tril(rng.normal(size=(times * size,) * 2)) + 3 * np.eye(times * size)
        factor *= np.abs(np.subtract.outer(*2 * [np.arange(times * size) // size])) <= 1
        matrix = factor @ factor.T
        blocks = matrix.reshape(times, size, times, size).transpose(0, 2, 1, 3)
        t = np.arange(times)
        right = rng.normal(size=times * size)
        solution, log_determinant = solve_block_tridiagonal(
            pt.constant(blocks[t, t][None]),
            pt.constant(blocks[t[:-1], t[1:]][None]),
            pt.constant(right.reshape(1, times, size)),
            times,
            size,
        )
        with interpreting():
            found, found_log_determinant = pytensor.function([], [solution, log_determinant])()
        np.testing.assert_allclose(found.ravel(), np.linalg.solve(matrix, right), rtol=1e-9)
        expected = np.linalg.slogdet(matrix)[1]
        assert found_log_determinant[0] == pytest.approx(expected, rel=1e-10)
