"""Data of callers: empty data are refused, and data without columns are not."""

import numpy as np
import pytest

import latentfit
from latentfit import InputError
from latentfit.declaration.data import check_missing, mask_missing, validate_data

NAMES = ("response", "covariates")


def test_a_matrix_without_columns_is_no_covariates():
    found = validate_data({"response": [1.0, 2.0], "covariates": np.empty((2, 0))}, NAMES)
    assert found["covariates"].shape == (2, 0)
    assert mask_missing(found)["covariates"].shape == (2, 0)
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
        validate_data({"response": response, "covariates": covariates}, NAMES)


@pytest.mark.parametrize("kind", ["f2", "<f4", ">f4", ">f8", "g"])
def test_numbers_are_of_double_precision(kind):
    """Half precision, single, either byte order, and more than double."""
    given = np.ma.masked_invalid(np.array([1.5, np.nan, 3.0]).astype(kind))
    found = validate_data({"y": given}, ("y",))["y"]
    assert found.dtype == np.dtype(float)
    assert found.dtype.isnative
    assert found.mask.tolist() == [False, True, False]
    assert found.compressed().tolist() == [1.5, 3.0]


def test_numbers_that_are_so_already_are_not_copied():
    y = np.arange(3.0)
    assert validate_data({"y": y}, ("y",))["y"] is y


@pytest.mark.parametrize("name", ["gaussian-mixture", "hidden-markov"])
def test_a_fit_of_single_precision(name):
    model = latentfit.load(name)
    data = {name: value.astype("f4") for name, value in model.example_data().items()}
    double = {name: value.astype(float) for name, value in data.items()}
    ours, theirs = (model.fit(values, seed=1, starts=1) for values in (data, double))
    assert ours.log_likelihood == theirs.log_likelihood
