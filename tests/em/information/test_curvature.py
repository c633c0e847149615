"""Directions of a log density: curved, flat towards the boundary, or unidentified."""

import numpy as np
import pytest

from latentfit.em.information import curvature_of


def test_a_direction_towards_a_boundary_is_set_aside():
    hessian = np.diag([-4.0, -1e-9])
    gradient = np.array([2.0, 1e-9])
    towards_zero = curvature_of(hessian, gradient, np.array([False, True]))
    step, decrement = towards_zero.newton(gradient)
    np.testing.assert_allclose(step, [0.5, 0.0])
    assert decrement == pytest.approx(1.0)
    upwards = curvature_of(np.diag([-4.0, 3.0]), gradient, np.array([False, True]))
    assert not upwards.concave
    assert np.isnan(upwards.newton(gradient)[1])


def test_the_tolerance_decides_what_is_flat_towards_the_boundary():
    gradient, hessian = np.array([0.0, -2e-5]), np.diag([-4.0, -2e-5])
    bounded = np.array([False, True])
    assert not curvature_of(hessian, gradient, bounded).flat_towards_boundary.any()
    found = curvature_of(hessian, gradient, bounded, boundary_tolerance=1e-4)
    assert list(found.flat_towards_boundary) == [False, True]


def test_a_flat_direction_of_unbounded_coordinates_is_unidentified():
    hessian = np.array([[-1.0, -1.0], [-1.0, -1.0]])
    found = curvature_of(hessian, np.zeros(2), np.array([False, False]))
    assert found.unidentified.sum() == found.curved.sum() == 1
    np.testing.assert_allclose(found.covariance(), np.full((2, 2), 0.25), atol=1e-15)
    assert found.concave


def test_a_hessian_that_is_not_finite_is_an_error():
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        curvature_of(np.full((2, 2), np.nan), np.zeros(2), np.array([False, False]))
