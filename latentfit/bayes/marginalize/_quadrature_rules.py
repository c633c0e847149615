"""Rules of quadrature: which kind of rule, and how many points it uses where."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

# Share of the Gauss-Hermite nodes along each axis, by the number of entries of a block: the number
# of products of nodes grows with the power of the number of axes.
_SHARE_PER_AXIS = {1: 1.0, 2: 0.5, 3: 0.25}
_MIN_NODES_PER_AXIS = 3


@dataclass(frozen=True)
class PanelRule:
    """Gauss-Legendre quadrature on panels, for blocks of one entry (`_panels`).

    Attributes
    ----------
    panels, nodes_per_panel : int
    scan : int
        Number of points at which maxima of the integrand are looked for at first.
    modes : int
        Number of maxima about which points are placed.
    grid : int
        Number of intervals of the grid that is refined.
    refinements : int
        How often it is refined.
    """

    panels: int = 40
    nodes_per_panel: int = 7
    scan: int = 65
    modes: int = 2
    grid: int = 48
    refinements: int = 3


@dataclass(frozen=True)
class HermiteRule:
    """Adaptive Gauss-Hermite quadrature, for blocks of one to three entries.

    Attributes
    ----------
    nodes : int
        Number of nodes in one dimension. In several dimensions a share of it is used on each axis.
    newton_steps : int
        Number of steps of Newton's method to the mode.
    line_search : bool
        Whether the steps are shortened or prolonged until the density increases.
    rotated : bool
        Whether the axes of a block of several entries are rotated.
    """

    nodes: int = 61
    newton_steps: int = 8
    line_search: bool = True
    rotated: bool = False

    def nodes_per_axis(self, size: int) -> int:
        """Compute the number of nodes along each axis of a block."""
        return max(_MIN_NODES_PER_AXIS, round(_SHARE_PER_AXIS[size] * self.nodes))


@dataclass(frozen=True)
class QuadratureRule:
    """The rule for blocks of one entry and the rule for larger blocks."""

    single: PanelRule | HermiteRule
    several: HermiteRule

    def of(self, size: int) -> PanelRule | HermiteRule:
        """Return the rule for blocks with this number of entries."""
        return self.single if size == 1 else self.several

    def count(self, size: int) -> int:
        """Compute the number of nodes for a block."""
        rule = self.of(size)
        if isinstance(rule, PanelRule):
            return rule.panels * rule.nodes_per_panel
        return int(rule.nodes_per_axis(size) ** size)


MAX_BLOCK_SIZE = max(_SHARE_PER_AXIS)

USUAL_RULE = QuadratureRule(PanelRule(), HermiteRule())
# The error of the usual rule is estimated by its difference from this one. It shares none of the
# nodes, looks for more maxima on a finer grid, and in several dimensions uses other directions.
INDEPENDENT_RULE = QuadratureRule(
    PanelRule(panels=97, nodes_per_panel=10, scan=1025, modes=4, grid=128, refinements=5),
    HermiteRule(nodes=122, newton_steps=12, rotated=True),
)

_RULE = ContextVar("quadrature_rule", default=USUAL_RULE)


def coarse_rule(nodes: int) -> QuadratureRule:
    """Make a rule with few nodes, which is precise where the integrand is nearly normal.

    Parameters
    ----------
    nodes : int
        Number of Gauss-Hermite nodes in one dimension.
    """
    rule = HermiteRule(nodes, newton_steps=6, line_search=False)
    return QuadratureRule(rule, rule)


def current_rule() -> QuadratureRule:
    """Return the rule with which latents are integrated at present."""
    return _RULE.get()


@contextmanager
def quadrature_rule(rule: QuadratureRule) -> Iterator[None]:
    """Build observed views with this rule within the ``with`` block."""
    token = _RULE.set(rule)
    try:
        yield
    finally:
        _RULE.reset(token)
