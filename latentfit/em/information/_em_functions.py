"""The EM map and Q as functions of parameters alone, made of an E step and an M step."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from latentfit.em.calls import call, three_argument_m_step
from latentfit.em.layout import Params

EMMap = Callable[[Params], Mapping[str, Any]]
Q = Callable[[Params, Params], float]


def em_map(e_step: Callable[..., Any], m_step: Callable[..., Any], data: Any) -> EMMap:
    """Return one iteration of EM as a function from params to params.

    Parameters
    ----------
    e_step, m_step, data
        As in `em.run`.
    """
    maximise = three_argument_m_step(m_step)

    def iteration(params: Params) -> Mapping[str, Any]:
        expectations = call(e_step, "e_step", params, data)
        return call(maximise, "m_step", expectations, data, params)

    return iteration


def q_function(q: Callable[..., float], e_step: Callable[..., Any], data: Any) -> Q:
    """Return Q(θ | θ') as a function of both parameters.

    Parameters
    ----------
    q : callable
        ``q(params, expectations, data)``: the expected complete-data log-likelihood at `params`,
        up to a term that does not depend on them.
    e_step, data
        As in `em.run`. The expectations of the latest θ' are kept, so that successive evaluations
        with the same θ' need one E step.
    """
    latest: list[tuple[list[bytes], Any]] = []

    def value(params: Params, given: Params) -> float:
        key = [np.asarray(array).tobytes() for array in given.values()]
        if not latest or latest[0][0] != key:
            latest[:] = [(key, call(e_step, "e_step", given, data))]
        return call(q, "q", params, latest[0][1], data)

    return value
