"""Which parameters an estimate has at the boundary of their space.

A probability has a range, and is at an end of it but for a millionth. How small a scale or a rate
is zero depends on its units; there the density itself tells. At the end of its range it has
levelled off along the logarithm, for all that is still to be gained or lost.
"""

import numpy as np

from latentfit.bayes._newton import Curvature, curvature_of
from latentfit.bayes.views import Density
from latentfit.declaration import Params, Space, labels


def at_boundary(
    density: Density, point: np.ndarray, *, prior: bool = False, beside: bool = False
) -> list[str]:
    """Labels of the parameters that are at an end of their range, at a maximum.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
    prior : bool
        The maximum is one of log p(x | θ) + log p(θ).
    beside : bool
        Also those that sum to one with a probability that is.
    """
    objective = density.log_posterior if prior else density.log_likelihood
    _, gradient = objective(point)
    space = density.space
    natural = space.constrain(point)
    try:
        shape = curvature_of(density.hessian(point, prior=prior), gradient, space.bounded)
    except np.linalg.LinAlgError:
        return space.on_boundary(natural, beside=beside)
    return boundary(space, natural, shape, beside=beside)


def boundary(space: Space, natural: Params, shape: Curvature, *, beside: bool = False) -> list[str]:
    """The same, of a point whose curvature is known."""
    ended = set(space.on_boundary(natural, beside=beside))
    levelled = shape.levelled
    position = 0
    for name, (_, dims) in zip(space.parameters, space.layout, strict=True):
        every = labels(name, dims)
        # Coordinates of a simplex are not one for each entry, and its entries are probabilities.
        if dims == space.shapes[name]:
            here = levelled[position : position + len(every)]
            ended |= {every[place] for place in np.flatnonzero(here)}
        position += len(every)
    return [
        label
        for name in space.parameters
        for label in labels(name, space.shapes[name])
        if label in ended
    ]
