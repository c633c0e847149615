"""Exact second derivatives, many directions in one call of a compiled graph."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pytensor.graph.replace import graph_replace, vectorize_graph
from pytensor.graph.traversal import io_toposort
from pytensor.tensor.basic import infer_static_shape
from pytensor.tensor.shape import Shape

from latentfit.declaration import function

# Directions that are followed at once: enough to hide what a call costs, few enough that what is
# computed on the way, one array of the size of the data each, fits into memory.
_AT_ONCE = 8


def curvature(
    gradients: Sequence[Any], point: Any, inputs: Sequence[Any] = ()
) -> Callable[..., list[np.ndarray]]:
    """A function that evaluates Hessians.

    Each column is the derivative of the gradient along one coordinate, which reverse-mode
    differentiation gives exactly (Pearlmutter 1994, Neural Computation 6(1), section 2).

    Parameters
    ----------
    gradients : sequence of graph, shape (size,)
        Of `point`.
    point : symbolic vector, shape (size,)
    inputs : sequence of symbolic variables
        Further inputs of the gradients.

    Returns
    -------
    callable
        ``f(point, *inputs)``: one symmetric matrix, shape (size, size), for each gradient.
    """
    direction = point.type("direction")
    alongs: list[Any] = [
        pytensor.grad(pt.sum(slope * direction), point, disconnected_inputs="ignore")
        for slope in gradients
    ]
    alongs = with_known_shapes(alongs)
    directions = pt.matrix("directions", shape=(None, point.type.shape[0]))
    columns = vectorize_graph(alongs, {direction: directions})
    evaluate = function([point, directions, *inputs], columns, rewritten=True)

    def hessians(where: np.ndarray, *values: Any) -> list[np.ndarray]:
        axes = np.eye(len(where))
        matrices = [np.empty_like(axes) for _ in columns]
        for first in range(0, len(axes), _AT_ONCE):
            some = slice(first, first + _AT_ONCE)
            for matrix, found in zip(matrices, evaluate(where, axes[some], *values), strict=True):
                matrix[some] = found
        return [(matrix + matrix.T) / 2 for matrix in matrices]

    return hessians


def with_known_shapes(graphs: list[Any]) -> list[Any]:
    """The same graphs, with numbers for those shapes that can be told beforehand.

    A shape that is computed from values has to be made again for all directions, and every time
    its whole graph is rewritten for that.
    """
    nodes = io_toposort([], graphs)
    shapes: list[Any] = [node.outputs[0] for node in nodes if isinstance(node.op, Shape)]
    _, lengths = infer_static_shape([s[axis] for s in shapes for axis in range(s.type.shape[0])])
    rest, known = iter(lengths), dict[Any, Any]()
    for shape in shapes:
        found = list(islice(rest, shape.type.shape[0]))
        if None not in found:
            known[shape] = pt.constant(np.array(found, dtype="int64"))
    return list(graph_replace(graphs, known, strict=False))
