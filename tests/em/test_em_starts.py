"""Short runs, starts side by side, and how far apart the ends are."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import latentfit
from latentfit import em
from latentfit.em import Short, Stop, Stopping
from latentfit.em._distances import apart
from latentfit.errors import InputError

# A height with two maxima, of which the lower has the wider basin: EM halves the distance to one.
LOW, HIGH = -1.0, 10.0


def e_step(params, data):
    return {"x": params["x"]}


def m_step(expectations, data):
    x = expectations["x"]
    return {"x": x + (np.where(x < 8, LOW, HIGH) - x) / 2}


def height(params, data):
    x = float(params["x"])
    return -((x - LOW) ** 2) if x < 8 else 5 - (x - HIGH) ** 2


def fitted(starts, **options):
    begins = [{"x": x} for x in starts]
    return em.fit(e_step, m_step, {}, begins, log_likelihood=height, **options)


class TestShortRuns:
    def test_the_best_go_on_and_all_are_reported(self):
        fit = fitted([0.0, 3.0, 7.0, 9.0], short=Short(2, iterations=3))
        assert len(fit.solutions) == 2
        assert fit.log_likelihood == pytest.approx(5)
        heights = [run.log_likelihood for run in fit.short_runs]
        kept = [run.log_likelihood for run in fit.short_runs if run.kept]
        assert sorted(kept) == sorted(heights)[-2:]
        assert [float(run.start["x"]) for run in fit.short_runs] == [0.0, 3.0, 7.0, 9.0]
        assert {run.iterations for run in fit.short_runs} == {3}
        assert "4, of which 2 went on" in repr(fit)

    def test_em_goes_on_where_the_short_run_was_left(self):
        fit = fitted([9.0, 0.0], short=Short(1, iterations=2))
        (kept,) = (run for run in fit.short_runs if run.kept)
        assert fit.best.trace.params["x"][0] == kept.params["x"]

    def test_ends_where_all_its_iterations_would(self):
        data = latentfit.load("coins").fit(seed=3, starts=2)
        short = latentfit.load("coins").fit(seed=3, starts=2, short_runs=6)
        assert short.log_likelihood == pytest.approx(data.log_likelihood, abs=1e-9)

    def test_a_degenerate_one_is_kept_last(self):
        def breaking(params, data):
            return -np.inf if params["x"] == 100.0 else height(params, data)

        begins = [{"x": x} for x in (100.0, -3.0, 9.0)]
        fit = em.fit(e_step, m_step, {}, begins, log_likelihood=breaking, short=Short(2))
        assert [run.kept for run in fit.short_runs] == [False, True, True]
        assert fit.short_runs[0].stop is Stop.NOT_FINITE
        assert "1 degenerate" in repr(fit)
        # Where there is nothing else, it says itself why it is no estimate.
        fit = em.fit(e_step, m_step, {}, begins[:1], log_likelihood=breaking, short=Short(1))
        assert fit.stop is Stop.NOT_FINITE

    def test_are_told_of_like_starts(self):
        told = []
        fitted(
            [0.0, 9.0, 3.0], short=Short(2), on_start=lambda done, all_: told.append((done, all_))
        )
        assert told == [(k, 5) for k in range(1, 6)]

    def test_need_heights_and_a_choice(self):
        with pytest.raises(InputError, match="log_likelihood"):
            em.fit(e_step, m_step, {}, [{"x": 1.0}], short=Short(1))
        with pytest.raises(InputError, match="keep must be at least 1"):
            Short(0)
        with pytest.raises(InputError, match="5 short runs are too few"):
            latentfit.load("coins").fit(starts=5, short_runs=5)

    def test_find_what_single_starts_miss(self):
        # With three lines a single start of these data rarely ends at the highest maximum.
        model, options = latentfit.load("mixture-of-regressions"), {"components": 3}
        plain = model.fit(seed=100, starts=4, **options)
        short = model.fit(seed=100, starts=4, short_runs=20, **options)
        assert short.log_likelihood > plain.log_likelihood + 0.1


class TestSideBySide:
    @pytest.mark.slow
    def test_a_seed_settles_the_fit_whatever_the_executor(self):
        model = latentfit.load("gaussian-mixture")
        options = {"seed": 5, "starts": 2, "short_runs": 5, "components": 3}
        alone = model.fit(**options)
        with em.workers(2) as processes, ThreadPoolExecutor(2) as threads:
            for executor in (processes, threads):
                found = model.fit(executor=executor, **options)
                assert found.log_likelihood == alone.log_likelihood
                for ours, theirs in zip(alone.solutions, found.solutions, strict=True):
                    for name, values in ours.trace.params.items():
                        np.testing.assert_array_equal(values, theirs.trace.params[name])

    def test_one_worker_is_this_process(self):
        with em.workers(1) as executor:
            assert executor is None
        with pytest.raises(InputError, match="at least 1"), em.workers(0):
            pass

    @pytest.mark.parametrize("to_all", [False, True])
    def test_an_interrupt_leaves_one_line_and_no_process(self, tmp_path, to_all):
        (tmp_path / "endless.py").write_text(ENDLESS)
        process = subprocess.Popen(
            [sys.executable, "-m", "latentfit", "fit", "endless.py", "--workers", "2"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        until = time.monotonic() + 60
        while len(list(tmp_path.glob("at-work-*"))) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, err) == (2, "", "latentfit: interrupted\n")
        workers = [int(path.name.rpartition("-")[2]) for path in tmp_path.glob("at-work-*")]
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < until
            time.sleep(0.05)


ENDLESS = """
import os, time
from pathlib import Path
import numpy as np

