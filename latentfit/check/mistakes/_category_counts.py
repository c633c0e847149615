"""Expected numbers of observations in the categories of a vector of probabilities, from Q.

If Q depends on p through Σ_k c_k log p_k, its maximum is p_k = c_k / C with C = Σ_k c_k. Along the
line p + t (e_k - e_l) the second derivative of Q at the maximum is then -C (1 / p_k + 1 / p_l),
from which C is found. A number that is computed from a Q of another form predicts nothing that a
step returns.
"""

import numpy as np

from latentfit.check.examination import Examination, TrialPoint
from latentfit.declaration import Params

# Step of the numerical derivative of the coordinates along the line, relative to the smaller of the
# two probabilities.
_STEP_RELATIVE = 1e-4
# Difference of the sum of a vector of probabilities from 1 that is rounding.
_SUM_TOLERANCE = 1e-8
# Largest number of vectors of probabilities in one parameter.
_MAX_VECTORS = 500


def category_counts(
    examination: Examination, trial: TrialPoint, point: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the expected counts of all parameters that are probabilities.

    Parameters
    ----------
    examination : Examination
    trial : TrialPoint
        θ' of Q(· | θ').
    point : ndarray, shape (size,)
        The maximiser of Q, unconstrained.

    Returns
    -------
    dict
        ``{parameter: counts}``, with categories along the last axis.
    """
    space = examination.density.space
    natural = space.constrain(point)
    params = {name: np.asarray(natural[name], float) for name in space.parameters}
    hessian = examination.q_hessian(trial)(point)
    found = {}
    for name, value in params.items():
        simplex = space.transform(name) == "simplex"
        if not _are_probabilities(value, simplex=simplex):
            continue
        p = value if simplex else np.stack([value, 1 - value], axis=-1)
        if p.size > _MAX_VECTORS * p.shape[-1]:
            continue
        totals = np.empty(p.shape[:-1])
        for index in np.ndindex(totals.shape):
            totals[index] = _total(examination, params, name, index, hessian, simplex=simplex)
        found[name] = p * totals[..., None]
    return found


def _are_probabilities(value: np.ndarray, *, simplex: bool) -> bool:
    if not value.size or not np.all((value > 0) & (value < 1)):
        return False
    return not simplex or bool(np.all(np.abs(value.sum(axis=-1) - 1) <= _SUM_TOLERANCE))


def _total(
    examination: Examination,
    params: Params,
    name: str,
    index: tuple[int, ...],
    hessian: np.ndarray,
    *,
    simplex: bool,
) -> float:
    """Return C of one vector of probabilities."""
    space, part = examination.density.space, examination.parameter_slices[name]
    p, direction = params[name], np.zeros(params[name].shape)
    if simplex:
        one, other = np.argsort(p[index])[-2:]
        direction[(*index, one)], direction[(*index, other)] = 1.0, -1.0
        pair = p[index][[one, other]]
    else:
        direction[index] = 1.0
        pair = np.array([p[index], 1 - p[index]])

    def coordinates(step: float) -> np.ndarray:
        result: np.ndarray = space.unconstrain({**params, name: p + step * direction})[part]
        return result

    # Central differences with two steps, extrapolated: the error is of fourth order.
    h = _STEP_RELATIVE * pair.min()
    slopes = [(coordinates(s) - coordinates(-s)) / (2 * s) for s in (h, 2 * h)]
    slope = (4 * slopes[0] - slopes[1]) / 3
    return float(-slope @ hessian[part, part] @ slope / np.sum(1 / pair))
