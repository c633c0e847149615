"""The user's functions as steps on a part of the data, with located errors."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import non_finite_entry, step_error, three_argument_m_step
from latentfit.em.layout import Layout, Params, first_non_finite, label
from latentfit.em.stochastic._statistics import as_arrays, takes_params
from latentfit.errors import DeclarationError, LatentfitError
from latentfit.supervision import CallEnded


class NonFiniteValue(Exception):  # noqa: N818 - ends a run, and never reaches the caller
    """A step returned a value that is not finite; the text names it."""


class StochasticSteps:
    """An expectation step (or a draw), the statistics of its result, and an M step of these.

    Parameters
    ----------
    layout : Layout
        Layout of the parameters.
    expect : callable
        ``expect(params, data, *extra)`` returns ``{name: expectation}``.
    m_step : callable
    statistics : callable, optional
        Without it the M step takes the expectations themselves.
    name : str
        The name under which the user knows `expect`.
    extra : tuple
        Further arguments of `expect`.
    """

    def __init__(
        self,
        layout: Layout,
        expect: Callable[..., Mapping[str, Any]],
        m_step: Callable[..., Mapping[str, Any]],
        statistics: Callable[..., Mapping[str, Any]] | None,
        *,
        name: str = "e_step",
        extra: tuple[Any, ...] = (),
    ) -> None:
        self._layout = layout
        self._expect = expect
        self._m_step = m_step
        self._adapted_m_step = three_argument_m_step(m_step)
        self._statistics = statistics
        self._statistics_take_params = statistics is not None and takes_params(statistics)
        self._name = name
        self._extra = extra
        self._first_statistics: dict[str, np.ndarray] | None = None

    def expectations(self, params: Params, data: Any, iteration: int) -> Mapping[str, Any]:
        """Return the expectations, or the draw, for a part of the data.

        Raises
        ------
        DeclarationError
            The function does not return a mapping.
        StepError
            The function raised an error.
        """
        found = self._call(self._expect, self._name, iteration, params, params, data, *self._extra)
        if not isinstance(found, Mapping):
            raise DeclarationError(
                f"{self._name} returned {type(found).__name__}, expected a mapping "
                f"{{name: expectation}}"
            )
        return found

    def statistics(
        self, expectations: Mapping[str, Any], params: Params, data: Any, iteration: int
    ) -> Mapping[str, Any]:
        """Return the statistics of a part of the data.

        Without a statistics function these are the expectations themselves.

        Raises
        ------
        NonFiniteValue
            A value is not finite.
        DeclarationError
            The statistics are not a mapping of arrays, or their shapes vary between parts.
        StepError
            The function raised an error.
        """
        if self._statistics is None:
            if clause := non_finite_entry(self._name, expectations, iteration):
                raise NonFiniteValue(clause)
            return expectations
        arguments = (expectations, data, *((params,) if self._statistics_take_params else ()))
        returned = self._call(self._statistics, "statistics", iteration, params, *arguments)
        arrays = as_arrays(returned, self._first_statistics)
        self._first_statistics = self._first_statistics or arrays
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                # An expectation that is not finite explains it better.
                raise NonFiniteValue(
                    non_finite_entry(self._name, expectations, iteration)
                    or _non_finite_statistic(name, array, iteration)
                )
        return arrays

    def maximise(
        self, statistics: Mapping[str, Any], data: Any, params: Params, iteration: int
    ) -> np.ndarray:
        """Return the parameters that the M step computes, a flat vector of shape (p,).

        Raises
        ------
        NonFiniteValue
            A parameter is not finite.
        DeclarationError
            The M step does not return every parameter in its shape.
        StepError
            The M step raised an error.
        """
        returned = self._call(
            lambda: self._adapted_m_step(statistics, data, params), "m_step", iteration, params
        )
        flat = self._layout.pack(returned, "m_step")
        if np.isfinite(flat).all():
            return flat
        (position,), value = first_non_finite(flat)
        entry = self._layout.label(int(position))
        raise NonFiniteValue(f"m_step gave {entry} = {value} in iteration {iteration}")

    def _call(
        self,
        function: Callable[..., Mapping[str, Any]],
        name: str,
        iteration: int,
        params: Params,
        *arguments: Any,
    ) -> Mapping[str, Any]:
        try:
            return function(*arguments)
        except (LatentfitError, KeyboardInterrupt, CallEnded):
            raise
        except BaseException as error:
            author_function = self._m_step if name == "m_step" else function
            raise step_error(error, author_function, name, iteration, params) from error


def _non_finite_statistic(name: str, array: np.ndarray, iteration: int) -> str:
    index, value = first_non_finite(array)
    return f"statistics gave {label(name, index)} = {value} in iteration {iteration}"
