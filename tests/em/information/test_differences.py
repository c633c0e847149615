"""Derivatives by finite differences, and the free scale on which they are computed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit.em.information import FreeScale
from latentfit.em.information.differences import (
    Derivative,
    derivative,
    hessian,
    mixed_derivatives,
    second_derivative,
)
from latentfit.em.information.step_units import curvature_units

unhurried = settings(deadline=None, max_examples=30)


# Finite differences.

CURVES = {
    "exp": (np.exp, np.exp, np.exp),
    "sin": (np.sin, np.cos, lambda x: -np.sin(x)),
    "log": (np.log, lambda x: 1 / x, lambda x: -(x**-2)),
}


@unhurried
@given(st.sampled_from(sorted(CURVES)), st.floats(1.5, 3.0))
def test_the_estimated_error_bounds_the_error(name, x):
    f, slope, curvature = CURVES[name]
    one = derivative(lambda t: np.asarray(f(x + t)))
    two = second_derivative(lambda t: float(f(x + t)), float(f(x)))
    assert abs(one.value - slope(x)) <= 10 * one.error + 1e-15
    assert abs(two.value - curvature(x)) <= 10 * two.error + 1e-14
    assert one.error < 1e-8
    assert two.error < 1e-6


def test_a_function_that_is_not_defined_everywhere():
    found = derivative(lambda t: np.log(np.array(0.2 + t)) if t > -0.2 else np.array(np.nan))
    assert found.value == pytest.approx(5, rel=1e-6)
    assert np.isnan(derivative(lambda t: np.array(np.nan)).value)


@unhurried
@given(st.integers(1, 4), st.integers(0, 10**6), st.floats(-4, 4))
def test_second_derivatives_in_units_of_the_curvature(size, seed, magnitude):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(size, size + 2))
    scale = 10 ** (magnitude * rng.uniform(-1, 1, size))
    matrix = root @ root.T / np.outer(scale, scale)
    maximum = scale * rng.normal(size=size)

    def log_density(x):
        return -(x - maximum) @ matrix @ (x - maximum) / 2

    units = curvature_units(log_density, maximum, np.full(size, False))
    falls = [-log_density(maximum + axis) for axis in np.diag(units)]
    assert min(falls) > 0.09
    assert max(falls) < 2.1
    found = hessian(log_density, maximum, units)
    size_of = np.sqrt(np.diag(matrix))
    np.testing.assert_allclose(
        -found.value / np.outer(size_of, size_of), matrix / np.outer(size_of, size_of), atol=1e-9
    )
    cross = mixed_derivatives(lambda x, y: float(x @ matrix @ y), maximum, units)
    assert isinstance(cross, Derivative)
    error = 1e-11 * (1 + abs(float(maximum @ matrix @ maximum)))
    np.testing.assert_allclose(
        cross.value * np.outer(units, units), matrix * np.outer(units, units), atol=1e3 * error
    )


# The free scale.


@unhurried
@given(st.integers(1, 4), st.integers(0, 10**6))
def test_params_of_free_coordinates(size, seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(2, size + 1, size + 2))
    params = {
        "real": rng.normal(size=(size, 2)) - 1,
        "positive": rng.lognormal(size=size),
        "probability": rng.uniform(0.01, 0.99, size),
        "simplex": rng.dirichlet(np.ones(size + 1), size=3),
        "covariance": root @ root.swapaxes(1, 2),
    }
    scale = FreeScale.of(params, {name: name for name in params})
    point = scale.point(params)
    degrees = 2 * size + size + size + 3 * size + (size + 1) * (size + 2)
    assert point.shape == scale.bounded.shape == (degrees,)
    for name, value in scale.params(point).items():
        np.testing.assert_allclose(value, params[name], rtol=1e-9, atol=1e-12)
    there = point + rng.normal(size=point.size)
    moved = scale.params(there)
    np.testing.assert_allclose(scale.point(moved), there, rtol=1e-7, atol=1e-7)
    assert FreeScale.of(moved, scale.kinds).kinds == scale.kinds
    again = scale.params(scale.point(moved))
    for name, value in moved.items():
        np.testing.assert_allclose(again[name], value, rtol=1e-7, atol=1e-10)


def test_constraints_are_inferred_from_values():
    kinds = FreeScale.of(
        {
            "mean": [-1.0, 2.0],
            "zeros": [0.0, 0.0],
            "rate": 0.2,
            "rates": [0.2, 1.0],
            "weights": [[0.2, 0.8], [1.0, 0.0]],
            "cov": [[2.0, 0.5], [0.5, 1.0]],
        }
    ).kinds
    assert list(kinds.values()) == [
        "real",
        "real",
        "positive",
        "positive",
        "simplex",
        "covariance",
    ]
