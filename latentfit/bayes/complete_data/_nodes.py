r"""Points and weights that stand for the conditional distribution of continuous latents.

An expectation E f(z) becomes a weighted mean of f over points. Where z is normal, and f quadratic
in it, the two ends of every principal axis are enough,

    E f(z) = 1 / (2 B) Σ_k f(m + √B l_k) + f(m - √B l_k),    V = L Lᵀ,

with l_k the B columns of L (Stroud 1957; McNamee & Stenger 1967). Otherwise z is written as a
function of a standard normal t, z = F⁻¹(Φ(t)), and the trapezoidal rule in t is used, which for
smooth functions that fall off this fast converges faster than any power of the step (Trefethen &
Weideman 2014, SIAM Review 56(3)). Entries and blocks that are independent of one another are moved
together: for whatever is a sum over them, that changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from latentfit.bayes.marginalize import _tabulated as tables
from latentfit.bayes.marginalize._truncated import quantile

_STEP = 0.2
# Φ(-8.4) is 2e-17.
_REACH = 8.4

Parameters = Sequence[np.ndarray]


@dataclass(frozen=True)
class Rule:
    """Standard normal points and their weights.

    Attributes
    ----------
    points : ndarray, shape (points, size)
        Coordinates for the entries of a block.
    weights : ndarray, shape (points,)
    rng : Generator or None
        For signs, which may be chosen at will.
    """

    points: np.ndarray
    weights: np.ndarray
    rng: np.random.Generator | None

    def part(self, begin: int, size: int) -> "Rule":
        """The same for one latent of several; on a line all of them share one coordinate."""
        if self.points.shape[1] == 1:
            return self
        return replace(self, points=self.points[:, begin : begin + size])


def axes(size: int, rng: np.random.Generator | None = None) -> Rule:
    """The ends of `size` axes, exact for quadratic functions; of rotated ones, given an rng."""
    turned = np.eye(size)
    if rng is not None:
        turned = np.linalg.qr(rng.standard_normal((size, size)))[0]
    points = np.sqrt(size) * np.concatenate([turned, -turned])
    return Rule(points, np.full(2 * size, 1 / (2 * size)), rng)


def line(rng: np.random.Generator | None = None) -> Rule:
    """The trapezoidal rule along a line; with its points between those, given an rng."""
    t = np.arange(-_REACH, _REACH + _STEP, _STEP) + (0.0 if rng is None else 0.5 * _STEP)
    weights = np.exp(-0.5 * t**2)
    return Rule(t[:, None], weights / weights.sum(), rng)


def _signs(rule: Rule, shape: tuple[int, ...]) -> np.ndarray:
    return np.ones(shape) if rule.rng is None else rule.rng.choice([-1.0, 1.0], shape)


def normal(rule: Rule, parameters: Parameters) -> np.ndarray:
    mean, sd = parameters
    shape = np.broadcast_shapes(mean.shape[1:], sd.shape[1:])
    t = rule.points.reshape(-1, *(1,) * len(shape))
    return np.asarray(mean + sd * _signs(rule, shape) * t)


def multivariate_normal(rule: Rule, parameters: Parameters) -> np.ndarray:
    mean, covariance = parameters
    return np.asarray(mean + np.einsum("...ij,...j->...i", _root(covariance), _spread(rule, mean)))


def _root(covariance: np.ndarray) -> np.ndarray:
    return np.linalg.cholesky(covariance)


def _spread(rule: Rule, mean: np.ndarray) -> np.ndarray:
    batch = mean.shape[1:-1]
    t = rule.points.reshape(-1, *(1,) * len(batch), rule.points.shape[-1])
    return t * _signs(rule, (*batch, 1))


def _quantiles(
    rule: Rule,
    shape: tuple[int, ...],
    below: Callable[[np.ndarray], np.ndarray],
    above: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Quantiles, from the probability below or the one above, whichever is smaller."""
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    tail = special.ndtr(-np.abs(t))
    return np.where(t < 0, below(tail), above(tail))


