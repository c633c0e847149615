"""Profile likelihood intervals of a declaration's parameters.

The intervals are those of `latentfit.em.information.profile`, for the declaration's log-likelihood.
The constraint of each parameter follows from the transform that PyMC applies to it.
"""

from collections.abc import Sequence

import numpy as np

from latentfit.bayes.views import Density
from latentfit.em.information import Kind, OnStep, ProfileInterval, profile
from latentfit.errors import InputError

# Constraint by name of PyMC's transform; a parameter with another transform is real.
_KINDS: dict[str, Kind] = {
    "log": "positive",
    "log_exp_m1": "positive",
    "logodds": "probability",
    "simplex": "simplex",
}


def profile_intervals(
    density: Density,
    point: np.ndarray,
    entries: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    on_interval: OnStep | None = None,
) -> tuple[ProfileInterval, ...]:
    """Compute profile likelihood intervals of the model's parameters, natural scale.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        The maximum of log p(x | θ), unconstrained.
    entries : sequence of str, optional
        Labels such as ``"mu[0]"``, or names for all entries of a parameter; by default all entries
        of all parameters.
    level : float
        Coverage probability in large samples.
    on_interval : callable, optional
        ``on_interval(done, total)``, after each interval.

    Raises
    ------
    InputError
        log p(x | θ) is not available; or as in `latentfit.em.information.profile`.
    """
    if not density.tractable:
        raise InputError("log p(x | θ) is not available: the latents cannot be marginalised")
    space = density.space
    natural = space.constrain(point)
    return profile(
        lambda params: density.objective(space.unconstrain(params)),
        {name: natural[name] for name in space.parameters},
        entries,
        level=level,
        kinds={name: _KINDS.get(space.transform(name), "real") for name in space.parameters},
        on_interval=on_interval,
    )
