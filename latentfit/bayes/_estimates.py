"""Point estimates straight from the declaration: MLE, MAP, and the joint mode (a trap)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pymc as pm
from pymc.exceptions import SamplingError

from latentfit.bayes._density import Density
from latentfit.bayes._maximise import Maximum, maximise
from latentfit.declaration import Declaration, Params, interpreting


def maximum_likelihood(
    density: Density,
    starts: Sequence[np.ndarray],
    advance: Callable[[], None] = lambda: None,
) -> tuple[Maximum, ...]:
    """Maximise log p(x | θ) directly from each start.

    The maximum does not depend on the parameterisation, only the way to it does: SciPy's BFGS
    on the unconstrained scale with PyTensor's gradient, then Newton's method. A density remembers
    the climbs on it: from the same start there is only one.

    Parameters
    ----------
    density : Density
    starts : sequence of ndarray, shape (size,)
        Unconstrained points.
    advance : callable
        Called after each start.

    Returns
    -------
    tuple of Maximum
        In order of the starts. Those that are no maximum say so.
    """
    found = []
    for start in starts:
        key = start.tobytes()
        if key not in density.climbs:
            density.climbs[key] = maximise(
                density.log_likelihood, density.hessian, start, density.space.bounded
            )
        found.append(density.climbs[key])
        advance()
    return tuple(found)


def maximum_a_posteriori(density: Density, start: np.ndarray) -> Maximum:
    """The posterior mode of θ on the natural scale, latents integrated out.

    What PyMC's ``find_MAP`` on the observed view maximises (its density leaves the Jacobian
    out), on the way on which the likelihood is maximised. From `start`, and not from PyMC's
    own initial point: that gives every component of a mixture the same parameters, which is a
    saddle that the gradient cannot leave.
    """
    return maximise(
        density.log_posterior, partial(density.hessian, prior=True), start, density.space.bounded
    )


@dataclass(frozen=True)
class JointMode:
    """The mode of p(x, z, θ) with continuous latents left in.

    Attributes
    ----------
    params, latents : dict
        Natural scale.
    """

    params: Mapping[str, np.ndarray]
    latents: Mapping[str, np.ndarray]


def joint_mode(declaration: Declaration) -> JointMode | None:
    """What ``find_MAP`` on the model as declared would answer.

    It maximises over the latents too, where MLE and MAP integrate them out, and so estimates
    something else. None where it cannot be asked: because a latent is discrete, or because PyMC's
    initial point is impossible, as utilities of zero are where something was chosen.
    """
    model = declaration.model
    if any(model[name].dtype.startswith(("int", "uint", "bool")) for name in declaration.latents):
        return None
    try:
        # On its way the search may come to where the density is not defined, and turns back.
        with interpreting(), np.errstate(all="ignore"):
            mode = pm.find_MAP(model=model, progressbar=False)
    except SamplingError:
        return None
    params: Params = {name: mode[name] for name in declaration.parameters}
    return JointMode(params, {name: mode[name] for name in declaration.latents})
