"""Whether log p(x, z | θ) has one mode in each block of a latent."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.optimize import minimize

from latentfit.bayes.marginalize.structure._blocks import IndependentBlocks, block_log_densities
from latentfit.bayes.marginalize.structure._probe import Probe

# Number of probes that are examined, of values of z from which a maximum is sought at each of
# them, and of steps of each search.
_EXAMINED_PROBES, _SEARCHES, _SEARCH_STEPS = 3, 4, 40
# Decrease of the log density between two maxima that is not attributed to searches that ended
# before their maximum.
_DECREASE_BETWEEN_MODES = 0.1
# Shares of the way from one maximum to another at which the log density is evaluated.
_BETWEEN = np.linspace(0.1, 0.9, 9)


def has_single_mode(probes: Sequence[Probe], blocks: IndependentBlocks) -> bool:
    """Test whether searches from several values of z lead to the same mode.

    Two maxima with lower densities between them are different modes. The density of products of
    latents, such as a[i] b[j], has at least two, because it does not change when both change
    their sign.
    """
    return not any(_has_several_modes(probe, blocks) for probe in probes[:_EXAMINED_PROBES])


def _has_several_modes(probe: Probe, blocks: IndependentBlocks) -> bool:
    log_densities = block_log_densities(probe, blocks)
    found = [_maximum(probe, start) for start in probe.draws[:_SEARCHES]]
    with np.errstate(all="ignore"):
        for one, other in combinations(found, 2):
            ends = np.minimum(log_densities(one), log_densities(other))
            between = [log_densities(one + t * (other - one)) for t in _BETWEEN]
            if np.any(np.min(between, axis=0) < ends - _DECREASE_BETWEEN_MODES):
                return True
    return False


def _maximum(probe: Probe, start: np.ndarray) -> np.ndarray:
    """Search for a maximum of all blocks together, whose log densities are added."""

    def negative(flat: np.ndarray) -> tuple[float, np.ndarray]:
        z = flat.reshape(start.shape)
        with np.errstate(all="ignore"):
            total = sum(float(np.sum(term)) for term in probe.terms(z))
            slope = np.ravel(probe.slope(z)) if np.isfinite(total) else np.zeros_like(flat)
        if not np.isfinite(total) or not np.all(np.isfinite(slope)):
            return np.inf, np.zeros_like(flat)
        return -total, -slope

    result = minimize(
        negative, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _SEARCH_STEPS}
    )
    return np.asarray(result.x).reshape(start.shape)
