"""What a model requires of its data and of its options.

A model file calls these functions in ``initial``. Each returns None if the requirement is met, and
otherwise raises a ValueError whose message is one sentence: it names the argument, the value that
cannot be used and its row. Rows and columns are counted from 1. The command line prints the
sentence and ends with exit status 2.

Only NumPy is imported here, since ``latentfit fit`` starts without PyMC.

Examples
--------
>>> import numpy as np
>>> from latentfit import requirements as require
>>> require.counts("x", np.array([0.0, 3.0, 2.5]))
Traceback (most recent call last):
    ...
ValueError: x is 2.5 in row 3: a count is a whole number, 0 or more
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

# Options.


def one_of(option: str, value: Any, choices: Sequence[str]) -> None:
    """Require that the value of an option is one of several words.

    Parameters
    ----------
    option : str
        Name of the option.
    value : object
        Value that was given for it.
    choices : sequence of str
        Words that the model knows, two at least.

    Raises
    ------
    ValueError
        If the value is none of the choices.
    """
    if value not in choices:
        words = f"{', '.join(choices[:-1])} or {choices[-1]}"
        raise ValueError(f"{option} must be {words}, not {value!r}")


def at_least(option: str, value: int, least: int) -> None:
    """Require that the value of an option is a sufficiently large number.

    Parameters
    ----------
    option : str
        Name of the option.
    value : int
        Value that was given for it.
    least : int
        Smallest value that the model can use.

    Raises
    ------
    ValueError
        If the value is smaller.
    """
    if value < least:
        raise ValueError(f"{option} must be at least {least}, not {value}")


# Shapes.


def one_column(name: str, values: Any) -> None:
    """Require one axis: a number for each unit.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : array_like
        Its values.

    Raises
    ------
    ValueError
        If the array has no axis, or more than one.
    """
    if np.ndim(values) != 1:
        raise ValueError(
            f"{name} must be one column of numbers, not an array of shape {np.shape(values)}"
        )


def columns_of_one_length(**columns: Any) -> None:
    """Require one axis of each array, and the same length of all.

    Parameters
    ----------
    **columns : array_like
        Arguments of the model under their names, two at least.

    Raises
    ------
    ValueError
        If an array has no axis or more than one, or if the lengths differ.
    """
    shapes = [np.shape(values) for values in columns.values()]
    if len(shapes[0]) != 1 or len(set(shapes)) > 1:
        raise ValueError(
            f"{_listed(list(columns))} must be columns of the same length, "
            f"not arrays of shapes {_listed([str(shape) for shape in shapes])}"
        )


def table(name: str, values: Any, columns: int = 1) -> None:
    """Require two axes: a row for each unit, and a sufficient number of columns.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : array_like
        Its values.
    columns : int
        Smallest number of columns that the model can use.

    Raises
    ------
    ValueError
        If the array does not have two axes, or has too few columns.
    """
    if np.ndim(values) != 2 or np.shape(values)[1] < columns:
        least = f" with at least {columns} columns" if columns > 1 else ""
        raise ValueError(f"{name} must be a table{least}, not an array of shape {np.shape(values)}")


def rows(name: str, values: np.ndarray, least: int) -> None:
    """Require a sufficient number of units.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,) or (n, d)
        Its values.
    least : int
        Smallest number of rows that the model can use.

    Raises
    ------
    ValueError
        If there are fewer rows.
    """
    if len(values) < least:
        raise ValueError(f"{name} has {_number(values)}, and at least {least} are needed")


# Values.


def counts(name: str, values: np.ndarray, least: int = 0, what: str = "a count") -> None:
    """Require whole numbers that are not negative.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,) or (n, d)
        Its values.
    least : int
        Smallest count that the model can use.
    what : str
        Subject of the second half of the sentence.

    Raises
    ------
    ValueError
        If a value has a fractional part or is smaller than `least`.
    """
    wanted = f"{what} is a whole number, {least} or more"
    _each(name, values, lambda x: (x >= least) & (x == np.floor(x)), wanted)


def categories(name: str, values: np.ndarray) -> None:
    """Require whole numbers, of either sign, as codes of categories.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,) or (n, d)
        Its values.

    Raises
    ------
    ValueError
        If a value has a fractional part.
    """
    _each(name, values, lambda x: x == np.round(x), "categories are coded as whole numbers")


def zeros_and_ones(name: str, values: np.ndarray) -> None:
    """Require answers: 1 for yes and 0 for no.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,) or (n, d)
        Its values.

    Raises
    ------
    ValueError
        If a value is neither 0 nor 1.
    """
    _each(name, values, lambda x: (x == 0) | (x == 1), "it must be 0 or 1")


def positive(name: str, values: np.ndarray) -> None:
    """Require numbers above zero.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,) or (n, d)
        Its values.

    Raises
    ------
    ValueError
        If a value is zero or negative.
    """
    _each(name, values, lambda x: x > 0, "it must be positive")


def not_negative(name: str, values: np.ndarray) -> None:
    """Require numbers that are zero or above. Masked values are not examined.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray or MaskedArray, shape (n,) or (n, d)
        Its values.

    Raises
    ------
    ValueError
        If a value is negative.
    """
    _each(name, np.ma.filled(values, 0), lambda x: x >= 0, "it must not be negative")


def not_all_zero(name: str, values: np.ndarray, because: str) -> None:
    """Require at least one value other than zero.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray
        Its values.
    because : str
        What the model cannot do with zeros alone: the end of the sentence.

    Raises
    ------
    ValueError
        If every value is zero.
    """
    if not np.any(values):
        raise ValueError(f"every value of {name} is zero: {because}")


# Variation.


def variation(name: str, values: np.ndarray) -> None:
    """Require at least two different values.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,)
        Its values.

    Raises
    ------
    ValueError
        If all values are equal.
    """
    if np.ptp(values) == 0:
        raise ValueError(
            f"all {len(values)} values of {name} are equal ({values[0]:g}): they have no spread"
        )


def variation_in_each_column(name: str, values: np.ndarray) -> None:
    """Require at least two different values in each column of a table.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n, d)
        Its values.

    Raises
    ------
    ValueError
        If all values of a column are equal.
    """
    constant = np.flatnonzero(np.ptp(values, axis=0) == 0)
    if len(constant):
        column = constant[0]
        raise ValueError(
            f"column {column + 1} of {name} is constant ({values[0, column]:g}): leave it out"
        )


def distinct(name: str, values: np.ndarray, least: int, what: str) -> None:
    """Require a sufficient number of different values, or of different rows of a table.

    Parameters
    ----------
    name : str
        Argument of the model.
    values : ndarray, shape (n,) or (n, d)
        Its values.
    least : int
        Smallest number of different values that the model can use.
    what : str
        What `least` counts, such as ``"components"``.

    Raises
    ------
    ValueError
        If there are fewer different values.
    """
    found = len(np.unique(values, axis=0))
    if found < least:
        kind = "value" if np.ndim(values) == 1 else "row"
        plural = "s" if found > 1 else ""
        raise ValueError(f"{name} has {found} distinct {kind}{plural}, too few for {least} {what}")


# Regressions.


def regression(response: np.ndarray, covariates: np.ndarray) -> None:
    """Require data from which a linear regression with an intercept can be estimated.

    Parameters
    ----------
    response : ndarray, shape (n,)
        Argument ``response`` of the model.
    covariates : ndarray, shape (n, p)
        Argument ``covariates`` of the model, with or without columns.

    Raises
    ------
    ValueError
        If there is not one response for each row of the covariates, if all responses are equal, if
        a covariate is constant, or if the covariates are linearly dependent.
    """
    if np.ndim(response) != 1 or len(response) != len(covariates):
        raise ValueError(
            f"response must be one column with a value for each of the {len(covariates)} rows of "
            f"covariates, not an array of shape {np.shape(response)}"
        )
    variation("response", response)
    constant = np.flatnonzero(np.ptp(covariates, axis=0) == 0)
    if len(constant):
        raise ValueError(
            f"column {constant[0] + 1} of covariates is constant: "
            f"it has the same effect as the intercept, which the model already has"
        )
    standardised = (covariates - covariates.mean(axis=0)) / covariates.std(axis=0)
    design = np.column_stack([np.ones(len(covariates)), standardised])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("the columns of covariates are linearly dependent: leave one out")


def _each(
    name: str, values: np.ndarray, allowed: Callable[[np.ndarray], np.ndarray], wanted: str
) -> None:
    """Raise a ValueError that names the first value that is not allowed, and where it is."""
    wrong = np.argwhere(~allowed(values))
    if len(wrong):
        row, *column = wrong[0]
        where = f"row {row + 1}" + (f", column {column[0] + 1}" if column else "")
        raise ValueError(f"{name} is {values[tuple(wrong[0])]:g} in {where}: {wanted}")


def _number(values: np.ndarray) -> str:
    """Return the number of rows in words."""
    kind = "value" if np.ndim(values) == 1 else "row"
    return f"a single {kind}" if len(values) == 1 else f"{len(values)} {kind}s"


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"
