"""Starting points of chains that are far apart, also where the prior cannot be drawn from.

A chain starts at a draw from the prior, so that chains which agree have converged from points that
are far apart (Gelman & Rubin 1992, Statist. Sci. 7(4)). Three kinds of priors give no such draw: an
improper one, one without a random generator, and a vague one such as Gamma(0.001, 0.001), most
draws of which are numbers like 1e-300. Variables with these priors start near the centre of their
prior.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pymc as pm
from pymc.distributions.continuous import FlatRV, HalfFlatRV
from pymc.initial_point import make_initial_point_fn

# Difference of a draw from the centre of the prior, for variables with a bounded support on the
# unconstrained scale, where it is usually a logarithm, beyond which no chain starts: 5e8 = exp(20).
_MAX_LOG_DISTANCE = 20.0
# What PyMC and NumPy raise where a prior cannot be drawn from or a draw overflows.
_DRAW_ERRORS = (ArithmeticError, NotImplementedError, ValueError, np.linalg.LinAlgError)


def dispersed_starts(view: pm.Model) -> Callable[[int | None], dict[str, np.ndarray]]:
    """Make the function from a seed to unconstrained values, by name of the value variable.

    Parameters
    ----------
    view : pm.Model
    """
    improper = [rv for rv in view.free_RVs if isinstance(rv.owner.op, FlatRV | HalfFlatRV)]
    centre: dict[Any, Any] = dict.fromkeys(improper, "support_point")
    from_prior = make_initial_point_fn(
        model=view, overrides=centre, jitter_rvs=set(improper), default_strategy="prior"
    )
    continuous = {rv for rv in view.free_RVs if rv.dtype.startswith("float")}
    near_centre = make_initial_point_fn(model=view, jitter_rvs=continuous)
    bounded = {
        view.rvs_to_values[rv].name
        for rv in view.free_RVs
        if view.rvs_to_transforms[rv] is not None
    }

    def start(seed: int | None) -> dict[str, np.ndarray]:
        near: dict[str, np.ndarray] = near_centre(seed)
        try:
            with np.errstate(all="ignore"):
                drawn: dict[str, np.ndarray] = from_prior(seed)
        except _DRAW_ERRORS:
            return near
        for name, value in drawn.items():
            usable = np.isfinite(value)
            if name in bounded:
                usable &= np.abs(value - near[name]) <= _MAX_LOG_DISTANCE
            drawn[name] = np.where(usable, value, near[name]).astype(value.dtype)
        return drawn

    return start
