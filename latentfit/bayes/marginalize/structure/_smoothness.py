"""Properties of a latent that are visible in its graph: its support, smoothness and kinks."""

from collections.abc import Iterable, Sequence
from typing import Any

import pymc as pm
import pytensor.scalar as ps
from pymc.distributions.custom import CustomDistRV
from pymc.distributions.transforms import _default_transform
from pymc_extras.model.marginal.distributions.core import MarginalRV
from pytensor.graph.traversal import io_toposort
from pytensor.raise_op import CheckAndRaise
from pytensor.tensor.elemwise import Elemwise

from latentfit.bayes.marginalize.structure._graphs import log_joint_graphs

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
    """Whether the dependents are functions of the latent without steps or kinks.

    So has to be the log density of a distribution of the user's own, whose graph is examined too.
    """
    if _contains(_NOT_SMOOTH, [latent], dependents):
        return False
    own = [one for one in dependents if isinstance(one.owner.op, CustomDistRV)]
    if not own:
        return True
    value, _, terms = log_joint_graphs(latent, own, of_placeholders=False)
    return not _contains(_NOT_SMOOTH, [value], terms[1:])


def has_kink(latent: Any) -> bool:
    """Whether the log density of a latent has a kink, as that of the Laplace distribution has."""
    value = latent.type()
    # Switches and comparisons are not counted: PyMC uses them where a density is zero.
    return _contains(_KINKED, [value], [pm.logp(latent, value, warn_rvs=False)])


def _computed_from(ends: Sequence[Any]) -> set[Any]:
    """Find the nodes that compute the values of variables, without conditions that are checked.

    PyMC checks that a parameter is positive, for example, which compares but returns it unchanged.
    """
    nodes: set[Any] = set()
    variables = list(ends)
    while variables:
        node = variables.pop().owner
        if node is None or node in nodes:
            continue
        nodes.add(node)
        variables += node.inputs[:1] if isinstance(node.op, CheckAndRaise) else node.inputs
    return nodes


def _scales_of_precisions(nodes: Iterable[Any]) -> set[Any]:
    """Find the signs and absolute values with which PyMC computes scales from precisions.

    PyMC writes the standard deviation of a variable with precision τ as sign(τ) |τ|^-1/2. The
    precision is positive, so that this function is smooth.
    """
    found: set[Any] = set()
    for node in nodes:
        if not _applies(node, ps.Mul):
            continue
        factors: list[Any] = [one.owner for one in node.inputs]
        signs: dict[Any, Any] = {one.inputs[0]: one for one in factors if _applies(one, ps.Sign)}
        for power in factors:
            size: Any = power.inputs[0].owner if _applies(power, ps.Pow) else None
            if _applies(size, ps.Abs) and size.inputs[0] in signs:
                found |= {size, signs[size.inputs[0]]}
    return found


def _applies(node: Any, function: type) -> bool:
    """Whether a node applies an elementwise function."""
    return (
        node is not None
        and isinstance(node.op, Elemwise)
        and isinstance(node.op.scalar_op, function)
    )


def _contains(functions: tuple[type, ...], sources: Sequence[Any], ends: Sequence[Any]) -> bool:
    """Whether the graph from variables to others applies one of these elementwise functions."""
    after, computed = set(sources), _computed_from(ends)
    computed -= _scales_of_precisions(computed)
    for node in io_toposort(list(sources), list(ends)):
        if after.isdisjoint(node.inputs):
            continue
        after.update(node.outputs)
        if isinstance(node.op, MarginalRV):
            # Another latent was marginalised, between this one and the variables.
            pairs = zip(node.inputs, node.op.inner_inputs, strict=True)
            inner = [own for given, own in pairs if given in after]
            ends = node.op.inner_outputs[: 1 + node.op.n_dependent_rvs]
            # The log densities of distributions of the user's own are not examined there.
            own = any(isinstance(one.owner.op, CustomDistRV) for one in ends)
            if own or _contains(functions, inner, ends):
                return True
        if (
            node in computed
            and isinstance(node.op, Elemwise)
            and isinstance(node.op.scalar_op, functions)
        ):
            return True
    return False
