"""Functions that PyTensor interprets: what NumPy has no loop for, or too few operands."""

import numpy as np
import pytensor
import pytensor.scalar as ps
import pytensor.tensor as pt
import pytest

from latentfit.declaration import function, interpreting, stable


def compiled(inputs, outputs, how):
    if how == "mode":
        with interpreting():
            return pytensor.function(inputs, outputs)
    return function(inputs, outputs, rewritten=how == "rewritten")


every_way = pytest.mark.parametrize("how", ["whole", "rewritten", "mode"])


@pytest.mark.slow
@every_way
@pytest.mark.parametrize("count", [30, 31, 32, 100, 1500])
def test_sums_and_products_of_many_terms(count, how):
    """PyTensor hands NumPy 32 operands at most, the result among them."""
    x = pt.dvectors(count)
    f = compiled(x, [pt.add(*x), pt.mul(*x)], how)
    values = np.random.default_rng(0).uniform(0.9, 1.1, size=(count, 3))
    total, product = f(*values)
    np.testing.assert_allclose(total, values.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(product, values.prod(axis=0), rtol=1e-12)


@every_way
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
    (graph,) = stable([pt.softplus(x).sum()])
    slope = pytensor.grad(graph, x)
    bend = pytensor.grad(slope.sum(), x)
    at = np.array([-30.0, -0.5, 0.0, 3.0])
    p = 1 / (1 + np.exp(-at))
    np.testing.assert_allclose(function([x], slope, rewritten=True)(at), p, rtol=1e-12)
    np.testing.assert_allclose(function([x], bend, rewritten=True)(at), p * (1 - p), rtol=1e-12)


@every_way
def test_softplus_takes_no_python_for_each_entry(how, monkeypatch):
    def one(self, x):
        raise AssertionError("an entry at a time")

    x = pt.dvector()
    f = compiled([x], pt.softplus(x), how)
    monkeypatch.setattr(type(ps.softplus), "impl", one)
    np.testing.assert_allclose(f(np.zeros(3)), np.log(2))
