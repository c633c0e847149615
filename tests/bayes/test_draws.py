"""Functions at all posterior draws: as many at once as there is room for."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from loops import without_loop

from latentfit.bayes._draws import vectorised


def at_draws(graph_of, values):
    theta = pt.dscalar("theta")
    draws = xr.Dataset({"theta": ("sample", values)})
    parts = list(vectorised([graph_of(theta)], {"theta": theta})(draws))
    return np.concatenate([result for _, (result,) in parts]), [part for part, _ in parts]


def test_many_draws_of_little_go_at_once():
    values = np.linspace(0, 1, 1000)
    found, parts = at_draws(lambda theta: pt.exp(theta), values)
    np.testing.assert_allclose(found, np.exp(values))
    assert len(parts) == 1


@pytest.mark.slow
def test_memory_is_bounded_where_little_comes_of_much():
    """A sum over 100 000 nodes is one number, but not while it is being computed."""
    values, nodes = np.linspace(0, 1, 2000), np.linspace(-1, 1, 100_000)
    tracemalloc.start()
    try:
        found, parts = at_draws(lambda theta: pt.exp(theta * nodes).mean(), values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(found[1:], np.sinh(values[1:]) / values[1:], rtol=1e-4)
    assert peak < 500e6  # all of them at once: 1.6 GB
    assert parts[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(parts))
    assert parts[-1].stop == len(values)


def test_softplus_takes_no_python_for_each_entry():
    theta = pt.dscalar("theta")
    assert not without_loop(vectorised([pt.softplus(theta * np.ones(3))], {"theta": theta})._call)
