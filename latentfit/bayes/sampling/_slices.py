"""Draws by slice sampling, for densities that are 0 in parts of the unconstrained space.

The trajectories of NUTS follow the gradient, which does not warn of a bound at which the density
drops to 0: most trajectories end there, and no step size is right. Slice sampling needs no
gradient. One coordinate at a time is drawn uniformly from the part of a line on which the density
exceeds a random level, found by steps outwards and then by shrinking towards the current value
(Neal 2003, Annals of Statistics 31(3), figures 3 and 5). Many chains take each step at once, in one
call of a function that Python interprets.
"""

from collections.abc import Callable

import numpy as np
import pytensor.tensor as pt
import xarray as xr
from pymc.logprob.utils import ParameterValueError
from pytensor.graph.replace import vectorize_graph

from latentfit.bayes.sampling._unconstrained import UnconstrainedModel
from latentfit.declaration.compilation import compile_function

# Number of starting points, of chains from each of them, and of sweeps over all coordinates that
# are discarded and kept.
_STARTING_POINTS = 8
_CHAINS_PER_START = 25
_SWEEPS_DISCARDED = 40
_SWEEPS_KEPT = 20
# Length of a step outwards, in units of the unconstrained scale, of which the range of a latent is
# mostly a few units, and number of such steps to either side.
_STEP_OUTWARDS = 2.0
_MAX_STEPS_OUTWARDS = 20
# The interval is at least halved by about half of the proposals.
_MAX_PROPOSALS = 200

LogDensity = Callable[[np.ndarray], np.ndarray]


def prepare_slices(model: UnconstrainedModel) -> Callable[[int], xr.Dataset]:
    """Compile a model for slice sampling.

    Returns
    -------
    callable
        From a seed to draws on the natural scale, with dimensions ``chain`` and ``draw``. All
        draws from one starting point count as one chain, so that R-hat compares starting points
        (Margossian et al. 2024, Bayesian Analysis, section 3).
    """
    points = pt.matrix("points", shape=(None, model.size))
    (batch,) = vectorize_graph([model.density], {model.point: points})
    evaluate = compile_function([points], batch)

    def log_density(at: np.ndarray) -> np.ndarray:
        try:
            values = np.asarray(evaluate(at))
        except ParameterValueError:
            # PyMC refuses all points if it refuses one.
            if len(at) == 1:
                return np.array([-np.inf])
            return np.concatenate([log_density(one) for one in np.array_split(at, 2)])
        return np.where(np.isnan(values), -np.inf, values)

    def draw(seed: int) -> xr.Dataset:
        rng = np.random.default_rng(seed)
        starts = [model.start(int(s)) for s in rng.integers(2**31, size=_STARTING_POINTS)]
        at = np.repeat(starts, _CHAINS_PER_START, axis=0)
        kept = []
        for sweep in range(_SWEEPS_DISCARDED + _SWEEPS_KEPT):
            at = _sweep(log_density, at, rng)
            if sweep >= _SWEEPS_DISCARDED:
                kept.append(at)
        draws = np.stack(kept, axis=1)
        return model.natural_draws(draws.reshape(_STARTING_POINTS, -1, model.size))

    return draw


def _sweep(log_density: LogDensity, at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw each coordinate of each chain once, given all others."""
    at, chains = at.copy(), len(at)
    value = log_density(at)
    for axis in range(at.shape[1]):
        level = value - rng.exponential(size=chains)

        def along(x: np.ndarray, some: np.ndarray, axis: int = axis) -> np.ndarray:
            moved = at[some]
            moved[:, axis] = x
            return log_density(moved)

        current = at[:, axis].copy()
        low = current - _STEP_OUTWARDS * rng.random(chains)
        high = low + _STEP_OUTWARDS
        for bound, sign in ((low, -1), (high, 1)):
            outside = np.arange(chains)
            for _ in range(_MAX_STEPS_OUTWARDS):
                outside = outside[along(bound[outside], outside) > level[outside]]
                if not outside.size:
                    break
                bound[outside] += sign * _STEP_OUTWARDS
        remaining = np.arange(chains)
        for _ in range(_MAX_PROPOSALS):
            x = rng.uniform(low[remaining], high[remaining])
            found = along(x, remaining)
            accepted = found > level[remaining]
            at[remaining[accepted], axis] = x[accepted]
            value[remaining[accepted]] = found[accepted]
            remaining, x = remaining[~accepted], x[~accepted]
            if not remaining.size:
                break
            below = x < current[remaining]
            low[remaining[below]] = x[below]
            high[remaining[~below]] = x[~below]
    return at
