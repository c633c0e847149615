"""Declarations that several test modules share."""

import numpy as np
import pytest
from bayes_examples import density_of, exponential, mixture


@pytest.fixture(scope="package")
def two_components():
    """Data of a mixture of two normal distributions, its declaration, and its density."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(-1, 0.5, 40), rng.normal(2, 1.0, 60)])
    return x, *density_of(mixture, ("z",), {"x": x})


@pytest.fixture(scope="package")
def one_missing_time():
    """Two exponential times, 5 and a missing one: the declaration and its density."""
    return density_of(exponential, ("y_unobserved",), {"y": np.array([5.0, np.nan])})
