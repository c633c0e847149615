"""Shapes that are known before evaluation are constants in graphs of second derivatives."""

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.shape import Shape

from latentfit.bayes.views._hessian import with_static_shapes


def test_shapes_of_typed_variables_are_constants():
    x = pt.vector("x", shape=(3,))
    graph = pt.sum(x) * pt.shape(x)[0] + pt.shape(pt.exp(x))[0]
    (rewritten,) = with_static_shapes([graph])
    assert not any(isinstance(node.op, Shape) for node in io_toposort([], [rewritten]))
    assert rewritten.eval({x: [1.0, 2.0, 3.0]}) == 21


def test_shapes_that_can_be_inferred_are_constants():
    x = pt.matrix("x", shape=(3, 3))
    diagonal = x[pt.arange(x.shape[0]), pt.arange(x.shape[1])]
    assert diagonal.type.shape == (None,)
    (rewritten,) = with_static_shapes([pt.shape(pt.diag(diagonal))[1] * pt.sum(x)])
    assert not any(isinstance(node.op, Shape) for node in io_toposort([], [rewritten]))
    assert rewritten.eval({x: np.eye(3)}) == 9
