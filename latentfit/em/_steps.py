"""The user's E step, M step and log-likelihood as functions of the state of an EM run."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from latentfit.em.calls import non_finite_entry, step_error, three_argument_m_step
from latentfit.em.layout import Layout, Params, first_non_finite
from latentfit.errors import DeclarationError, LatentfitError
from latentfit.supervision import CallEnded

Step = Callable[..., Mapping[str, Any]]
# Why a step could not be completed: a clause about a value that is not finite, or the error that
# the step raised.
Failure = str | LatentfitError


class EMState(NamedTuple):
    """Everything that the next iteration needs: the parameters and the E step at them.

    Attributes
    ----------
    flat : ndarray, shape (p,)
        The parameters as a flat vector.
    params : dict of ndarray
        The same parameters, by name.
    expectations : mapping
        What the E step returned at these parameters.
    log_likelihood : float
        At these parameters; NaN if it is unknown.
    iteration : int
        Number of iterations that led here.
    failure : Failure or None
        If it is set, the run ends with this state: its E step, its log-likelihood or the M step
        that follows could not be completed.
    """

    flat: np.ndarray
    params: Params
    expectations: Mapping[str, Any]
    log_likelihood: float
    iteration: int
    failure: Failure | None = None


class EMSteps:
    """The two steps of EM on given data.

    Parameters
    ----------
    e_step, m_step, log_likelihood, data
        As in `latentfit.em.run`.
    layout : Layout

    Attributes
    ----------
    evaluations : int
        Number of calls of the E step so far.
    """

    def __init__(
        self,
        e_step: Step,
        m_step: Step,
        log_likelihood: Callable[..., float] | None,
        data: Any,
        layout: Layout,
    ) -> None:
        self._e_step = e_step
        self._m_step = m_step
        self._adapted_m_step = three_argument_m_step(m_step)
        self._log_likelihood = log_likelihood
        self._data = data
        self._layout = layout
        self.evaluations = 0

    def expectation_step(self, flat: np.ndarray, iteration: int) -> EMState:
        """Compute the expectations and the log-likelihood at some parameters.

        Parameters
        ----------
        flat : ndarray, shape (p,)
        iteration : int
            Number of iterations that led to these parameters.

        Raises
        ------
        DeclarationError
            The E step does not return a mapping of real numbers, or the log-likelihood is not a
            single real number.
        """
        params = self._layout.unpack(flat)
        state = EMState(flat, params, {}, np.nan, iteration)
        self.evaluations += 1
        try:
            expectations = self._e_step(params, self._data)
        except LatentfitError as error:
            return state._replace(failure=error)
        except (KeyboardInterrupt, CallEnded):
            raise
        except BaseException as error:
            failure = step_error(error, self._e_step, "e_step", iteration + 1, params)
            return state._replace(failure=failure)
        if not isinstance(expectations, Mapping):
            kind = type(expectations).__name__
            raise DeclarationError(
                f"e_step returned {expectations if expectations is None else f'a {kind}'}, "
                f"expected a mapping {{name: expectation}}"
            )
        state = state._replace(
            expectations=expectations,
            failure=non_finite_entry("e_step", expectations, iteration + 1),
        )
        if state.failure or not self._log_likelihood:
            return state
        return self._with_log_likelihood(state, self._log_likelihood)

    def maximisation_step(self, state: EMState) -> np.ndarray | Failure:
        """Compute the parameters that maximise Q given the expectations of a state.

        Returns
        -------
        ndarray, shape (p,), or Failure
        """
        iteration = state.iteration + 1
        try:
            result = self._adapted_m_step(state.expectations, self._data, state.params)
        except LatentfitError as error:
            return error
        except (KeyboardInterrupt, CallEnded):
            raise
        except BaseException as error:
            return step_error(error, self._m_step, "m_step", iteration, state.params)
        flat = self._layout.pack(result, "m_step")
        if np.isfinite(flat).all():
            return flat
        (position,), value = first_non_finite(flat)
        entry = self._layout.label(int(position))
        return f"m_step gave {entry} = {value} in iteration {iteration}"

    def log_likelihood_at(self, flat: np.ndarray) -> float:
        """Return the log-likelihood at any parameters; minus infinity if it cannot be computed."""
        assert self._log_likelihood is not None
        try:
            value = float(self._log_likelihood(self._layout.unpack(flat), self._data))
        except (KeyboardInterrupt, CallEnded):
            raise
        except BaseException:
            return -np.inf
        return value if np.isfinite(value) else -np.inf

    def _with_log_likelihood(self, state: EMState, function: Callable[..., float]) -> EMState:
        iteration = state.iteration + 1
        try:
            returned = function(state.params, self._data)
        except LatentfitError as error:
            return state._replace(failure=error)
        except (KeyboardInterrupt, CallEnded):
            raise
        except BaseException as error:
            return state._replace(
                failure=step_error(error, function, "log_likelihood", iteration, state.params)
            )
        if np.iscomplexobj(returned):
            raise DeclarationError("log_likelihood returned a complex number, expected a real one")
        try:
            array = np.asarray(returned, dtype=float)
        except (TypeError, ValueError):
            array = np.empty(0)
        if array.size != 1:
            kind = f"shape {array.shape}" if array.size else f"type {type(returned).__name__}"
            raise DeclarationError(
                f"log_likelihood returned a value of {kind}, expected a single number"
            )
        value = array.item()
        if np.isfinite(value):
            return state._replace(log_likelihood=value)
        return state._replace(
            log_likelihood=value,
            failure=f"log_likelihood gave {value} in iteration {iteration}",
        )
