"""The user's functions as steps on a part of the data, and what went wrong in them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import m_step_of_three, step_error
from latentfit.em.layout import Layout, Params, first_bad
from latentfit.em.loop import not_finite
from latentfit.em.stochastic._statistics import checked, takes_params
from latentfit.errors import DeclarationError, LatentfitError


class Breakdown(Exception):  # noqa: N818 - the end of a run, not an error of the caller's
    """A value is not finite; the text says which."""


class Steps:
    """An E step, or a draw in its place, with the sums over units; and an M step of such sums.

    Parameters
    ----------
    layout : Layout
        Of the parameters.
    expect : callable
        ``expect(params, data, *extra)`` returns ``{name: expectation}``.
    m_step : callable
    statistics : callable, optional
        Without, the M step takes expectations.
    name : str
        What the user calls `expect`.
    extra : tuple
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
        self._maximise = m_step_of_three(m_step)
        self._statistics = statistics
        self._of_params = statistics is not None and takes_params(statistics)
        self._name = name
        self._extra = extra
        self._like: dict[str, np.ndarray] | None = None

    def expectations(self, params: Params, data: Any, iteration: int) -> Mapping[str, Any]:
        """What the E step or the draw gives for a part of the data."""
        found = self._called(
            self._expect, self._name, iteration, params, params, data, *self._extra
        )
        if not isinstance(found, Mapping):
            raise DeclarationError(
                f"{self._name} returned {type(found).__name__}, expected a mapping "
                f"{{name: expectation}}"
            )
        return found

    def sums(
        self, expectations: Mapping[str, Any], params: Params, data: Any, iteration: int
    ) -> Mapping[str, Any]:
        """Statistics of a part of the data; the expectations themselves where there are none.

        Raises
        ------
        Breakdown
            One is not finite.
        """
        if self._statistics is None:
            if wrong := not_finite(self._name, expectations, iteration):
                raise Breakdown(wrong)
            return expectations
        arguments = (expectations, data, *((params,) if self._of_params else ()))
        given = self._called(self._statistics, "statistics", iteration, params, *arguments)
        found = checked(given, self._like)
        self._like = self._like or found
        for name, array in found.items():
            if not np.isfinite(array).all():
                # Where it came from, if that can be seen.
                raise Breakdown(
                    not_finite(self._name, expectations, iteration)
                    or _told("statistics", name, array, iteration)
                )
        return found

    def maximise(
        self, sums: Mapping[str, Any], data: Any, params: Params, iteration: int
    ) -> np.ndarray:
        """Where the M step leads, a flat vector.

        Raises
        ------
        Breakdown
            A parameter is not finite.
        """
        given = self._called(
            lambda: self._maximise(sums, data, params), "m_step", iteration, params
        )
        flat = self._layout.pack(given, "m_step")
        if np.isfinite(flat).all():
            return flat
        (position,), value = first_bad(flat)
        where = self._layout.label(int(position))
        raise Breakdown(f"m_step gave {where} = {value} in iteration {iteration}")

    def _called(
        self,
        function: Callable[..., Mapping[str, Any]],
        name: str,
        iteration: int,
        params: Params,
        *arguments: Any,
    ) -> Mapping[str, Any]:
        try:
            return function(*arguments)
        except LatentfitError:
            raise
        except Exception as error:
            own = self._m_step if name == "m_step" else function
            raise step_error(error, own, name, iteration, params) from error


def _told(source: str, name: str, array: np.ndarray, iteration: int) -> str:
    index, value = first_bad(array)
    where = f"{name}[{','.join(map(str, map(int, index)))}]" if index else name
    return f"{source} gave {where} = {value} in iteration {iteration}"
