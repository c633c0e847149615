"""The mode of p(x, z, θ) over parameters and latents together, which is not the MLE."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pymc as pm
from pymc.exceptions import SamplingError

from latentfit.declaration import Declaration, Params
from latentfit.declaration.compilation import interpreted_compilation


@dataclass(frozen=True)
class JointMode:
    """The mode of p(x, z, θ), with continuous latents not marginalised.

    Attributes
    ----------
    params, latents : dict
        Values on the natural scale.
    """

    params: Mapping[str, np.ndarray]
    latents: Mapping[str, np.ndarray]


def joint_mode(declaration: Declaration) -> JointMode | None:
    """Maximise p(x, z, θ) over θ and z, as ``find_MAP`` does on the declared model.

    The MLE and the MAP estimate marginalise the latents, whereas the joint mode maximises over
    them, and so estimates something else.

    Returns
    -------
    JointMode or None
        None if a latent is discrete, or if the density is zero at PyMC's initial point (as for
        latent utilities of zero when an alternative was chosen).
    """
    model = declaration.model
    if any(model[name].dtype.startswith(("int", "uint", "bool")) for name in declaration.latents):
        return None
    try:
        # The search recovers from points at which the density is not defined.
        with interpreted_compilation(), np.errstate(all="ignore"):
            start = dict(declaration.initial_values)
            mode = pm.find_MAP(start, model=model, progressbar=False)
    except SamplingError:
        return None
    params: Params = {name: mode[name] for name in declaration.parameters}
    return JointMode(params, {name: mode[name] for name in declaration.latents})
