'''Acceleration of EM by extrapolation of its iterates.

An accelerator is a function that proposes a point close to the fixed point of a map, given where
the map was evaluated and what it returned (`History`). It knows neither the model nor whether its
proposals are any good: the EM loop accepts or rejects them, by the log-likelihood if there is one.

To add an accelerator, add one public module to this folder, and its test,
``tests/em/accelerate/test_NAME.py``. No other file changes: this package imports all public modules
of its folder, and `names` lists what they register, for the EM loop, the command line and
``tests/em/accelerate/test_accelerate.py``, whose tests run for every accelerator. As an example,
the module ``over_relaxation.py``::

    """Over-relaxation (source: author, year, journal, equation)."""

    import numpy as np

    from latentfit.em.accelerate._history import History
    from latentfit.em.accelerate._registry import register


    @register("over-relaxation")
    def over_relaxation(history: History) -> np.ndarray | None:
        """Propose a point one and a half steps ahead, after each plain step."""
        if history.since_proposal < 2:
            return None
        proposal: np.ndarray = history.points[-1] + 1.5 * history.steps[-1]
        return proposal

The accelerator is called after an evaluation of the EM map, which takes a point to its image. Its
argument, a `History`, has

- ``points`` and ``images``, shape (n, q): the latest n evaluations, at most 24, one in each row.
  The last row is the current evaluation; the first call has one row.
- ``steps``, shape (n, q): images minus points.
- ``evaluations``: the number of evaluations so far, which may be larger than n.
- ``since_proposal``: the number of evaluations since the accelerator last proposed a point, whether
  or not it was accepted. The current evaluation counts: the number is 1 in the first call and in
  the call after a proposal.
- ``accepted_proposals``: the number of proposals that were accepted so far.
- ``objective``: a function from a point, shape (q,), to the log-likelihood there, or to minus
  infinity if this cannot be computed; None if the model has no log-likelihood.
- ``is_consecutive(k)``: whether each of the latest k evaluations started at the image before it, as
  plain EM steps do.

Points are in unconstrained coordinates, in which the largest entry of the current step is 1 in each
parameter array, so that an accelerator need not handle constraints or units. The coordinates are
chosen anew for each call: a point of one call has no meaning in the next. A proposal has the shape
(q,). It is ignored if it is not finite, and its step is shortened if it would change a scale, rate
or odds by more than a factor of 100.

An accelerator returns None to let EM take a plain step, and has to do so regularly, because
convergence is recognised from plain steps only. A run never stops at an extrapolated point, and the
rate of convergence is measured over consecutive plain steps. If a proposal seems to be within
`Stopping.distance` of the limit, the EM loop itself takes up to twelve plain steps. Thus even an
accelerator that proposes a point in every call usually converges; but the other criteria of
`Stopping` are then not met before EM's steps are as small as rounding error, and a parameter that
converges to zero is not recognised, because its scale is the distance that plain steps moved it.

An accelerator that is registered with ``fast=True`` claims to be efficient where EM converges
slowly. Further tests then run for it: it needs less than a third of plain EM's evaluations, and it
finds a variance whose estimate is zero in less than a thousand.
'''

import importlib
import pkgutil

from latentfit.em.accelerate._extrapolation import Extrapolator
from latentfit.em.accelerate._history import History
from latentfit.em.accelerate._registry import (
    Accelerator,
    acceleration,
    accelerators,
    names,
    register,
)

for _module in pkgutil.iter_modules(__path__):
    if not _module.name.startswith("_"):
        importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "Accelerator",
    "Extrapolator",
    "History",
    "acceleration",
    "accelerators",
    "names",
    "register",
]
