"""Parameters that an estimate has at the boundary of their range.

A probability is at a bound of its range if it is within one millionth of 0 or 1. For a variance, a
scale or a rate such a limit depends on its units. It is at its bound if the log density has become
constant along its logarithm, to within a tolerance in nats.
"""

import numpy as np

from latentfit.bayes.views import Density
from latentfit.declaration import Params, Space, labels
from latentfit.em.information import Curvature, curvature_of


def at_boundary(
    density: Density, point: np.ndarray, *, prior: bool = False, whole_simplex: bool = False
) -> list[str]:
    """Find the parameters that are at a bound of their range, at a maximum.

    Parameters
    ----------
    density : Density
    point : ndarray, shape (size,)
        The maximum, unconstrained.
    prior : bool
        Whether it is the maximum of log p(x | θ) + log p(θ) rather than of log p(x | θ).
    whole_simplex : bool
        Whether to include the entries that sum to one with an entry at its bound.

    Returns
    -------
    list of str
        Labels of entries.
    """
    objective = density.log_posterior if prior else density.log_likelihood
    _, gradient = objective(point)
    space = density.space
    natural = space.constrain(point)
    try:
        curvature = curvature_of(density.hessian(point, prior=prior), gradient, space.bounded)
    except np.linalg.LinAlgError:
        return space.on_boundary(natural, whole_simplex=whole_simplex)
    return boundary_labels(space, natural, curvature, whole_simplex=whole_simplex)


def boundary_labels(
    space: Space, natural: Params, curvature: Curvature, *, whole_simplex: bool = False
) -> list[str]:
    """Find the parameters that are at a bound of their range, given the curvature.

    Parameters
    ----------
    space : Space
    natural : dict of ndarray
        Parameters and deterministics at the maximum, natural scale.
    curvature : Curvature
        Of the log density, at the maximum.
    whole_simplex : bool
        Whether to include the entries that sum to one with an entry at its bound.

    Returns
    -------
    list of str
        Labels of entries.
    """
    found = set(space.on_boundary(natural, whole_simplex=whole_simplex))
    flat_coordinates = curvature.boundary_coordinates
    position = 0
    for name, (_, shape) in zip(space.parameters, space.layout, strict=True):
        every = labels(name, shape)
        # Where the coordinates have another shape than the parameter, as for a simplex, they do not
        # belong to single entries; such entries are probabilities, which are found by their values.
        if shape == space.shapes[name]:
            here = flat_coordinates[position : position + len(every)]
            found |= {every[place] for place in np.flatnonzero(here)}
        position += len(every)
    return [
        label
        for name in space.parameters
        for label in labels(name, space.shapes[name])
        if label in found
    ]
