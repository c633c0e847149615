"""The compiled log density of NUTS equals the interpreted one, and its machine code is kept."""

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
from latentfit.bayes.sampling import (
    BACKENDS,
    _backends,
    _nuts,
    prepare_nuts,
    sample_posterior,
)
from latentfit.bayes.sampling._backends import compile_gradient
from latentfit.cli._options import BACKENDS as NAMES
from latentfit.errors import InputError

RNG = np.random.default_rng(3)
SERIES = np.cumsum(RNG.normal(size=12))


def assert_equals_interpreted(gradient_function, point, graphs, places):
    interpreted = pytensor.function([point], list(graphs), mode="FAST_COMPILE")
    for at in places:
        expected_value, expected_gradient = interpreted(at)
        # The second call fails if the first one has overwritten its data.
        for _ in range(2):
            value, gradient = gradient_function(at)
            np.testing.assert_allclose(value, expected_value, rtol=1e-10)
            np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("backend", [*NAMES[:2], pytest.param("c", marks=pytest.mark.slow)])
def test_compiled_density_with_data_as_arguments(backend):
    x = pt.vector("x", shape=(4,))
    density = -((pt.constant(SERIES)[:, None] - x[None, :]) ** 2).sum()
    graphs = (density, pytensor.grad(density, x))
    gradient_function = compile_gradient(x, graphs, backend)()
    assert_equals_interpreted(gradient_function, x, graphs, RNG.normal(size=(3, 4)))


def test_python_keeps_the_thread_states_of_chains():
    """A thread whose state was destroyed after a call has no local variables at the next call."""
    with pm.Model() as model:
        pm.Normal("x")
    prepared, local, new_threads, calls = prepare_nuts(model), threading.local(), [], []

    def recording_gradient():
        gradient = prepared.gradient()

        def called(at):
            calls.append(at)
            if not hasattr(local, "known"):
                local.known = True
                new_threads.append(threading.get_native_id())
            return gradient(at)

        return called

    recording_model = replace(prepared, gradient=recording_gradient)
    sample_posterior(recording_model, draws=50, tune=50, chains=4, seed=1)
    assert len(calls) > 400
    assert len(new_threads) <= 4


COMPILE_TWICE = """
import sys
from pathlib import Path
import numpy as np
import pymc as pm
from latentfit.bayes.sampling import prepare_nuts

for seed in (1, 2):
    with pm.Model() as model:
        pm.Normal("x", pm.Normal("mu"), observed=np.random.default_rng(seed).normal(size=20))
    prepare_nuts(model)
    print(len(list(Path(sys.argv[1]).rglob("*.nbc"))))
"""


COMPILE = """
import os
import sys
import numpy as np
import pytensor.tensor as pt
from latentfit.bayes.sampling._backends import compile_gradient

x = pt.vector("x")
value = (x**2).sum()
print(compile_gradient(x, [value, pt.grad(value, x)], "jax")()(np.ones(3))[0])
"""


@pytest.mark.slow
def test_no_temporary_file_is_left(tmp_path):
    settings = {"TMPDIR": str(tmp_path), "PYTENSOR_FLAGS": "cxx="}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE], env=os.environ | settings, capture_output=True, text=True
    )
    assert done.stdout == "3.0\n", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_machine_code_serves_for_other_data_and_in_another_process(tmp_path):
    flags = {"PYTENSOR_FLAGS": f"base_compiledir={tmp_path}", "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", COMPILE_TWICE, str(tmp_path)]
    files = [
        subprocess.run(
            command, env=os.environ | flags, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert files[0] == files[1]
    assert files[0][0] == files[0][1] != "0"


def test_command_line_offers_all_backends():
    assert NAMES == BACKENDS


def test_backend_that_is_not_installed_is_an_input_error(monkeypatch):
    monkeypatch.setattr(_backends, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'latentfit\[jax\]'"):
        latentfit.load("exponential-missing").compare([1.0, 2.0, np.nan], backend="jax")


def test_unknown_backend_is_an_input_error():
    with pytest.raises(InputError, match="one of numba, jax, c, not 'fortran'"):
        latentfit.load("exponential-missing").compare([1.0, 2.0, np.nan], backend="fortran")


@pytest.mark.slow
def test_inputs_are_read_before_they_are_overwritten(monkeypatch):
    """A Kalman filter decomposes matrices in place, and also uses them elsewhere."""
    recorded = []

    def recording(point, graphs, backend):
        recorded.append((point, graphs))
        return compile_gradient(point, graphs, backend)

    monkeypatch.setattr(_nuts, "compile_gradient", recording)
    view = latentfit.load("local-level").reference({"y": SERIES}).density.view
    prepared = prepare_nuts(view)
    ((point, graphs),) = recorded
    starts = [prepared.start(seed) for seed in range(5)]
    assert_equals_interpreted(prepared.gradient(), point, graphs, starts)
