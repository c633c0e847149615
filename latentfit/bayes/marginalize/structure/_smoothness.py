"""Properties of a latent that are visible in its graph: its support, smoothness and kinks."""

from collections.abc import Sequence
from typing import Any

import pymc as pm
import pytensor.scalar as ps
from pymc.distributions.transforms import _default_transform
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.elemwise import Elemwise

# Functions with kinks. Few random points may all lie on one side of a kink or step, so that such
# functions are recognised in the graph and not by evaluating it.
_KINKED = (ps.Abs, ps.Maximum, ps.Minimum, ps.Clip)
_NOT_SMOOTH = (
    *_KINKED,
    ps.GT,
    ps.GE,
    ps.LT,
    ps.LE,
    ps.EQ,
    ps.NEQ,
    ps.Sign,
    ps.Floor,
    ps.Ceil,
    ps.Trunc,
    ps.RoundHalfToEven,
    ps.RoundHalfAwayFromZero,
    ps.IntDiv,
    ps.Mod,
)


def support_transform(latent: Any) -> str | None:
    """Name of PyMC's transform for a latent's support; None if it is the whole real line."""
    transform = _default_transform(latent.owner.op, latent)
    return None if transform is None else transform.name


def is_smooth(latent: Any, dependents: Sequence[Any]) -> bool:
    """Whether the dependents are functions of the latent without steps or kinks."""
    return not _contains(_NOT_SMOOTH, latent, dependents)


def has_kink(latent: Any) -> bool:
    """Whether the log density of a latent has a kink, as that of the Laplace distribution has."""
    value = latent.type()
    # Switches and comparisons are not counted: PyMC uses them where a density is zero.
    return _contains(_KINKED, value, [pm.logp(latent, value)])


def _contains(functions: tuple[type, ...], source: Any, ends: Sequence[Any]) -> bool:
    """Whether the graph from a variable to others applies one of these elementwise functions."""
    after = {source}
    for node in io_toposort([source], list(ends)):
        if after.isdisjoint(node.inputs):
            continue
        after.update(node.outputs)
        if isinstance(node.op, Elemwise) and isinstance(node.op.scalar_op, functions):
            return True
    return False
