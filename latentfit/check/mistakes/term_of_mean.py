"""A conditional mean in which a term is missing or too much, such as 1/λ after censoring.

The mean of an exponential lifetime that is censored at c is c + 1/λ.
"""

from collections.abc import Iterator

import numpy as np

from latentfit.check.mistakes._context import MistakeContext
from latentfit.check.mistakes._registry import Prediction, known_mistake, predict


@known_mistake(
    step="E",
    quantity="continuous latent",
    priority=165,
    hint="{term} {mistake} in the conditional mean",
)
def term_of_mean(context: MistakeContext) -> Iterator[Prediction]:
    """Predict the conditional mean plus and minus parameters, their reciprocals, and data."""
    if not context.is_latent:
        return
    expected = context.expected
    for term, value in _terms(context):
        if np.all(value == 0):
            continue
        yield predict(expected - value, term=term, mistake="is missing")
        yield predict(expected + value, term=term, mistake="is too much")


def _terms(context: MistakeContext) -> Iterator[tuple[str, np.ndarray]]:
    """Yield words and values in the shape of the entry, or single numbers."""
    data = {name: np.asarray(one) for name, one in _numeric(context.examination.data).items()}
    shape = context.expected.shape
    for name, value in context.trial.params.items():
        for of_units in _in_shape(np.asarray(value, float), shape, data):
            yield name, of_units
            yield f"1/{name}", 1 / of_units
    for name, values in data.items():
        if np.ma.isMaskedArray(context.examination.data[name]):
            continue
        column = np.squeeze(values).astype(float)
        for one in _of_units(column, shape, data):
            yield name, one

    observed = context.observed
    if observed.size:
        for words, number in (
            ("the largest observed value", observed.max()),
            ("the smallest observed value", observed.min()),
            ("the mean of the observed values", observed.mean()),
        ):
            yield words, np.asarray(number)


def _numeric(data: object) -> dict[str, np.ndarray]:
    assert hasattr(data, "items")
    return {
        name: values
        for name, values in data.items()
        if np.ndim(values) and np.asarray(values).dtype.kind in "iufb"
    }


def _in_shape(
    value: np.ndarray, shape: tuple[int, ...], data: dict[str, np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield a parameter as it applies to the units: one number, or that of the unit's group."""
    if not value.ndim or value.shape == shape:
        yield value
    elif value.ndim == 1:
        for codes in data.values():
            names, code = np.unique(codes, return_inverse=True)
            if codes.ndim == 1 and len(names) == len(value):
                yield from _of_units(value[code], shape, data)


def _of_units(
    column: np.ndarray, shape: tuple[int, ...], data: dict[str, np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield a column for the units of the latent: all, or those with one value of an indicator."""
    if column.shape == shape:
        yield column
    if column.ndim != 1:
        return
    for indicator in data.values():
        if indicator.shape != column.shape or not np.isin(indicator, (0, 1)).all():
            continue
        for value in (0, 1):
            chosen = column[indicator == value]
            if chosen.shape == shape:
                yield chosen
