"""``contract.support``: every parameter that the M step returns lies in its support."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from latentfit.check.contract._breaches import Breach
from latentfit.check.contract._calling import Call
from latentfit.check.examination import Examination
from latentfit.em.calls import brief
from latentfit.errors import LatentfitError, reason_of

# Relative: sums of weights that differ from 1 by no more than rounding.
_SUMS_TO_ONE_RELATIVE = 1e-8


def validate(examination: Examination, call: Call) -> Iterator[Breach]:
    """Yield a breach if the model cannot have the parameters that the M step returned."""
    result = call.result
    try:
        examination.density.space.locate(examination.to_model(result))
    except LatentfitError as error:
        reason = str(error)
        name = next((n for n in result if reason.startswith(f"{n} ")), "m_step")
        message, hint = f"m_step returns {reason}", _sums(result, name, reason)
        yield Breach("support", "m_step", name, call.trial, message, hint)
    except Exception as error:  # `to_model` is the author's and may raise anything
        message = (
            f"what m_step returns cannot be converted to the model's variables: {reason_of(error)}"
        )
        yield Breach("support", "m_step", "m_step", call.trial, message)


def _sums(result: Mapping[str, Any], name: str, reason: str) -> str | None:
    if name not in result or "sums of 1" not in reason:
        return None
    total = np.sum(result[name], axis=-1)
    if np.allclose(total, 1, rtol=_SUMS_TO_ONE_RELATIVE):
        return None
    return f"the sums along the last axis are {brief(total)}"
