r"""Points and weights that represent the conditional distribution of continuous latents.

An expectation E f(z) becomes a weighted mean of f over points. Where z is normal with B entries and
f is quadratic in z, the two ends of every principal axis are enough,

    E f(z) = 1 / (2 B) Σ_k f(m + √B l_k) + f(m - √B l_k),    V = L Lᵀ,

with l_k the columns of L (Stroud 1957; McNamee & Stenger 1967). Otherwise z is written as a
function of a standard normal t, z = F⁻¹(Φ(t)), and the trapezoidal rule in t is used. For smooth
functions that decay this fast it converges faster than any power of the step (Trefethen & Weideman
2014, SIAM Review 56(3)). Entries and blocks that are independent of one another are moved together,
which does not change the expectation of a sum over them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from latentfit.bayes.marginalize.distributions import (
    tabulated_quantile,
    truncated_weibull_quantile,
)

# Step of the trapezoidal rule, in standard deviations of t.
_STEP = 0.2
# Largest t of the trapezoidal rule: Φ(-8.4) is 2e-17.
_LARGEST = 8.4

# Parameters of a distribution, each with an axis for the points first.
Parameters = Sequence[np.ndarray]


@dataclass(frozen=True)
class CubatureRule:
    """Standard normal points and their weights.

    Attributes
    ----------
    points : ndarray, shape (points, size)
        Coordinates for the entries of a block. With size 1, all entries share one coordinate.
    weights : ndarray, shape (points,)
    rng : Generator or None
        Chooses the signs of the coordinates of entries and blocks at random, which a sum over
        them must not depend on. None: all signs are positive.
    """

    points: np.ndarray
    weights: np.ndarray
    rng: np.random.Generator | None

    def part(self, begin: int, size: int) -> "CubatureRule":
        """Select the coordinates of one of several latents."""
        if self.points.shape[1] == 1:
            return self
        return replace(self, points=self.points[:, begin : begin + size])


def axis_rule(size: int, rng: np.random.Generator | None = None) -> CubatureRule:
    """Make the rule with the ends of `size` axes, exact for quadratic functions of a normal.

    Parameters
    ----------
    size : int
    rng : Generator, optional
        Rotates the axes at random.
    """
    axes = np.eye(size)
    if rng is not None:
        axes = np.linalg.qr(rng.standard_normal((size, size)))[0]
    points = np.sqrt(size) * np.concatenate([axes, -axes])
    return CubatureRule(points, np.full(2 * size, 1 / (2 * size)), rng)


def trapezoidal_rule(rng: np.random.Generator | None = None) -> CubatureRule:
    """Make the trapezoidal rule on a line.

    Parameters
    ----------
    rng : Generator, optional
        If given, the points are shifted by half a step.
    """
    shift = 0.0 if rng is None else 0.5 * _STEP
    t = np.arange(-_LARGEST, _LARGEST + _STEP, _STEP) + shift
    weights = np.exp(-0.5 * t**2)
    return CubatureRule(t[:, None], weights / weights.sum(), rng)


def _signs(rule: CubatureRule, shape: tuple[int, ...]) -> np.ndarray:
    return np.ones(shape) if rule.rng is None else rule.rng.choice([-1.0, 1.0], shape)


def _normal(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    mean, sd = parameters
    shape = np.broadcast_shapes(mean.shape[1:], sd.shape[1:])
    t = rule.points.reshape(-1, *(1,) * len(shape))
    return np.asarray(mean + sd * _signs(rule, shape) * t)


def _multivariate_normal(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    mean, covariance = parameters
    batch = mean.shape[1:-1]
    t = rule.points.reshape(-1, *(1,) * len(batch), rule.points.shape[-1])
    coordinates = t * _signs(rule, (*batch, 1))
    factor = np.linalg.cholesky(covariance)
    return np.asarray(mean + np.einsum("...ij,...j->...i", factor, coordinates))


def _quantiles(
    rule: CubatureRule,
    shape: tuple[int, ...],
    below: Callable[[np.ndarray], np.ndarray],
    above: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Compute quantiles from the probability below or the one above, whichever is smaller."""
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    tail = special.ndtr(-np.abs(t))
    return np.where(t < 0, below(tail), above(tail))


