"""Entries of a latent that are identically distributed, and share one table."""

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
import xarray as xr
from pytensor.raise_op import Assert

import latentfit
from latentfit.bayes.sampling import prepare_recovery
from latentfit.bayes.sampling.recover import _tabulated
from latentfit.bayes.sampling.recover._identical_entries import (
    identically_distributed,
    take_entries,
)
from latentfit.bayes.views import observed_view
from latentfit.declaration import declare

ENTRIES = np.array([3, 0, 4])


def test_entries_of_a_group_have_all_properties_in_common():
    first = np.array([[1.0, 1.0, 2.0, 1.0], [5.0, 5.0, 5.0, 5.0]])
    second = np.array([[[0, 1], [0, 1], [0, 1], [0, 2]], [[0, 0], [0, 0], [0, 0], [0, 0]]])
    representatives, group_of = identically_distributed([[first], [second]])
    assert len(representatives) == 3
    assert len(identically_distributed([[first]])[0]) == 2
    assert group_of[0] == group_of[1]
    for part in (first, second):
        np.testing.assert_array_equal(part[:, representatives[group_of]], part)


def graphs():
    rng = np.random.default_rng(1)
    a, row, column = pt.scalar("a"), pt.constant(rng.normal(size=5)), pt.vector("column")
    table = pt.constant(rng.normal(size=(5, 3)))
    every = pt.exp(a * table + column) - row[:, None]
    return {
        "elementwise": (every, 0),
        "sum": (every.sum(axis=1), 0),
        "mean of the transposed": (every.T.mean(axis=0), 0),
        "second axis": (every.T * a, 1),
        "broadcast": (pt.constant(np.ones((1, 3))) * table, 0),
        "checked": (Assert("above")(every, pt.all(every > -9)), 0),
        "cumulative sum": (pt.cumsum(row) * a, 0),
        "sum over all entries": (row * every.sum(), 0),
        "reshaped": (every.reshape((15,)).reshape((5, 3)).prod(axis=1), 0),
        "sorted": (pt.sort(row)[:, None] + table, 0),
    }


@pytest.mark.parametrize("name", graphs())
def test_taken_entries_equal_those_of_the_whole_graph(name):
    graph, axis = graphs()[name]
    inputs = {"a": 0.3, "column": [1.0, 2.0, 3.0]}
    expected = pt.take(graph, ENTRIES, axis=axis).eval(inputs, on_unused_input="ignore")
    found = take_entries(graph, ENTRIES, axis).eval(inputs, on_unused_input="ignore")
    np.testing.assert_array_equal(found, expected)


def test_entries_that_are_not_taken_are_not_computed():
    """No computed array has 1000 entries; only the inputs have."""
    x, table = pt.vector("x", shape=(1000,)), pt.constant(np.ones((1000, 4)))
    graph = pt.exp(x[:, None] * table).sum(axis=1)
    call = pytensor.function([x], take_entries(graph, ENTRIES), mode="FAST_COMPILE")
    computed = [out for node in call.maker.fgraph.toposort() for out in node.outputs]
    assert computed
    assert all(1000 not in out.type.shape for out in computed)


@pytest.fixture(scope="module")
def persons():
    """Two hundred persons, each with one of eight patterns of answers."""
    y = np.random.default_rng(1).integers(0, 2, size=(200, 3))
    y[:4] = [[0, 0, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]]
    declaration = latentfit.load("item-response").declare(y)
    rng = np.random.default_rng(2)
    draws = xr.Dataset(
        {
            "a": ("sample", rng.lognormal(0, 0.1, size=600)),
            "c": (("sample", "item"), rng.normal(size=(600, 3))),
        }
    )
    return y, declaration, observed_view(declaration), draws


@pytest.mark.slow
@pytest.mark.parametrize("each", [1, 3])
def test_shared_tables_give_the_same_draws_as_one_table_per_entry(persons, monkeypatch, each):
    y, declaration, view, draws = persons
    tables = []
    take = _tabulated.take_entries

    def counted(graph, entries, axis=0):
        tables.append(len(entries))
        return take(graph, entries, axis)

    monkeypatch.setattr(_tabulated, "take_entries", counted)
    shared = prepare_recovery(declaration, view)(draws, 1, each)["z"]
    assert set(tables) == {len(np.unique(y, axis=0))}
    monkeypatch.setattr(_tabulated, "_MIN_ENTRIES_TIMES_DRAWS", np.inf)
    separate = prepare_recovery(declaration, view)(draws, 1, each)["z"]
    assert shared.draws.shape == (600 * each, 200)
    np.testing.assert_allclose(shared.draws, separate.draws, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_identically_distributed_entries_have_different_draws(persons):
    y, declaration, view, draws = persons
    found = prepare_recovery(declaration, view)(draws, 1, 1)["z"].draws
    _, which = np.unique(y, axis=0, return_inverse=True)
    some = np.flatnonzero(which == which[0])[:2]
    assert (found[:, some[0]] != found[:, some[1]]).all()


@pytest.mark.slow
def test_entries_that_differ_at_few_draws_have_separate_tables(monkeypatch):
    """A threshold among the parameters, beyond which entries are distributed differently."""
    x = np.repeat(np.arange(10.0), 6)
    with pm.Model() as model:
        tau, b = pm.Uniform("tau", 0, 9), pm.Normal("b", 0, 1)
        z = pm.Normal("z", 0, 1, shape=60)
        pm.Poisson("y", pm.math.exp(z + b * pm.math.maximum(x - tau, 0)), observed=np.full(60, 2))
    declaration = declare(model, ("z",), {}, {})
    view = observed_view(declaration)
    rng = np.random.default_rng(1)
    tau = rng.uniform(3, 8, size=1000)
    tau[[0, 500]] = 6.2, 7.1
    draws = xr.Dataset({"tau": ("sample", tau), "b": ("sample", rng.normal(1, 0.2, size=1000))})
    shared = prepare_recovery(declaration, view)(draws, 1, 1)["z"].draws
    monkeypatch.setattr(_tabulated, "_MIN_ENTRIES_TIMES_DRAWS", np.inf)
    separate = prepare_recovery(declaration, view)(draws, 1, 1)["z"].draws
    np.testing.assert_allclose(shared, separate, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_draws_do_not_depend_on_the_memory_of_a_batch(persons, monkeypatch):
    _, declaration, view, draws = persons
    some = draws.isel(sample=slice(7))
    found = []
    for batch in (10**9, 64 * 200 * 3):
        monkeypatch.setattr(_tabulated, "BATCH_BYTES", batch)
        found.append(prepare_recovery(declaration, view)(some, 1, 5)["z"].draws)
    # Tables are made by matrix products, which round differently for batches of other sizes.
    np.testing.assert_allclose(*found, rtol=1e-11, atol=1e-13)
