"""Words that several verdicts share."""

from collections.abc import Sequence

import numpy as np

from latentfit.agreement.results import Parameter

_MAX_LISTED = 5
_MAX_COUNTED = 3


def judged(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters that verdicts rest on: those that are identified."""
    return [parameter for parameter in parameters if parameter.identified]


def listed(names: Sequence[str]) -> str:
    """``W``, ``W and tau``, ``b[0], b[1], b[2], b[3], b[4] and 4 more``."""
    shown = list(names)
    if len(names) > _MAX_LISTED + 1:
        shown = [*names[:_MAX_LISTED], f"{len(names) - _MAX_LISTED} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def counted(labels: Sequence[str]) -> str:
    """``mu[0] is``, ``5 parameters (mu[0], mu[1], mu[2], ...) are``."""
    if len(labels) == 1:
        return f"{labels[0]} is"
    shown = ", ".join(labels[:_MAX_COUNTED])
    return f"{len(labels)} parameters ({shown}{', ...' if len(labels) > _MAX_COUNTED else ''}) are"


def finite_or(value: float, other: float) -> float:
    """`value` if it is finite, else `other`: for comparisons in which NaN counts as worst."""
    return value if np.isfinite(value) else other


def starts(count: int) -> str:
    """``1 start``, ``5 starts``."""
    return f"{count} start{'' if count == 1 else 's'}"
