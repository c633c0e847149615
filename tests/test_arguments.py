"""Data that a person hands in: what is empty, and what only has no columns."""

import numpy as np
import pytest

from latentfit import InputError
from latentfit.declaration import arrays, check_missing, masked

NAMES = ("response", "covariates")


def test_a_matrix_without_columns_is_no_covariates():
    found = arrays({"response": [1.0, 2.0], "covariates": np.empty((2, 0))}, NAMES)
    assert found["covariates"].shape == (2, 0)
    assert masked(found)["covariates"].shape == (2, 0)
    check_missing("model", found, ("z",))


@pytest.mark.parametrize(
    ("response", "covariates", "name"),
    [
        ([1.0, 2.0], [], "covariates"),
        ([1.0, 2.0], np.empty((0, 2)), "covariates"),
        ([1.0, 2.0], np.empty((3, 0)), "covariates"),
        ([1.0, 2.0], np.empty((2, 0, 3)), "covariates"),
        ([], np.empty((0, 0)), "response"),
        (np.empty((2, 0)), np.empty((2, 0)), "response"),
    ],
)
def test_data_that_are_empty(response, covariates, name):
    with pytest.raises(InputError, match=f"{name} is empty"):
        arrays({"response": response, "covariates": covariates}, NAMES)
