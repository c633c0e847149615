"""The vectorised exponential, lazy imports, and the cache of compiled kernels."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from latentfit.em import primitives
from latentfit.em.primitives._compiled import jit
from latentfit.em.primitives._compiled.exp import exp


def values(x):
    return np.array([exp(value) for value in x])


@pytest.mark.skipif(np.finfo(np.longdouble).nmant <= 52, reason="no precision beyond double")
@pytest.mark.parametrize("low", [-708.0, -40.0, -1.0, -1e-3, -1e-12])
def test_error_is_below_one_unit_in_the_last_place(low):
    x = np.random.default_rng(1).uniform(low, 0, 20_000)
    exact = np.exp(x.astype(np.longdouble))
    error = np.abs(values(x) - exact) / np.spacing(exact.astype(float))
    assert error.max() < 1


def test_error_next_to_multiples_of_half_log_2():
    """At these points the nearest integer n changes, or the remainder r is smallest."""
    n = np.arange(-1021, 1)
    for x in (n * np.log(2), (n + 0.5) * np.log(2)):
        for beside in (np.nextafter(x, -np.inf), x, np.nextafter(x, np.inf)):
            below = beside[(beside <= 0) & (beside > -708)]
            np.testing.assert_array_max_ulp(values(below), np.exp(below), maxulp=1)


def test_special_values():
    assert values([0.0, -0.0, -5e-324, -1e-300]).tolist() == [1, 1, 1, 1]
    assert values([-np.inf, -1e308, -1e5, -709.0]).tolist() == [0, 0, 0, 0]
    assert np.isnan(exp(np.nan))
    least = exp(-708.39)
    assert least == pytest.approx(np.exp(-708.39), rel=1e-15)
    assert least >= np.finfo(float).tiny


def test_is_at_most_one_and_monotone():
    x = -np.logspace(-18, 2.8, 20_000)[::-1]
    found = values(x)
    assert (found <= 1).all()
    # The values at points this far apart differ by more than their rounding errors.
    far = np.diff(x) > 1e-14 * np.maximum(1, -x[1:])
    assert (np.diff(found)[far] >= 0).all()


@pytest.mark.slow
def test_numba_is_imported_only_for_large_tables():
    """Every primitive of the first group is called with a small and with a large table."""
    code = """
import sys
import numpy as np
from latentfit.em import primitives

def calls(n):
    x, mu, P = np.zeros((n, 1)), np.zeros((3, 1)), np.full((3, 3), 1 / 3)
    v, r, codes = np.zeros((n, 3)), np.full((n, 3), 1 / 3), np.zeros((n, 1), int)
    return [
        ("normal", lambda: primitives.log_normal(x, mu, mu + 1)),
        ("normal", lambda: primitives.log_multivariate_normal(x, mu, [[1.0]])),
        ("responsibilities", lambda: primitives.responsibilities(v)),
        ("moments", lambda: primitives.weighted_moments(r, x)),
        ("moments", lambda: primitives.weighted_scatter(r, x)),
        ("sums", lambda: primitives.weighted_sums(r, x, mu)),
        ("categorical", lambda: primitives.log_categorical(codes, np.ones((3, 1, 1)))),
        ("categorical", lambda: primitives.weighted_counts(r, codes, 1)),
        ("forward_backward", lambda: primitives.forward_backward(v[: n // 10], P[0], P)),
    ]

with primitives.threads(1):
    for _, call in calls(4_000):
        call()
assert "numba" not in sys.modules
for module, call in calls(30_000):
    name = f"latentfit.em.primitives._compiled.{module}"
    sys.modules.pop(name, None)
    call()
    assert name in sys.modules, name
assert "pymc" not in sys.modules
"""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, timeout=240
    )
    assert done.returncode == 0, done.stderr


def test_every_public_name_exists_and_has_a_docstring():
    for name in primitives.__all__:
        assert getattr(primitives, name).__doc__


def test_kernels_are_recompiled_when_any_file_of_the_folder_changes():
    """By default Numba compares the outermost function's file only, by a private attribute."""
    assert exp._cache._cache_file._source_stamp == jit._SOURCE_STAMP


def test_kernels_are_compiled_without_a_cache_folder():
    """Numba finds no cache folder if both the package and the user's cache are read-only."""
    code = (
        "import numpy as np\n"
        "from latentfit.em import primitives\n"
        "from latentfit.em.primitives._compiled.exp import exp\n"
        "r, _ = primitives.responsibilities(np.zeros((20_000, 2)))\n"
        "assert (r == 0.5).all()\n"
        "assert not exp.stats.cache_path\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
        env=os.environ | {"NUMBA_CACHE_LOCATOR_CLASSES": "IPythonCacheLocator"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
