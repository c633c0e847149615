"""Functions evaluated at many draws: as many at once as memory allows."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytensor.tensor as pt
import pytest
import xarray as xr
from loops import without_loop

from latentfit.bayes.views import vectorise


def at_draws(graph_of, values):
    theta = pt.dscalar("theta")
    draws = xr.Dataset({"theta": ("sample", values)})
    batches = list(vectorise([graph_of(theta)], {"theta": theta})(draws))
    return np.concatenate([result for _, (result,) in batches]), [part for part, _ in batches]


def test_small_arrays_are_evaluated_in_one_batch():
    values = np.linspace(0, 1, 1000)
    found, parts = at_draws(lambda theta: pt.exp(theta), values)
    np.testing.assert_allclose(found, np.exp(values))
    assert len(parts) == 1


@pytest.mark.slow
def test_memory_is_bounded_where_intermediate_arrays_are_large():
    """A sum over 100 000 nodes is one number, but its terms are a large array."""
    values, nodes = np.linspace(0, 1, 2000), np.linspace(-1, 1, 100_000)
    tracemalloc.start()
    try:
        found, parts = at_draws(lambda theta: pt.exp(theta * nodes).mean(), values)
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    np.testing.assert_allclose(found[1:], np.sinh(values[1:]) / values[1:], rtol=1e-4)
    assert most_bytes < 500e6  # all draws at once would need 1.6 GB
    assert parts[0].start == 0
    assert all(a.stop == b.start for a, b in pairwise(parts))
    assert parts[-1].stop == len(values)


def test_softplus_is_not_evaluated_entry_by_entry():
    theta = pt.dscalar("theta")
    assert not without_loop(vectorise([pt.softplus(theta * np.ones(3))], {"theta": theta})._call)
