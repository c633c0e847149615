"""Exact second derivatives, for several directions in one call of a compiled graph."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.basic import infer_static_shape
from pytensor.tensor.shape import Shape

from latentfit.bayes.derivatives import gradient
from latentfit.declaration.compilation import compile_function

# Columns of the Hessian that are evaluated in one call. Each column needs intermediate arrays of
# the size of the data, so that more columns would need more memory; fewer would spend the time on
# the overhead of calls.
_COLUMNS_PER_CALL = 8


def hessian_function(
    gradients: Sequence[Any], point: Any, inputs: Sequence[Any] = ()
) -> Callable[..., list[np.ndarray]]:
    """Compile a function that evaluates Hessians.

    Each column is the derivative of the gradient along one coordinate, which reverse-mode
    differentiation gives exactly (Pearlmutter 1994, Neural Computation 6(1), section 2).

    Parameters
    ----------
    gradients : sequence of graph, shape (size,)
        Gradients of scalars with respect to `point`.
    point : symbolic vector, shape (size,)
    inputs : sequence of symbolic variables
        Further inputs of the gradients.

    Returns
    -------
    callable
        ``f(point, *inputs)``: one symmetric matrix, shape (size, size), for each gradient.
    """
    direction = point.type("direction")
    products: list[Any] = [gradient(pt.sum(one * direction), point) for one in gradients]
    products = with_static_shapes(products)
    directions = pt.matrix("directions", shape=(None, point.type.shape[0]))
    columns = vectorize_graph(products, {direction: directions})
    evaluate = compile_function([point, directions, *inputs], columns, rewritten=True)

    def hessians(at: np.ndarray, *values: Any) -> list[np.ndarray]:
        axes = np.eye(len(at))
        matrices = [np.empty_like(axes) for _ in columns]
        for first in range(0, len(axes), _COLUMNS_PER_CALL):
            some = slice(first, first + _COLUMNS_PER_CALL)
            for matrix, rows in zip(matrices, evaluate(at, axes[some], *values), strict=True):
                matrix[some] = rows
        return [(matrix + matrix.T) / 2 for matrix in matrices]

    return hessians


def with_static_shapes(graphs: list[Any]) -> list[Any]:
    """Replace the shapes in graphs that are known before evaluation by constants.

    A shape that is computed from values would be computed again for every direction, and its
    whole graph would be rewritten each time.
    """
    nodes = io_toposort([], graphs)
    shapes: list[Any] = [node.outputs[0] for node in nodes if isinstance(node.op, Shape)]
    _, lengths = infer_static_shape([s[axis] for s in shapes for axis in range(s.type.shape[0])])
    remaining, constants = iter(lengths), dict[Any, Any]()
    for shape in shapes:
        static = list(islice(remaining, shape.type.shape[0]))
        if None not in static:
            constants[shape] = pt.constant(np.array(static, dtype="int64"))
    return list(graph_replace(graphs, constants, strict=False))
