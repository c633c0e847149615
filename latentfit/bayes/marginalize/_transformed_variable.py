"""A random variable that is a transform of another one, with a log density."""

from typing import Any

import pytensor.tensor as pt
from pymc.distributions.distribution import SymbolicRandomVariable, _support_point, support_point
from pymc.logprob.abstract import _logprob
from pymc.logprob.basic import logp
from pytensor.graph.basic import Constant
from pytensor.graph.replace import graph_replace
from pytensor.tensor.random.type import RandomType


class TransformedVariable(SymbolicRandomVariable):
    """The transform of a random variable. Inner graph: [transform of z, update of the generator].

    Attributes
    ----------
    transform : Transform
        As PyMC defines transforms: ``forward``, ``backward`` and ``log_jac_det``. If it has
        ``log_density`` and ``centre``, functions of the inputs of the random variable, they are
        used instead of those of PyMC.
    """

    _print_name = ("Transformed", "\\operatorname{Transformed}")

    def __init__(self, *args: Any, transform: Any, latent_index: int, **kwargs: Any) -> None:
        self.transform = transform
        self.latent_index = latent_index
        super().__init__(*args, **kwargs)

    def variable(self, inputs: Any) -> Any:
        """Rebuild the random variable that is transformed, from the inputs of the operation."""
        inner = self.fgraph.unfreeze()
        latent = inner.outputs[self.latent_index]
        (rebuilt,) = graph_replace(
            [latent], dict(zip(inner.inputs, inputs, strict=True)), strict=False
        )
        return rebuilt


def transformed_variable(latent: Any, transform: Any) -> Any:
    """Make the random variable ``transform.forward(latent)``.

    Parameters
    ----------
    latent : TensorVariable
        A random variable.
    transform : Transform
    """
    node = latent.owner
    inputs = [one for one in dict.fromkeys(node.inputs) if not isinstance(one, Constant)]
    updates = [one for one in node.outputs if isinstance(one.type, RandomType)]
    forward = pt.specify_shape(
        transform.forward(latent, *node.inputs), _transformed_shape(latent.type.shape, transform)
    )
    op = TransformedVariable(
        inputs,
        [forward, *updates, latent],
        transform=transform,
        latent_index=1 + len(updates),
        ndim_supp=node.op.ndim_supp,
        inline_logprob=False,
    )
    variable: Any = op(*inputs)[0]
    return variable


def _transformed_shape(shape: tuple[int | None, ...], transform: Any) -> tuple[int | None, ...]:
    """Compute the static shape of a transformed variable, which PyTensor does not infer."""
    axes = {"simplex": (-1,), "zerosum": getattr(transform, "zerosum_axes", ())}
    shortened = {axis % len(shape) for axis in axes.get(transform.name, ())}
    return tuple(
        n - 1 if n is not None and axis in shortened else n for axis, n in enumerate(shape)
    )


def backward(transform: Any, value: Any, latent: Any) -> Any:
    """Transform a value back to the scale of a latent, with the latent's type."""
    z = transform.backward(value, *latent.owner.inputs).astype(latent.type.dtype)
    return pt.specify_shape(z, latent.type.shape)


@_logprob.register(TransformedVariable)
def _transformed_logp(op: TransformedVariable, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    value, latent = values[0], op.variable(inputs)
    parameters = latent.owner.inputs
    if hasattr(op.transform, "log_density"):
        return op.transform.log_density(value, *parameters)
    density = logp(latent, backward(op.transform, value, latent))
    jacobian = op.transform.log_jac_det(value, *parameters)
    extra = jacobian.type.ndim - density.type.ndim
    if extra > 0:
        jacobian = jacobian.sum(axis=tuple(range(-extra, 0)))
    return density + jacobian


@_support_point.register(TransformedVariable)
def _transformed_support_point(op: TransformedVariable, variable: Any, *inputs: Any) -> Any:
    latent = op.variable(inputs)
    shape = latent.type.shape
    if hasattr(op.transform, "centre"):
        return pt.broadcast_to(op.transform.centre(*latent.owner.inputs), shape)
    # Some support points have the shape of the variable by being functions of it.
    (centre,) = graph_replace([support_point(latent)], {latent: pt.zeros(shape)}, strict=False)
    centre = pt.broadcast_to(centre, shape)
    return op.transform.forward(centre, *latent.owner.inputs)
