"""Adjoints of sums of exponentials, of softmax, of maxima, and of x log y with 0 log 0 = 0.

PyTensor represents each of these functions by one operation, which hides the elementary functions
that `_elementwise` could differentiate.
"""

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.tensor.math import Max, Min
from pytensor.tensor.special import LogAddExp, LogSoftmax, LogSumExp, Softmax, XLog1PY, XLogY

from latentfit.bayes.derivatives._adjoint import (
    Adjoint,
    Adjoints,
    both,
    either,
    input_adjoints,
    pull_back,
    sum_over_broadcast,
    zero_where_inactive,
)


@input_adjoints.register(LogSumExp)
def _log_sum_exp(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (x,), (log_sum,), (output,) = node.inputs, node.outputs, outputs
    assert output is not None
    # The exponential of the difference is the share of each term in the sum.
    shares = pt.exp(x - pt.expand_dims(log_sum, op.axis))
    derivative = pt.expand_dims(output.derivative, op.axis) * shares
    sums_active = None if output.active is None else pt.expand_dims(output.active, op.axis)
    active = both(sums_active, pt.neq(x, -np.inf))
    return [Adjoint(zero_where_inactive(derivative, active), active)]


@input_adjoints.register(LogAddExp)
def _log_add_exp(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (log_sum,), (output,) = node.outputs, outputs
    assert output is not None
    found = []
    for x in node.inputs:
        active = both(output.active, pt.neq(x, -np.inf))
        derivative = zero_where_inactive(output.derivative * pt.exp(x - log_sum), active)
        found.append(sum_over_broadcast(derivative, active, x, log_sum))
    return found


@input_adjoints.register(Softmax)
def _softmax(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (x,), (output,) = node.inputs, outputs
    assert output is not None
    (derivative,) = pull_back(node, [output.derivative])
    active = both(_any_along(output.active, op.axis), pt.neq(x, -np.inf))
    return [Adjoint(zero_where_inactive(derivative, active), active)]


@input_adjoints.register(LogSoftmax)
def _log_softmax(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (x,), (output,) = node.inputs, outputs
    assert output is not None
    (derivative,) = pull_back(node, [output.derivative])
    # An entry of minus infinity contributes to no sum, and only its own output depends on it.
    normalisation = both(_any_along(output.active, op.axis), pt.neq(x, -np.inf))
    active = either(output.active, normalisation)
    return [Adjoint(zero_where_inactive(derivative, active), active)]


@input_adjoints.register(Max)
@input_adjoints.register(Min)
def _extremum(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (x,), (extremum,), (output,) = node.inputs, node.outputs, outputs
    assert output is not None
    axes = tuple(range(x.type.ndim)) if op.axis is None else op.axis
    reduced_active = None if output.active is None else pt.expand_dims(output.active, axes)
    (derivative,) = pull_back(node, [output.derivative])
    return [Adjoint(derivative, both(reduced_active, pt.eq(x, pt.expand_dims(extremum, axes))))]


@input_adjoints.register(XLogY)
@input_adjoints.register(XLog1PY)
def _x_log_y(op: Any, node: Any, outputs: Adjoints) -> Adjoints:
    (x, y), (product,), (output,) = node.inputs, node.outputs, outputs
    assert output is not None
    found = []
    for variable, derivative, condition in zip(
        (x, y), pull_back(node, [output.derivative]), (None, pt.neq(x, 0)), strict=True
    ):
        active = both(output.active, condition)
        derivative = zero_where_inactive(derivative, active)
        found.append(sum_over_broadcast(derivative, active, variable, product))
    return found


def _any_along(active: Any | None, axis: Any) -> Any | None:
    return None if active is None else pt.any(active, axis=axis, keepdims=True)
