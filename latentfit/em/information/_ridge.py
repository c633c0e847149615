"""In how many directions log p(x | θ) is the same, whatever the data: what a model cannot tell.

Let the parameters be moved along a curve on which p(x | θ) is the same function of x, as loadings
are when they are rotated. The score ∂ log p(x | θ) / ∂θ is then at right angles to the curve for
every x. The other way round, scores of enough samples span all other directions, since their
covariance is the expected information and its null space those of the curves, but at singular θ
(Rothenberg 1971, Econometrica 39(3), theorem 1). So the rank of a few scores, away from maxima
and other particular places, is the dimension of the model.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em.information._differences import Scalar, curvature_units, jacobian
from latentfit.em.information._functions import height_on
from latentfit.em.information._scale import FreeScale
from latentfit.em.layout import Params

# Singular values of scores, each coordinate in a unit of its own, that are zero but for the error
# of differences; and how far to go from where everything may be alike, in such units.
_NULL = 1e-10
_ASIDE = 0.3


def ridges(
    log_likelihood: Callable[[Params, Any], float],
    samples: Sequence[Any],
    params: Mapping[str, Any],
    *,
    seed: int = 0,
) -> int:
    """Number of directions in which no sample tells one θ from another.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(params, data)``, log p(x | θ) up to a constant.
    samples : sequence
        Of data, such as parts of those at hand; more than there are parameters.
    params : mapping
        ``{name: array_like}``, natural scale: somewhere inside the parameter space, better a start
        than a maximum. The scores are taken a little way from there.
    seed : int
        For that way.

    Raises
    ------
    InputError
        The log-likelihood is not a number.
    StepError
        It raised an error that does not say that a value is out of range.
    """
    scale = FreeScale.of(params)
    point = scale.point(params)

    def height_of(sample: Any) -> Scalar:
        return height_on(scale, lambda at: log_likelihood(at, sample), "log_likelihood")

    heights = [height_of(sample) for sample in samples]

    def each(where: np.ndarray) -> np.ndarray:
        return np.array([height(where) for height in heights])

    units = curvature_units(lambda where: float(each(where).sum()), point, scale.bounded)
    aside = np.random.default_rng(seed).uniform(-_ASIDE, _ASIDE, len(point))
    scores = jacobian(each, point + aside * units, units)
    found = scores.value * units
    if len(samples) < len(point) or not np.isfinite(found).all():
        return 0
    sizes = np.linalg.norm(found, axis=0)
    known = sizes > np.linalg.norm(scores.error * units, axis=0)
    values = np.linalg.svd(found[:, known] / sizes[known], compute_uv=False)
    return len(point) - int(np.sum(values > _NULL * values.max(initial=0.0)))
