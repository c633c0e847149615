"""The log-density that NUTS calls: machine code gives what the graph says."""

import os
import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest

import latentfit
from latentfit.bayes import _backends, _posterior, prepare, sample
from latentfit.bayes._backends import BACKENDS, compiled
from latentfit.cli._options import BACKENDS as NAMES
from latentfit.errors import InputError

RNG = np.random.default_rng(3)
SERIES = np.cumsum(RNG.normal(size=12))


def assert_same(gradient, point, graphs, places):
    interpreted = pytensor.function([point], list(graphs), mode="FAST_COMPILE")
    for at in places:
        value, slope = interpreted(at)
        # Twice: nothing that it was given may have been overwritten.
        for _ in range(2):
            found, direction = gradient(at)
            np.testing.assert_allclose(found, value, rtol=1e-10)
            np.testing.assert_allclose(direction, slope, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("backend", [*NAMES[:2], pytest.param("c", marks=pytest.mark.slow)])
def test_data_as_arguments(backend):
    x = pt.vector("x", shape=(4,))
    density = -((pt.constant(SERIES)[:, None] - x[None, :]) ** 2).sum()
    graphs = (density, pytensor.grad(density, x))
    assert_same(compiled(x, graphs, backend)(), x, graphs, RNG.normal(size=(3, 4)))


def test_threads_of_chains_stay_known_to_python():
    """One that was forgotten after a call would come back with no local variables."""
    with pm.Model() as model:
        pm.Normal("x")
    prepared, local, strangers, calls = prepare(model), threading.local(), [], []

    def watched():
        gradient = prepared.gradient()

        def called(at):
            calls.append(at)
            if not hasattr(local, "known"):
                local.known = True
                strangers.append(threading.get_native_id())
            return gradient(at)

        return called

    sample(replace(prepared, gradient=watched), draws=50, tune=50, chains=4, seed=1)
    assert len(calls) > 400
    assert len(strangers) <= 4


TWICE = """
import sys
from pathlib import Path
import numpy as np
import pymc as pm
from latentfit.bayes import prepare

for seed in (1, 2):
    with pm.Model() as model:
        pm.Normal("x", pm.Normal("mu"), observed=np.random.default_rng(seed).normal(size=20))
    prepare(model)
    print(len(list(Path(sys.argv[1]).rglob("*.nbc"))))
"""


@pytest.mark.slow
def test_other_data_of_the_same_shape_are_not_compiled_anew(tmp_path):
    """Nor are the same in another process."""
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path}", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", TWICE, str(tmp_path)]
    kept = [
        subprocess.run(
            command, env=os.environ | flags, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert kept[0] == kept[1]
    assert kept[0][0] == kept[0][1] != "0"


def test_there_are_names_for_all_and_no_others():
    assert NAMES == BACKENDS


def test_one_that_is_not_installed_is_said_before_anything_is_built(monkeypatch):
    monkeypatch.setattr(_backends, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'latentfit\[jax\]'"):
        latentfit.load("exponential-missing").compare([1.0, 2.0, np.nan], backend="jax")


def test_one_that_there_is_not():
    with pytest.raises(InputError, match="one of numba, jax, c, not 'fortran'"):
        latentfit.load("exponential-missing").compare([1.0, 2.0, np.nan], backend="fortran")


@pytest.mark.slow
def test_what_is_overwritten_was_read_by_then(monkeypatch):
    """A Kalman filter decomposes matrices where they stand, and reads them elsewhere too."""
    kept = []

    def keeping(point, graphs, backend):
        kept.append((point, graphs))
        return compiled(point, graphs, backend)

    monkeypatch.setattr(_posterior, "compiled", keeping)
    view = latentfit.load("local-level").reference({"y": SERIES}).density.view
    prepared = prepare(view)
    ((point, graphs),) = kept
    assert_same(prepared.gradient(), point, graphs, [prepared.start(seed) for seed in range(5)])
