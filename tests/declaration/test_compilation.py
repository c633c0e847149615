"""Functions that PyTensor interprets, with operations for which NumPy has no loop."""

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from loops import without_loop
from pytensor.gradient import disconnected_grad

import latentfit
from latentfit.declaration.compilation import (
    compile_function,
    interpreted_compilation,
    stabilise,
)


def compiled(inputs, outputs, how):
    if how == "mode":
        with interpreted_compilation():
            return pytensor.function(inputs, outputs)
    return compile_function(inputs, outputs, rewritten=how == "rewritten")


every_compilation = pytest.mark.parametrize("how", ["whole", "rewritten", "mode"])


@pytest.mark.slow
@every_compilation
@pytest.mark.parametrize("count", [30, 31, 32, 100, 1500])
def test_sums_and_products_of_many_terms(count, how):
    """PyTensor passes at most 32 operands to NumPy, with the result among them."""
    x = pt.dvectors(count)
    f = compiled(x, [pt.add(*x), pt.mul(*x)], how)
    values = np.random.default_rng(0).uniform(0.9, 1.1, size=(count, 3))
    total, product = f(*values)
    np.testing.assert_allclose(total, values.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(product, values.prod(axis=0), rtol=1e-12)


@every_compilation
def test_softplus_is_right_everywhere(how):
    x = pt.dvector()
    f = compiled([x], pt.softplus(x), how)
    far = np.array([-np.inf, -800.0, -40.0, -1.0, 0.0, 1e-9, 2.0, 35.0, 800.0, np.inf])
    np.testing.assert_allclose(f(far), np.logaddexp(0, far), rtol=1e-15)
    assert np.isnan(f(np.array([np.nan]))).all()


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_softplus_keeps_its_type(dtype):
    x = pt.vector(dtype=dtype)
    expected = pt.softplus(x)
    found = compiled([x], expected, "whole")(np.array([-3, 0, 3], dtype=dtype))
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, np.logaddexp(0, [-3, 0, 3]), rtol=1e-6)


def test_softplus_has_its_derivatives():
    x = pt.dvector()
    (graph,) = stabilise([pt.softplus(x).sum()])
    slope = pytensor.grad(graph, x)
    curvature = pytensor.grad(slope.sum(), x)
    at = np.array([-30.0, -0.5, 0.0, 3.0])
    p = 1 / (1 + np.exp(-at))
    np.testing.assert_allclose(compile_function([x], slope, rewritten=True)(at), p, rtol=1e-12)
    np.testing.assert_allclose(
        compile_function([x], curvature, rewritten=True)(at), p * (1 - p), rtol=1e-12
    )


@every_compilation
def test_softplus_does_not_call_python_for_each_entry(how):
    x = pt.dvector()
    f = compiled([x], pt.softplus(x), how)
    assert not without_loop(f)
    np.testing.assert_allclose(f(np.zeros(3)), np.log(2))


@every_compilation
@pytest.mark.parametrize("shape", [(3, 4), (3, None), (None, None), (1, None), (None, 1)])
def test_derivatives_of_sums_are_repeated(how, shape):
    x, w = pt.tensor("x", shape=shape), pt.dscalar("w")
    slope = pytensor.grad(w * pt.sum(pt.sum(x, axis=0) ** 2), x)
    at = np.random.default_rng(0).normal(size=[size or 5 for size in shape])
    expected = np.broadcast_to(2 * 3.0 * at.sum(axis=0), at.shape)
    np.testing.assert_allclose(compiled([x, w], slope, how)(at, 3.0), expected, rtol=1e-14)


@every_compilation
def test_repeating_does_not_call_python_for_each_entry(how):
    x, y = pt.dmatrix(), pt.drow()
    f = compiled([x, y], [pt.second(x, y), pt.second(y, x), pt.second(x, x + 1)], how)
    assert not without_loop(f)
    many, few = np.zeros((3, 4)), np.arange(4.0)[None]
    for found, expected in zip(f(many, few), (np.tile(few, (3, 1)), many, many + 1), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_what_has_no_loop_is_found():
    x = pt.dvector()
    f = pytensor.function([x], pt.softplus(x), mode="FAST_COMPILE")
    assert [node.op for node in without_loop(f)] == [pt.softplus]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hidden-markov", "item-response", "linear-gaussian-state-space"])
def test_no_derivative_of_these_is_interpreted_an_entry_at_a_time(name):
    density = latentfit.load(name).reference().density
    assert not without_loop(density._likelihood)


def test_a_disconnected_factor_is_constant_in_derivatives():
    """Also in a simplified graph, so that no derivative passes through a search for a mode."""
    x = pt.scalar("x")
    (simple,) = stabilise([disconnected_grad(x) * x])
    assert compile_function([x], pytensor.grad(simple, x), rewritten=True)(3.0) == 3.0
