"""Profile likelihood intervals of a declaration.

The search is that of `latentfit.em.information.profile`; the log-likelihood is the declaration's,
and what kind a parameter is, which differences alone cannot tell, is read off its transform.
"""

from collections.abc import Sequence

import numpy as np

from latentfit.bayes.views import Density
from latentfit.em.information import Kind, ProfileInterval, profile
from latentfit.em.information._functions import OnStep
from latentfit.errors import InputError

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
    """Profile likelihood intervals of the model's parameters, natural scale.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        The maximum of log p(x | θ), unconstrained.
    entries : sequence of str, optional
        Labels such as ``"mu[0]"``, or names for all their entries; by default all parameters.
    level : float
    on_interval : callable, optional
        ``on_interval(done, total)``.

    Raises
    ------
    InputError
        log p(x | θ) is not known; or as in `latentfit.em.information.profile`.
    """
    if not density.tractable:
        raise InputError("log p(x | θ) is not known: the latents cannot be integrated out")
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