def model(y): ...
latents = ("z",)
def e_step(params, data):
    Path(f"at-work-{os.getpid()}").touch()
    time.sleep(0.2)
    return {"z": np.ones(1)}
def m_step(expectations, data, params):
    return {"a": params["a"] + 1}
def initial(data, rng):
    return {"a": 1.0}
def log_likelihood(params, data):
    return float(params["a"])
def example_data():
    return {"y": np.ones(3)}
"""


def mixture(rng, size):
    return {
        "w": rng.dirichlet(np.ones(size)),
        "mu": rng.normal(0, 10, (size, 2)),
        "P": rng.dirichlet(np.ones(size), size),
        "s": np.array(rng.uniform(1, 2)),
    }


def renumbered(params, order):
    return {
        "w": params["w"][order],
        "mu": params["mu"][order],
        "P": params["P"][np.ix_(order, order)],
        "s": params["s"],
    }


class TestApart:
    @given(st.integers(2, 5), st.integers(0, 2**32 - 1))
    def test_another_numbering_is_the_same_end(self, size, seed):
        rng = np.random.default_rng(seed)
        params = mixture(rng, size)
        other = renumbered(params, rng.permutation(size))
        assert apart(params, other) == 0
        assert apart(params, params) == 0

    def test_is_the_largest_difference_over_the_largest_entry(self):
        first = {"a": np.array([1.0, -4.0]), "b": np.array(2.0)}
        second = {"a": np.array([1.0, -4.2]), "b": np.array(2.0)}
        assert apart(first, second) == pytest.approx(0.2 / 4.2)
        assert apart({"a": np.zeros(2)}, {"a": np.zeros(2)}) == 0

    def test_a_numbering_that_does_not_bring_them_closer_is_left(self):
        # A square matrix that is no transition matrix: its columns are not components.
        first = {"mu": np.array([[0.0, 1.0], [5.0, 7.0]])}
        assert apart(first, {"mu": first["mu"][::-1]}) == 0
        assert apart(first, {"mu": first["mu"][:, ::-1]}) > 0.1

    def test_is_said_of_the_starts(self):
        fit = latentfit.load("gaussian-mixture").fit(seed=1, starts=3)
        (optimum,) = fit.optima()
        assert optimum.count == 3
        assert optimum.apart < 1e-6
        assert "3 of 3 starts at the same maximum, -276.36004" in repr(fit)

    def test_a_ridge_is_not_one_point(self):
        fit = latentfit.load("factor-analysis").fit(seed=1, starts=2)
        assert fit.optima()[0].apart > 0.1
        assert "2 of 2 starts at the same height" in repr(fit)
        assert "not one point" in repr(fit)

    def test_several_heights(self):
        fit = fitted([0.0, 3.0, 9.0], stopping=Stopping(distance=1e-10))
        assert "1 of 3 starts at 5" in repr(fit)
        assert "2 of 3 starts at -" in repr(fit)
