"""Observed entries of variables whose other entries are missing.

PyMC splits a variable with missing entries into an observed and an unobserved one. Where its
distribution is not one of NumPy's, such as a mixture, both are outputs of one operation, of which
PyMC computes the log density only if both have values. In the observed view the missing entries
are integrated out, so that the observed ones alone have values.
"""

from typing import Any

import pytensor.tensor as pt
from pymc.distributions.distribution import PartialObservedRV, partial_observed_rv_logprob
from pymc.logprob.abstract import _logprob
from pymc.logprob.basic import logp
from pymc.pytensorf import constant_fold


def shares_density_with_observed(variable: Any) -> bool:
    """Whether missing and observed entries have a log density that is not a sum over entries."""
    op = variable.owner.op
    return isinstance(op, PartialObservedRV) and op.ndim_supp > 0


@_logprob.register(PartialObservedRV)
def _partially_observed_logp(op: Any, values: Any, dist: Any, mask: Any, **kwargs: Any) -> Any:
    if len(values) > 1:
        return partial_observed_rv_logprob(op, values, dist, mask, **kwargs)
    if op.ndim_supp:
        raise NotImplementedError("observed and missing entries do not have separate log densities")
    # The log densities of missing entries are left out, so that any value may take their place.
    (observed,), seen = values, ~mask
    (shape,) = constant_fold([dist.shape], raise_not_constant=False)
    value: Any = pt.zeros(shape, dtype=observed.type.dtype)
    return logp(dist, pt.set_subtensor(value[seen], observed))[seen]
