"""Data that have probability zero under the model at every θ: an error in the data."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pymc.logprob.utils import ParameterValueError
from pytensor.graph.basic import Constant
from pytensor.graph.replace import graph_replace

from latentfit.bayes import Density
from latentfit.check._generic_points import prior_draws
from latentfit.declaration import Declaration, labels
from latentfit.declaration.compilation import compile_function, double_precision, stabilise
from latentfit.em.calls import brief
from latentfit.errors import InputError

# Number of points near PyMC's initial point at which the log-likelihood is evaluated besides.
_RANDOM_POINTS = 8
_MAX_LISTED_VALUES = 5


def require_possible(
    declaration: Declaration, density: Density, points: Sequence[np.ndarray], seed: int
) -> None:
    """Raise `InputError` if log p(x | θ) is minus infinity at all of many θ.

    Parameters
    ----------
    declaration : Declaration
    density : Density
    points : sequence of ndarray, shape (size,)
        The starts, unconstrained. If the data are possible at one of them, no more θ are examined.
    seed : int

    Raises
    ------
    InputError
        With the observed variable and the values that are impossible.
    """
    if not density.tractable or _possible_at_one(density, points):
        return
    space, rng = density.space, np.random.default_rng(seed)
    others = [space.origin + rng.uniform(-1, 1, space.size) for _ in range(_RANDOM_POINTS)]
    if _possible_at_one(density, others):
        return
    if _possible_at_one(density, prior_draws(declaration, space, seed)):
        return
    place = _impossible_values(density, [*points, *others])
    raise InputError(
        f"these data are impossible under the model: log p(x | θ) is minus infinity at every θ "
        f"that was tried, the starts among them{place}"
    )


def impossible_at(density: Density, point: np.ndarray) -> bool:
    """Return whether log p(x | θ) is minus infinity.

    Parameters
    ----------
    density : Density
        Of which log p(x | θ) can be evaluated.
    point : ndarray, shape (size,)
        θ, unconstrained.
    """
    with np.errstate(all="ignore"):
        try:
            return density.objective(point) == -np.inf
        except ParameterValueError:
            # PyMC refuses θ, which says nothing about the data.
            return False


def _possible_at_one(density: Density, points: Sequence[np.ndarray]) -> bool:
    """Return whether the log-likelihood is larger than minus infinity, or unknown, somewhere."""
    return not all(impossible_at(density, point) for point in points)


def _value(variable: Any) -> np.ndarray:
    """Evaluate a graph without inputs; a constant is not compiled."""
    if isinstance(variable, Constant):
        return np.asarray(variable.data)
    return np.asarray(compile_function([], variable)())


def _impossible_values(density: Density, points: Sequence[np.ndarray]) -> str:
    """Return a clause with the variable and the values whose density is zero at all points."""
    view = density.view
    with double_precision():
        factors = view.logp(vars=view.observed_RVs, jacobian=False, sum=False)
    parts = density.space.symbolic(density.point)
    values = {value: parts[value.name] for value in view.value_vars}
    graphs = stabilise(graph_replace(factors, values, strict=False))
    evaluate = compile_function([density.point], graphs, rewritten=True)
    with np.errstate(all="ignore"):
        found = [[np.isneginf(one) for one in evaluate(point)] for point in points]
    for variable, *impossible in zip(view.observed_RVs, *found, strict=True):
        everywhere = np.all(impossible, axis=0)
        if not everywhere.any():
            continue
        observed = _value(view.rvs_to_values[variable])
        name = variable.name.removesuffix("_observed")
        if everywhere.shape != observed.shape:
            # One density of several values, such as a vector or the members of a group.
            return f"; the impossible values are among those of {name}: {brief(observed)}"
        places = np.flatnonzero(everywhere)
        every = labels(name, observed.shape)
        shown = ", ".join(
            f"{every[i]} = {observed.flat[i]:.6g}" for i in places[:_MAX_LISTED_VALUES]
        )
        more = len(places) - _MAX_LISTED_VALUES
        return f"; impossible are {shown}{f' and {more} more' if more > 0 else ''}"
    return ""
