"""Gradients of graphs: equal to PyTensor's where these exist, and 0 for inactive entries."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.replace import vectorize_graph
from pytensor.tensor.special import log_softmax, softmax, xlog1py, xlogy

from latentfit.bayes.derivatives import gradient
from latentfit.declaration.compilation import compile_function

POINT = np.array([0.4, 1.3, 0.7, 2.1])
INDEX = np.array([[0, 2, 0], [3, 3, 1]])


def derivatives(graph, at, *, dtype="float64"):
    """Value, gradient and Hessian of a function of a vector, not simplified in any way."""
    x = pt.vector("x", dtype=dtype, shape=np.shape(at))
    value = graph(x)
    slope = gradient(value, x)
    hessian = pt.stack([gradient(slope[i], x) for i in range(len(at))])
    call = compile_function([x], [value, slope, hessian], rewritten=True)
    return call(np.asarray(at, dtype))


def rows(x):
    """A matrix of functions of a vector of four entries."""
    return pt.outer(x, x[:3]) + pt.arange(3.0)


OPERATIONS = {
    "indexing": lambda x: (pt.log(x)[INDEX] * x[INDEX]).sum(),
    "slices and assignment": lambda x: (pt.set_subtensor(x[1:3], x[:2] ** 2) ** 3).sum(),
    "assignment at indices": lambda x: (pt.inc_subtensor(x[[0, 0, 2]], x[1:]) ** 3).sum(),
    "joining and splitting": lambda x: sum(
        (part**3).sum() for part in pt.split(pt.concatenate([x, x**2]), [3, 5])
    ),
    "reshaping": lambda x: (rows(x).reshape((2, 6)).T[::2] ** 2).sum(axis=0).max(),
    "stacking": lambda x: pt.stack([x[0] * x[1], x[2], pt.exp(x[3])])[::2].sum() ** 2,
    "log-sum-exp": lambda x: (pt.logsumexp(rows(x), axis=0) ** 2).sum(),
    "log-sum-exp of all": lambda x: pt.logsumexp(rows(x)) ** 2,
    "log-add-exp": lambda x: (pt.logaddexp(rows(x), x[:, None], x[1]) ** 2).sum(),
    "softmax": lambda x: (softmax(rows(x), axis=1) ** 2).sum(),
    "log softmax": lambda x: (log_softmax(rows(x), axis=0) ** 2).sum(),
    "maximum and minimum": lambda x: (pt.maximum(rows(x), x[2]) * pt.minimum(x[0], rows(x))).sum(),
    "maximum along an axis": lambda x: (rows(x).max(axis=1) * rows(x).min(axis=1)).sum(),
    "clipping": lambda x: (pt.clip(rows(x), 1.0, x[3]) ** 2).sum(),
    "conditions": lambda x: pt.switch(rows(x) > 1.5, rows(x) ** 2, x[1]).sum(),
    "powers": lambda x: (rows(x) ** x[:3]).sum(),
    "x log y": lambda x: (xlogy(rows(x), x[0] * rows(x)) * xlog1py(rows(x), rows(x))).sum(),
    "linear algebra": lambda x: pt.log(pt.linalg.det(rows(x).T @ rows(x) + pt.eye(3))),
    "cumulative sums": lambda x: (pt.cumsum(rows(x), axis=0) ** 2).sum(),
    "diagonals": lambda x: (pt.diagonal(rows(x)[:3]) ** 2 * pt.diag(x)[1, 1]).sum(),
    "broadcasting": lambda x: (pt.alloc(x[1], 2, 3) * x[:3]).sum() ** 2,
    "exponentials": lambda x: (pt.expm1(x) * pt.sigmoid(x) * pt.softplus(x) * pt.exp2(x)).sum(),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATIONS)
def test_derivatives_equal_those_of_pytensor(name):
    graph = OPERATIONS[name]
    value, slope, hessian = derivatives(graph, POINT)
    x = pt.vector("x", shape=(4,))
    value_graph = graph(x)
    slope_graph = pytensor.grad(value_graph, x)
    hessian_graph = pt.stack([pytensor.grad(slope_graph[i], x) for i in range(len(POINT))])
    expected = compile_function([x], [value_graph, slope_graph, hessian_graph])(POINT)
    np.testing.assert_allclose(value, expected[0], rtol=1e-12)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(hessian, expected[2], rtol=1e-10, atol=1e-11)


# Functions of (a, b) with an entry that cannot change the value, by the function that they equal
# near the point. PyTensor's gradient or Hessian of each of them is NaN.
INACTIVE = {
    "log 0 is not selected": (
        lambda x: pt.switch(x > 0, pt.log(pt.abs(x)), x**2).sum(),
        [0.0, 2.0],
        ([0.0, 0.5], [[2.0, 0.0], [0.0, -0.25]]),
    ),
    "0 to the power 0": (
        lambda x: (x ** np.array([0, 3])).sum(),
        [0.0, 2.0],
        ([0.0, 12.0], [[0.0, 0.0], [0.0, 12.0]]),
    ),
    "0 log 0": (
        lambda x: xlogy(np.array([0.0, 3.0]), x).sum(),
        [0.0, 2.0],
        ([0.0, 1.5], [[0.0, 0.0], [0.0, -0.75]]),
    ),
    "impossible term of a sum": (
        lambda x: pt.logsumexp(pt.log(x * np.array([0.0, 3.0])) + pt.stack([x[1], 0.0])),
        [1.0, 2.0],
        ([0.0, 0.5], [[0.0, 0.0], [0.0, -0.25]]),
    ),
    "impossible term of a sum of two": (
        lambda x: pt.logaddexp(pt.log(x[0] * pt.zeros(())), 3 * pt.log(x[1])),
        [1.0, 2.0],
        ([0.0, 1.5], [[0.0, 0.0], [0.0, -0.75]]),
    ),
    "impossible category of a softmax": (
        lambda x: softmax(pt.stack([pt.log(x[0] * pt.zeros(())), x[0], 2 * x[0]]))[1] + x[1],
        [0.0, 2.0],
        ([-0.25, 1.0], [[0.0, 0.0], [0.0, 0.0]]),
    ),
    "impossible category of a log softmax": (
        lambda x: log_softmax(pt.stack([pt.log(x[0] * pt.zeros(())), x[0], 2 * x[0]]))[1] + x[1],
        [0.0, 2.0],
        ([-0.5, 1.0], [[-0.25, 0.0], [0.0, 0.0]]),
    ),
    "log 1 + 0": (
        lambda x: pt.log1p(pt.exp(pt.log(x * np.array([0.0, 1.0])))).sum(),
        [1.0, 2.0],
        ([0.0, 1 / 3], [[0.0, 0.0], [0.0, -1 / 9]]),
    ),
    "log 0 that no index selects": (
        lambda x: pt.log(x)[[1, 1]].sum() + pt.diagonal(pt.log(pt.diag(x) + 1 - pt.eye(2)))[1],
        [0.0, 2.0],
        ([0.0, 1.5], [[0.0, 0.0], [0.0, -0.75]]),
    ),
    "log 0 that is replaced": (
        lambda x: pt.set_subtensor(pt.log(x)[0], x[0]).sum(),
        [0.0, 2.0],
        ([1.0, 0.5], [[0.0, 0.0], [0.0, -0.25]]),
    ),
    "log 0 below a bound": (
        lambda x: pt.maximum(pt.log(x * np.array([0.0, 1.0])), -5.0).sum(),
        [1.0, 2.0],
        ([0.0, 0.5], [[0.0, 0.0], [0.0, -0.25]]),
    ),
    "sum over entries of which one is impossible": (
        # The derivative of the impossible entry is added to that of the others when the entries of
        # one parameter are added up, through indices, joins and reshapes.
        lambda x: pt.exp(
            pt.log((pt.stack([0.0, 1.0, 2.0])[:, None] * x)[[0, 1, 2, 0]].reshape((2, 4)))
        ).sum(),
        [1.0, 2.0],
        ([3.0, 3.0], [[0.0, 0.0], [0.0, 0.0]]),
    ),
}


@pytest.mark.parametrize("name", INACTIVE)
@pytest.mark.parametrize("dtype", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
def test_inactive_entries_have_derivative_zero(name, dtype):
    graph, at, expected = INACTIVE[name]
    value, *found = derivatives(graph, at, dtype=dtype)
    assert np.isfinite(value)
    tolerance = 10 * np.finfo(dtype).eps
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_batches_of_sums_and_indices():
    """Functions that are repeated along a new axis by `vectorize_graph`."""
    x, z = pt.vector("x", shape=(2,)), pt.lvector("z")
    rates = pt.concatenate([[0.0], x])[z]
    weights = pt.logsumexp(pt.stack([pt.log(rates), pt.log(2 * rates)]), axis=0)
    every = vectorize_graph(weights, {z: pt.as_tensor(np.array([[0, 1, 2], [2, 0, 0]]))})
    value = pt.logsumexp(every, axis=0).sum()
    slope = compile_function([x], gradient(value, x), rewritten=True)(np.array([0.5, 2.0]))
    # The sums of the columns are 3 x[1], 3 x[0], and 3 x[1].
    np.testing.assert_allclose(slope, [1 / 0.5, 2 / 2.0], rtol=1e-14)


def test_a_derivative_that_does_not_exist_stays_undefined():
    """The square of a root has derivative 1, but the chain rule yields 0 times infinity.

    No entry is inactive, so that 0 would be a wrong number.
    """
    _, slope, _ = derivatives(lambda x: pt.sqr(pt.sqrt(x)).sum(), [0.0, 2.0])
    assert np.isnan(slope[0])
    assert slope[1] == pytest.approx(1.0, rel=1e-15)


def test_gradient_of_a_graph_without_the_variable_is_zero():
    x = pt.vector("x", shape=(2,))
    other = pt.vector("other")
    slope = gradient(other.sum() + pt.floor(x).astype(int).sum(), x)
    np.testing.assert_array_equal(compile_function([x, other], slope)([1.0, 2.0], [3.0]), [0, 0])


def test_undefined_gradient_is_an_error():
    x = pt.vector("x", shape=(2,))
    with pytest.raises(pytensor.gradient.NullTypeGradError):
        gradient(pytensor.gradient.undefined_grad(x).sum(), x)
