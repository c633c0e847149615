"""The number of unidentified directions of a model: dimensions of θ that no data can determine.

If p(x | θ) is the same function of x along a curve through θ, as for rotations of factor loadings,
then the score ∂ log p(x | θ) / ∂θ is orthogonal to the curve for every x. Conversely, the scores of
sufficiently many samples span all other directions: their covariance matrix is the expected
information, whose null space consists of the tangents of such curves, except at singular values of
θ (Rothenberg 1971, Econometrica 39(3), theorem 1). The rank of a matrix of scores, taken away from
maxima and other special values of θ, is therefore the number of identified dimensions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em.information._free_scale import FreeScale
from latentfit.em.information._on_free_scale import log_density_on_free_scale
from latentfit.em.information.differences import Scalar, jacobian
from latentfit.em.information.step_units import curvature_units
from latentfit.em.layout import Params

# Singular values of the matrix of scores below this share of the largest are zero apart from the
# error of finite differences. The columns of the matrix are normalised.
_NULL_SINGULAR_VALUE_RELATIVE = 1e-10
# Largest displacement of each coordinate from `params`, in its unit: at a start that is the same
# for all components, directions may be singular by coincidence.
_DISPLACEMENT_UNITS = 0.3


def unidentified_directions(
    log_likelihood: Callable[[Params, Any], float],
    samples: Sequence[Any],
    params: Mapping[str, Any],
    *,
    seed: int = 0,
) -> int:
    """Count the directions in θ along which the log-likelihood of no sample changes.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(params, data)``, log p(x | θ) up to a constant.
    samples : sequence
        Data sets, such as parts of the data that are analysed. If there are fewer of them than
        degrees of freedom, or a score is not finite, the answer is 0.
    params : mapping
        ``{name: array_like}``, natural scale: a value inside the parameter space, preferably a
        start rather than a maximum. Scores are taken at a random point close to it.
    seed : int
        Determines this point.

    Raises
    ------
    InputError
        The log-likelihood returned an array.
    StepError
        The log-likelihood raised an error other than `ArithmeticError` or `ValueError`.
    """
    scale = FreeScale.of(params)
    point = scale.point(params)

    def log_density_of(sample: Any) -> Scalar:
        return log_density_on_free_scale(
            scale, lambda at: log_likelihood(at, sample), "log_likelihood"
        )

    log_densities = [log_density_of(sample) for sample in samples]

    def of_each_sample(where: np.ndarray) -> np.ndarray:
        return np.array([log_density(where) for log_density in log_densities])

    units = curvature_units(lambda where: float(of_each_sample(where).sum()), point, scale.bounded)
    displacement = np.random.default_rng(seed).uniform(
        -_DISPLACEMENT_UNITS, _DISPLACEMENT_UNITS, len(point)
    )
    scores = jacobian(of_each_sample, point + displacement * units, units)
    in_units = scores.value * units
    if len(samples) < len(point) or not np.isfinite(in_units).all():
        return 0
    lengths = np.linalg.norm(in_units, axis=0)
    known = lengths > np.linalg.norm(scores.error * units, axis=0)
    singular_values = np.linalg.svd(in_units[:, known] / lengths[known], compute_uv=False)
    null = _NULL_SINGULAR_VALUE_RELATIVE * singular_values.max(initial=0.0)
    return len(point) - int(np.sum(singular_values > null))