def _gamma(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    shape, scale = parameters
    quantiles = _quantiles(
        rule,
        np.broadcast_shapes(shape.shape[1:], scale.shape[1:]),
        lambda p: special.gammaincinv(shape, p),
        lambda p: special.gammainccinv(shape, p),
    )
    return np.asarray(scale * quantiles)


def _inverse_gamma(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    shape, scale = parameters
    return 1 / _gamma(rule, (shape, 1 / scale))


def _exponential(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    (scale,) = parameters
    return _gamma(rule, (np.ones_like(scale), scale))


def _beta(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    a, b = parameters
    return _quantiles(
        rule,
        np.broadcast_shapes(a.shape[1:], b.shape[1:]),
        lambda p: special.betaincinv(a, b, p),
        lambda p: special.betainccinv(a, b, p),
    )


def _dirichlet(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    """Place points by stick breaking.

    Each piece is a beta-distributed share of the rest (Connor & Mosimann 1969).
    """
    (a,) = parameters
    after = np.cumsum(a[..., ::-1], axis=-1)[..., ::-1]
    pieces, rest = [], np.ones(())
    for k in range(a.shape[-1] - 1):
        share = _beta(rule, (a[..., k], after[..., k + 1]))
        pieces.append(rest * share)
        rest = rest * (1 - share)
    return np.stack([*pieces, np.broadcast_to(rest, pieces[0].shape)], axis=-1)


def _truncated_normal(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    mean, sd, lower, upper = parameters
    shape = np.broadcast_shapes(*(p.shape[1:] for p in parameters))
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    log_below, log_above = special.log_ndtr(t), special.log_ndtr(-t)
    begin, end = (lower - mean) / sd, (upper - mean) / sd
    under = np.logaddexp(special.log_ndtr(begin) + log_above, special.log_ndtr(end) + log_below)
    over = np.logaddexp(special.log_ndtr(-end) + log_below, special.log_ndtr(-begin) + log_above)
    z = np.where(under < over, special.ndtri_exp(under), -special.ndtri_exp(over))
    return _inside(mean + sd * z, lower, upper)


def _truncated_weibull(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    shape = np.broadcast_shapes(*(p.shape[1:] for p in parameters))
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    z = truncated_weibull_quantile(special.ndtr(t), special.ndtr(-t), *parameters)
    return _inside(z, *parameters[2:])


def _tabulated(rule: CubatureRule, parameters: Parameters) -> np.ndarray:
    mode, width, table = parameters
    shape = table.shape[1:-1]
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    return tabulated_quantile(special.ndtr(t), mode[0], width[0], table[0])


def _inside(z: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Move values that rounding has put on a bound to the next number inside."""
    inside: np.ndarray = np.clip(z, np.nextafter(lower, np.inf), np.nextafter(upper, -np.inf))
    return inside


# Functions that place points, by the name of PyTensor's random variable. Their parameters are
# PyTensor's: a gamma or an inverse gamma variable has shape and scale, an exponential one scale.
PLACEMENTS: Mapping[str, Callable[[CubatureRule, Parameters], np.ndarray]] = {
    "normal": _normal,
    "multivariate_normal": _multivariate_normal,
    "gamma": _gamma,
    "invgamma": _inverse_gamma,
    "exponential": _exponential,
    "beta": _beta,
    "dirichlet": _dirichlet,
    "truncated_normal": _truncated_normal,
    "truncated_weibull": _truncated_weibull,
    "tabulated": _tabulated,
}
NORMAL_VARIABLES = {"normal", "multivariate_normal"}
