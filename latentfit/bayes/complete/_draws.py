"""Any latents that can be drawn from p(z | x, θ'): one sample stands for their distribution.

Q is a mean over draws, and as precise as that.
"""

import numpy as np
import pytensor.tensor as pt
import xarray as xr
from pymc_extras.marginal import conditional
from pytensor.graph.replace import vectorize_graph

from latentfit.bayes._density import Density
from latentfit.bayes._monte_carlo import Intractable, intractable
from latentfit.bayes._recover import recover
from latentfit.bayes.complete._terms import joint
from latentfit.bayes.complete._view import CompleteData
from latentfit.declaration import Declaration, stable

DRAWS = 4000


def by_draws(declaration: Declaration, density: Density) -> CompleteData:
    """The view by draws, whatever else there might be."""
    latents = declaration.latents
    inputs, graph = joint(declaration, density)
    (graph,) = stable([graph])
    drawn = tuple(
        pt.tensor(one.name, dtype=one.dtype, shape=(None, *one.type.shape)) for one in inputs
    )
    q = pt.mean(vectorize_graph(graph, dict(zip(inputs, drawn, strict=True))))

    by_nuts = _by_nuts(declaration, density)

    def statistics(where: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if by_nuts is not None:
            return by_nuts.draws(where, rng)
        return draws(declaration, density, where, rng)

    return CompleteData(
        declaration,
        density,
        exact=False,
        discrete=any(declaration.model[n].dtype.startswith(("int", "bool")) for n in latents),
        _statistics=statistics,
        _names=latents,
        _inputs=drawn,
        _q=q,
    )


def _by_nuts(declaration: Declaration, density: Density) -> Intractable | None:
    """What draws the latents where p(z | x, θ) has no name; None where it has."""
    if isinstance(density, Intractable):
        return density
    try:
        conditional(density.view)
    except NotImplementedError as error:
        return intractable(declaration, density.space, str(error))
    return None


def draws(
    declaration: Declaration, density: Density, where: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Draws of the latents from p(z | x, θ) at one θ, ``{latent: (sample, *shape)}``."""
    space = density.space
    natural = space.constrain(where)
    repeated = xr.Dataset(
        {
            name: (
                ("sample", *(f"{name}_dim_{axis}" for axis in range(natural[name].ndim))),
                np.broadcast_to(natural[name], (DRAWS, *natural[name].shape)),
            )
            for name in space.parameters
        }
    )
    seed = int(rng.integers(2**31))
    found = recover(declaration, density.view, repeated, seed)
    return {name: found[name].draws for name in declaration.latents}
