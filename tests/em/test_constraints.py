"""Constraints of parameter arrays, and coordinates of covariance matrices."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from latentfit.em.constraints import SUM_AXES, infer_constraint, is_simplex, rows_summing_to_one
from latentfit.em.log_cholesky import from_log_cholesky, to_log_cholesky

CANDIDATES = ("covariance", "simplex", "columns", "table", "probability", "positive")


@pytest.mark.parametrize(
    ("value", "constraint"),
    [
        ([[2.0, 0.5], [0.5, 1.0]], "covariance"),
        ([[0.2, 0.8], [1.0, 0.0]], "simplex"),
        ([[0.2, 1.0], [0.8, 0.0]], "columns"),
        ([[0.2, 0.3], [0.4, 0.1]], "table"),
        (0.3, "probability"),
        ([0.3, 1.0], "positive"),
        ([0.0, 0.0], "real"),
        ([-1.0, 2.0], "real"),
        (1.0, "positive"),
        ([1.0], "positive"),
    ],
)
def test_constraints_are_inferred(value, constraint):
    values = np.array(value)[None]
    assert infer_constraint(values, CANDIDATES, symmetry_tolerance=1e-10) == constraint


def test_a_constraint_must_hold_for_all_values():
    values = np.array([[0.25, 0.75], [0.5, 0.6]])
    assert infer_constraint(values, CANDIDATES, symmetry_tolerance=1e-10) == "probability"


def test_the_first_candidate_takes_precedence():
    values = np.eye(2)[None]
    for candidates in (("covariance", "simplex"), ("simplex", "covariance")):
        found = infer_constraint(values, candidates, symmetry_tolerance=1e-10)
        assert found == candidates[0]


def test_rows_that_sum_to_one():
    assert set(SUM_AXES) == {"simplex", "columns", "table"}
    for array in (np.full((3, 2, 4), 0.25), np.full((2, 4), 0.125)):
        rows = rows_summing_to_one(array)
        assert is_simplex(rows)
        assert rows.shape[-1] == (4 if array.ndim == 3 else 8)


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 5), st.integers(0, 10**6))
def test_log_cholesky_coordinates_of_covariances(size, seed):
    rng = np.random.default_rng(seed)
    coordinates = rng.normal(size=(3, size * (size + 1) // 2))
    covariance = from_log_cholesky(coordinates, size)
    assert covariance.shape == (3, size, size)
    np.testing.assert_allclose(to_log_cholesky(covariance), coordinates, rtol=1e-7, atol=1e-8)
