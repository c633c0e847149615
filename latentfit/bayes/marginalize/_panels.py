r"""Panels on which an integrand of one variable is smooth, placed at the θ in question.

The integral over the real line of exp(L(z)) is computed by Gauss-Legendre quadrature on panels. No
derivative of L is used. For each block,

1. the largest of the local maxima of L on a wide grid are found, and the grid is refined about them
   until it is finer than the integrand;
2. a grid of points m ± s sinh(u) is laid about each maximum m, with s the distance over which the
   integrand changes there. It is dense at m and reaches into the tails of any distribution;
3. it is moved so that its intervals have equal shares of a monitor function of the integrand, its
   slope and its curvature (de Boor 1973, Lecture Notes in Mathematics 363). The sharp changes of
   slope of a steep logistic curve attract points;
4. its intervals are the panels.

The positions are constants when the integral is differentiated, because the integral does not
depend on them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from numpy.polynomial.legendre import leggauss
from pytensor.gradient import disconnected_grad

from latentfit.bayes.marginalize._integrand import BlockIntegrand
from latentfit.bayes.marginalize._quadrature_rules import PanelRule

# The search for maxima covers so many widths of the prior on either side of its centre.
_SEARCH_WIDTHS = 1e6
# Number of times that the grid about a maximum is refined, and the number of its points.
_ZOOMS, _ZOOM_POINTS = 5, 17
# Difference of L from its maximum at which the integrand counts as having changed.
_CHANGE = 0.5
# The first grid covers so many widths of the prior: enough for the tails of a Cauchy variable.
_TAIL_WIDTHS = 1e13
# Differences of L from its maximum beyond which the integrand is neglected: exp(-45) = 3e-20.
_NEGLIGIBLE_DROP = 45.0
# Finite substitute for L = -inf.
_LARGEST_DROP = 1e3
# The monitor function is exp(_DENSITY_POWER L) (|L'| + _CURVATURE_WEIGHT |L''|^(1/2) + 1). The
# error of quadrature with n nodes depends on a derivative of order 2 n, so that the share of a
# panel depends on the power 1 / (2 n + 1) of the density.
_DENSITY_POWER = 0.15
_CURVATURE_WEIGHT = 4.0
_TINY = 1e-300


@dataclass(frozen=True)
class Panels:
    """Panels of every block, in coordinates u with z = m + s sinh(u).

    Attributes
    ----------
    mode, width : TensorVariable, shape (blocks,)
        m and s.
    edges : TensorVariable, shape (panels + 1, blocks)
        In increasing order.
    """

    mode: Any
    width: Any
    edges: Any

    def z(self, u: Any) -> Any:
        """Build the values z of positions u, shape (points, blocks, 1)."""
        return (self.mode + self.width * pt.sinh(u))[:, :, None]


@dataclass(frozen=True)
class Nodes:
    """Nodes and weights of the integral of every block.

    Attributes
    ----------
    z : TensorVariable, shape (nodes, blocks, size)
    log_weights : TensorVariable, shape (nodes, blocks)
    """

    z: Any
    log_weights: Any


def panel_nodes(integrand: BlockIntegrand, rule: PanelRule) -> Nodes:
    """Place the nodes of a rule.

    Parameters
    ----------
    integrand : BlockIntegrand
        Its blocks have one entry.
    rule : PanelRule
    """
    panels = place_panels(integrand, rule)
    line, weights = leggauss(rule.nodes_per_panel)
    begin, end = panels.edges[:-1], panels.edges[1:]
    middle, half = 0.5 * (begin + end), 0.5 * (end - begin)
    shape = rule.panels * rule.nodes_per_panel, integrand.blocks.count
    u = (middle[:, None] + half[:, None] * line[:, None]).reshape(shape)
    w = (half[:, None] * weights[:, None]).reshape(shape)
    log_weights = pt.log(w) + pt.log(panels.width) + log_cosh(u)
    return Nodes(disconnected_grad(panels.z(u)), disconnected_grad(log_weights))


def place_panels(integrand: BlockIntegrand, rule: PanelRule) -> Panels:
    """Place the panels of a rule, as constants of differentiation."""
    centre = integrand.centre()
    prior_width = integrand.prior_width(centre)[:, 0]
    centre = centre[:, 0]
    modes, widths = _modes(integrand, rule, centre, prior_width)
    reach = pt.arcsinh((pt.abs(modes - centre) + _TAIL_WIDTHS * prior_width) / widths)
    grid = np.linspace(-1, 1, rule.grid + 1)[:, None, None]
    z = modes + widths * pt.sinh(reach * grid)
    points = (rule.grid + 1) * rule.modes
    mode, width = modes[0], widths[0]
    u = pt.sort(pt.arcsinh((z.reshape((points, -1)) - mode) / width), axis=0)
    for refinement in range(rule.refinements):
        last = refinement == rule.refinements - 1
        values = _evaluate(integrand, mode + width * pt.sinh(u)) + log_cosh(u)
        u = _equidistributed(u, values, rule.panels if last else rule.grid)
    return Panels(*(disconnected_grad(part) for part in (mode, width, u)))


def _modes(integrand: BlockIntegrand, rule: PanelRule, centre: Any, prior_width: Any) -> Any:
    """Find maxima, the largest one first, and widths, shape (modes, blocks) each."""
    reach = np.arcsinh(_SEARCH_WIDTHS)
    z = centre + prior_width * np.sinh(np.linspace(-reach, reach, rule.scan))[:, None]
    values = _evaluate(integrand, z)
    inner = values[1:-1]
    is_maximum = pt.and_(pt.ge(inner, values[:-2]), pt.ge(inner, values[2:]))
    found = []
    for _ in range(rule.modes):
        # Where there is no other maximum, the largest value is found again.
        candidates = pt.switch(is_maximum, inner, -np.inf)
        best = pt.argmax(candidates, axis=0)
        chosen = pt.eq(np.arange(rule.scan - 2)[:, None], best)
        found.append(tuple(_select(chosen, part) for part in (z[:-2], z[2:])))
        is_maximum = pt.and_(is_maximum, pt.invert(chosen))
    # Grids about all maxima are refined together.
    low, high = (pt.stack(ends) for ends in zip(*found, strict=True))
    width = pt.broadcast_to(prior_width, (rule.modes, integrand.blocks.count))
    share = np.linspace(0, 1, _ZOOM_POINTS)[:, None, None]
    mode = 0.5 * (low + high)
    for _ in range(_ZOOMS):
        z = low + (high - low) * share
        flat = z.reshape((_ZOOM_POINTS * rule.modes, integrand.blocks.count))
        values = _evaluate(integrand, flat).reshape(z.shape)
        largest = pt.max(values, axis=0)
        drop = largest - pt.maximum(values[0], values[-1])
        width = pt.switch(pt.gt(drop, _CHANGE), 0.5 * (high - low), width)
        best = _limited(pt.argmax(values, axis=0), 1, _ZOOM_POINTS - 2)
        index = np.arange(_ZOOM_POINTS)[:, None, None]
        low, mode, high = (_select(pt.eq(index, best + k), z) for k in (-1, 0, 1))
    return mode, width


def _equidistributed(u: Any, values: Any, count: int) -> Any:
    """Move a grid so that its intervals have equal shares of the monitor function.

    Parameters
    ----------
    u, values : TensorVariable, shape (points, blocks)
        The grid and L on it.
    count : int
        Number of intervals of the new grid.
    """
    drop = pt.maximum(values - pt.max(values, axis=0), -_LARGEST_DROP)
    # All values are -inf where the data are impossible.
    drop = pt.switch(pt.isnan(drop), 0.0, drop)
    step = u[1:] - u[:-1]
    # Points of grids about several maxima may coincide.
    positive = pt.maximum(step, 1e-12)
    slope = (drop[1:] - drop[:-1]) / positive
    inner = pt.abs(slope[1:] - slope[:-1]) / (0.5 * (positive[1:] + positive[:-1]))
    zero = pt.zeros_like(u[:1])
    curvature = pt.maximum(pt.concatenate([zero, inner]), pt.concatenate([inner, zero]))
    larger = pt.maximum(drop[1:], drop[:-1])
    size = pt.abs(slope) + _CURVATURE_WEIGHT * pt.sqrt(curvature) + 1.0
    considered = pt.ge(larger, -_NEGLIGIBLE_DROP)
    share = pt.switch(considered, pt.exp(_DENSITY_POWER * larger) * size * step, 0.0)
    # A change of slope between two points shows in the neighbouring intervals too.
    beside = pt.concatenate([share[1:], zero]) + pt.concatenate([zero, share[:-1]])
    share = pt.switch(considered, share + 0.5 * beside, 0.0)
    cumulative = pt.concatenate([zero, pt.cumsum(share, axis=0)])
    cumulative = cumulative / (cumulative[-1:] + _TINY)
    wanted = np.linspace(0, 1, count + 1)[:, None, None]
    # The inverse of a piecewise linear function, as a sum over its pieces.
    begin, length = cumulative[:-1], cumulative[1:] - cumulative[:-1]
    share_passed = _limited((wanted - begin) / pt.maximum(length, _TINY), 0.0, 1.0)
    # Intervals without a share are skipped, those before the first one with a share too.
    skipped = pt.or_(pt.eq(begin, 0.0), pt.gt(wanted, begin))
    passed = pt.switch(pt.gt(length, 0.0), share_passed, pt.switch(skipped, 1.0, 0.0))
    return u[:1] + pt.sum(passed * step, axis=1)


def _evaluate(integrand: BlockIntegrand, z: Any) -> Any:
    """Evaluate L, and -inf where it is not a number."""
    values = integrand.at_points(z[:, :, None])
    return pt.switch(pt.isnan(values), -np.inf, values)


def _select(chosen: Any, values: Any) -> Any:
    """Select one value on the first axis, by a mask that is true once."""
    return pt.sum(pt.switch(chosen, values, 0.0), axis=0)


def _limited(values: Any, low: float, high: float) -> Any:
    """Limit values to a range; PyTensor's `clip` is a loop in Python where it is interpreted."""
    return pt.minimum(pt.maximum(values, low), high)


def log_cosh(u: Any) -> Any:
    """Build log cosh(u), the logarithm of the derivative of sinh(u)."""
    size = pt.abs(u)
    return size + pt.log1p(pt.exp(-2 * size)) - np.log(2.0)