def gamma(rule: Rule, parameters: Parameters) -> np.ndarray:
    """Of shape and scale."""
    shape, scale = parameters
    found = _quantiles(
        rule,
        np.broadcast_shapes(shape.shape[1:], scale.shape[1:]),
        lambda p: special.gammaincinv(shape, p),
        lambda p: special.gammainccinv(shape, p),
    )
    return np.asarray(scale * found)


def inverse_gamma(rule: Rule, parameters: Parameters) -> np.ndarray:
    """Of shape and scale."""
    shape, scale = parameters
    return 1 / gamma(rule, (shape, 1 / scale))


def exponential(rule: Rule, parameters: Parameters) -> np.ndarray:
    """Of scale."""
    (scale,) = parameters
    return gamma(rule, (np.ones_like(scale), scale))


def beta(rule: Rule, parameters: Parameters) -> np.ndarray:
    a, b = parameters
    return _quantiles(
        rule,
        np.broadcast_shapes(a.shape[1:], b.shape[1:]),
        lambda p: special.betaincinv(a, b, p),
        lambda p: special.betainccinv(a, b, p),
    )


def dirichlet(rule: Rule, parameters: Parameters) -> np.ndarray:
    """By breaking a stick, every piece a beta share of what is left (Connor & Mosimann 1969)."""
    (a,) = parameters
    after = np.cumsum(a[..., ::-1], axis=-1)[..., ::-1]
    pieces, left = [], np.ones(())
    for k in range(a.shape[-1] - 1):
        share = beta(rule, (a[..., k], after[..., k + 1]))
        pieces.append(left * share)
        left = left * (1 - share)
    return np.stack([*pieces, np.broadcast_to(left, pieces[0].shape)], axis=-1)


def truncated_normal(rule: Rule, parameters: Parameters) -> np.ndarray:
    mean, sd, lower, upper = parameters
    shape = np.broadcast_shapes(*(p.shape[1:] for p in parameters))
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    log_below, log_above = special.log_ndtr(t), special.log_ndtr(-t)
    begin, end = (lower - mean) / sd, (upper - mean) / sd
    under = np.logaddexp(special.log_ndtr(begin) + log_above, special.log_ndtr(end) + log_below)
    over = np.logaddexp(special.log_ndtr(-end) + log_below, special.log_ndtr(-begin) + log_above)
    z = np.where(under < over, special.ndtri_exp(under), -special.ndtri_exp(over))
    return _within(mean + sd * z, lower, upper)


def truncated_weibull(rule: Rule, parameters: Parameters) -> np.ndarray:
    """Of shape and scale."""
    shape = np.broadcast_shapes(*(p.shape[1:] for p in parameters))
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    z = quantile(special.ndtr(t), special.ndtr(-t), *parameters)
    return _within(z, *parameters[2:])


def tabulated(rule: Rule, parameters: Parameters) -> np.ndarray:
    mode, width, heights = parameters
    shape = heights.shape[1:-1]
    t = rule.points.reshape(-1, *(1,) * len(shape)) * _signs(rule, shape)
    return tables.quantile(special.ndtr(t), mode[0], width[0], heights[0])


def _within(z: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Off the bounds, where rounding may have put a value."""
    return np.clip(z, np.nextafter(lower, np.inf), np.nextafter(upper, -np.inf))


# How values are placed, by the name of PyTensor's variable; parameters have the points' axis first.
PLACED: Mapping[str, Callable[[Rule, Parameters], np.ndarray]] = {
    "normal": normal,
    "multivariate_normal": multivariate_normal,
    "gamma": gamma,
    "invgamma": inverse_gamma,
    "exponential": exponential,
    "beta": beta,
    "dirichlet": dirichlet,
    "truncated_normal": truncated_normal,
    "truncated_weibull": truncated_weibull,
    "tabulated": tabulated,
}
NORMAL = {"normal", "multivariate_normal"}
