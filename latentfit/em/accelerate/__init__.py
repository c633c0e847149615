"""Acceleration of EM by extrapolation of its iterates.

An accelerator is a function that proposes a point close to the fixed point of a map, given where
the map was evaluated and what it returned (`History`). It knows neither the model nor whether its
proposals are any good: the EM loop accepts or rejects them, by the log-likelihood if there is one.

To add an accelerator, add one public module to this folder, and its test. No other file changes:
this package imports all public modules of its folder, and `names` lists what they register, for the
EM loop, the command line and the tests that run for every accelerator. As an example, the module
``double_step.py``::

    \"\"\"Double steps (source: paper, equation).\"\"\"

    import numpy as np

    from latentfit.em.accelerate._history import History
    from latentfit.em.accelerate._registry import register


    @register("double-step")
    def double_step(history: History) -> np.ndarray | None:
        \"\"\"Propose a point twice as far as the latest step leads, after two plain steps.\"\"\"
        if history.since_proposal < 2 or not history.is_consecutive(1):
            return None
        return history.points[-1] + 2 * history.steps[-1]

Points are in unconstrained coordinates in which no parameter array outweighs another, so that an
accelerator need not handle constraints or units. It returns None to let EM take plain steps first.
"""

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
