"""Requirements on data and options: what is accepted, and the sentence of each refusal."""

import numpy as np
import pytest

from latentfit import requirements as require

X = np.array([3.0, 0.0, 2.0, 5.0])
TABLE = np.array([[1.0, 4.0], [2.0, 5.0], [0.0, 7.0], [3.0, 1.0], [5.0, 2.0]])
ANSWERS = np.array([0.0, 1.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("requirement", "arguments"),
    [
        (require.one_of, ("covariance", "tied", ("full", "tied"))),
        (require.at_least, ("components", 1, 1)),
        (require.one_column, ("x", X)),
        (require.table, ("x", TABLE, 2)),
        (require.rows, ("x", X, 4)),
        (require.counts, ("x", X)),
        (require.counts, ("x", X + 1, 1)),
        (require.counts, ("x", X.reshape(2, 2))),
        (require.categories, ("x", X - 4)),
        (require.zeros_and_ones, ("x", ANSWERS)),
        (require.positive, ("x", X + 0.5)),
        (require.not_negative, ("x", X)),
        (require.not_negative, ("x", np.ma.masked_invalid([1.0, np.nan, 0.0]))),
        (require.not_all_zero, ("x", ANSWERS, "no rate")),
        (require.variation, ("x", X)),
        (require.variation_in_each_column, ("x", TABLE)),
        (require.distinct, ("x", X, 4, "components")),
        (require.distinct, ("x", TABLE, 5, "components")),
        (require.regression, (TABLE[:, 0], TABLE[:, 1:])),
        (require.regression, (X, np.empty((4, 0)))),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_required_is_accepted(requirement, arguments):
    assert requirement(*arguments) is None


def test_columns_of_one_length_are_accepted():
    assert require.columns_of_one_length(heads=X, tosses=X + 5) is None


@pytest.mark.parametrize(
    ("requirement", "arguments", "sentence"),
    [
        (
            require.one_of,
            ("start", "none", ("uniform", "fixed", "estimated")),
            "start must be uniform, fixed or estimated, not 'none'",
        ),
        (require.at_least, ("states", 1, 2), "states must be at least 2, not 1"),
        (
            require.one_column,
            ("x", TABLE),
            "x must be one column of numbers, not an array of shape (5, 2)",
        ),
        (require.table, ("x", X), "x must be a table, not an array of shape (4,)"),
        (
            require.table,
            ("x", TABLE[:, :1], 2),
            "x must be a table with at least 2 columns, not an array of shape (5, 1)",
        ),
        (require.rows, ("x", X[:1], 2), "x has a single value, and at least 2 are needed"),
        (require.rows, ("x", TABLE, 6), "x has 5 rows, and at least 6 are needed"),
        (
            require.counts,
            ("x", np.array([1.0, 2.5])),
            "x is 2.5 in row 2: a count is a whole number, 0 or more",
        ),
        (
            require.counts,
            ("x", np.array([1.0, 0.0]), 1),
            "x is 0 in row 2: a count is a whole number, 1 or more",
        ),
        (
            require.counts,
            ("x", -TABLE, 0, "a code"),
            "x is -1 in row 1, column 1: a code is a whole number, 0 or more",
        ),
        (
            require.categories,
            ("x", TABLE / 2),
            "x is 0.5 in row 1, column 1: categories are coded as whole numbers",
        ),
        (require.zeros_and_ones, ("y", X), "y is 3 in row 1: it must be 0 or 1"),
        (require.positive, ("se", X), "se is 0 in row 2: it must be positive"),
        (
            require.not_negative,
            ("y", np.ma.masked_invalid([np.nan, -2.0])),
            "y is -2 in row 2: it must not be negative",
        ),
        (
            require.not_all_zero,
            ("y", np.zeros(3), "a rate cannot be estimated"),
            "every value of y is zero: a rate cannot be estimated",
        ),
        (
            require.variation,
            ("x", np.full(3, 7.0)),
            "all 3 values of x are equal (7): they have no spread",
        ),
        (
            require.variation_in_each_column,
            ("x", np.column_stack([X, np.full(4, 0.1)])),
            "column 2 of x is constant (0.1): leave it out",
        ),
        (
            require.distinct,
            ("x", np.array([1.0, 1.0]), 2, "components"),
            "x has 1 distinct value, too few for 2 components",
        ),
        (
            require.distinct,
            ("x", TABLE[[0, 0, 1]], 3, "classes"),
            "x has 2 distinct rows, too few for 3 classes",
        ),
        (
            require.regression,
            (X, TABLE),
            "response must be one column with a value for each of the 5 rows of covariates, "
            "not an array of shape (4,)",
        ),
        (
            require.regression,
            (np.full(5, 4.0), TABLE),
            "all 5 values of response are equal (4): they have no spread",
        ),
        (
            require.regression,
            (TABLE[:, 0], np.column_stack([TABLE, np.full(5, 0.1)])),
            "column 3 of covariates is constant: it has the same effect as the intercept, which "
            "the model already has",
        ),
        (
            require.regression,
            (TABLE[:, 0], np.column_stack([TABLE, 3 - 2 * TABLE[:, 0]])),
            "the columns of covariates are linearly dependent: leave one out",
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_the_sentence_of_a_refusal(requirement, arguments, sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        requirement(*arguments)
    assert str(error.value) == sentence


@pytest.mark.parametrize("tosses", [X[:3], TABLE, 5.0])
def test_columns_of_different_lengths_are_refused(tosses):
    with pytest.raises(ValueError, match="heads and tosses must be columns of the same length"):
        require.columns_of_one_length(heads=X, tosses=tosses)
    with pytest.raises(ValueError, match=r"not arrays of shapes \(5, 2\) and \(5, 2\)"):
        require.columns_of_one_length(y=TABLE, se=TABLE)
