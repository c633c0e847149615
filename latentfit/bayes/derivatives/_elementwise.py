"""Adjoints of operations that act on each entry apart."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytensor.scalar as ps
import pytensor.tensor as pt
from pytensor.scalar.math import Log1mexp, Sigmoid, Softplus
from pytensor.tensor.elemwise import Elemwise

from latentfit.bayes.derivatives._adjoint import (
    Adjoint,
    Adjoints,
    both,
    existing,
    input_adjoints,
    sum_over_broadcast,
    zero_where_inactive,
)

# From the inputs of an operation to the conditions under which each of them is active; None for
# "everywhere".
Conditions = Callable[..., Sequence[Any | None]]


def _exceeds_minus_infinity(x: Any) -> Sequence[Any | None]:
    return (pt.neq(x, -np.inf),)


# Where each input of an operation is active. Operations that are not listed depend on all of their
# inputs everywhere. Functions that are constant to all orders in the limit of minus infinity do not
# depend on their input there.
_ACTIVE: dict[type, Conditions] = {
    ps.Switch: lambda condition, yes, no: (None, pt.neq(condition, 0), pt.eq(condition, 0)),
    ps.Maximum: lambda x, y: (pt.ge(x, y), pt.lt(x, y)),
    ps.Minimum: lambda x, y: (pt.le(x, y), pt.gt(x, y)),
    ps.Clip: lambda x, low, high: (
        pt.and_(pt.ge(x, low), pt.le(x, high)),
        pt.lt(x, low),
        pt.gt(x, high),
    ),
    ps.Pow: lambda base, exponent: (pt.neq(exponent, 0), None),
    ps.Exp: _exceeds_minus_infinity,
    ps.Exp2: _exceeds_minus_infinity,
    ps.Expm1: _exceeds_minus_infinity,
    Log1mexp: _exceeds_minus_infinity,
    Softplus: _exceeds_minus_infinity,
    Sigmoid: lambda x: (pt.invert(pt.isinf(x)),),
}

# Operations whose derivatives are finite for all inputs: an output's derivative of 0 stays 0.
_FINITE_DERIVATIVES = (
    ps.Abs,
    ps.Add,
    ps.Cast,
    ps.Clip,
    ps.Identity,
    ps.Maximum,
    ps.Minimum,
    ps.Neg,
    ps.Second,
    ps.Sub,
    ps.Switch,
)


@input_adjoints.register(Elemwise)
def _elementwise(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    if len(outputs) != 1:
        # The function that is registered for all operations without a rule.
        return input_adjoints.dispatch(object)(op, node, outputs)
    (output,), kind = outputs, type(op.scalar_op)
    assert output is not None
    # PyTensor's rule before its sum over the axes along which an input is broadcast. Derivatives
    # with respect to inactive entries have to be replaced before that sum.
    derivatives = op._bgrad(node.inputs, node.outputs, [output.derivative])
    conditions_of = _ACTIVE.get(kind)
    every = conditions_of(*node.inputs) if conditions_of else [None] * len(node.inputs)
    found: list[Adjoint | None] = []
    for variable, given, condition in zip(node.inputs, derivatives, every, strict=True):
        derivative = existing(given)
        if derivative is None:
            found.append(None)
            continue
        active = both(output.active, condition)
        if kind not in _FINITE_DERIVATIVES:
            derivative = zero_where_inactive(derivative, active)
        found.append(sum_over_broadcast(derivative, active, variable, node.outputs[0]))
    return found
