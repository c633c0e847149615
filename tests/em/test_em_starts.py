"""Short runs, parallel runs, and distances between solutions."""

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
from latentfit.em import ShortRuns, Stop, Stopping
from latentfit.em._distances import relative_distance
from latentfit.errors import InputError

# Modes of a log-likelihood, of which the lower one attracts more starts. EM halves the distance.
LOW, HIGH = -1.0, 10.0


def e_step(params, data):
    return {"x": params["x"]}


def m_step(expectations, data):
    x = expectations["x"]
    return {"x": x + (np.where(x < 8, LOW, HIGH) - x) / 2}


def log_likelihood(params, data):
    x = float(params["x"])
    return -((x - LOW) ** 2) if x < 8 else 5 - (x - HIGH) ** 2


def fitted(starts, **options):
    starts = [{"x": x} for x in starts]
    return em.fit(e_step, m_step, {}, starts, log_likelihood=log_likelihood, **options)


class TestShortRuns:
    def test_em_continues_from_the_best_and_all_are_reported(self):
        fit = fitted([0.0, 3.0, 7.0, 9.0], short_runs=ShortRuns(2, iterations=3))
        assert len(fit.solutions) == 2
        assert fit.log_likelihood == pytest.approx(5)
        values = [run.log_likelihood for run in fit.short_runs]
        kept = [run.log_likelihood for run in fit.short_runs if run.kept]
        assert sorted(kept) == sorted(values)[-2:]
        assert [float(run.start["x"]) for run in fit.short_runs] == [0.0, 3.0, 7.0, 9.0]
        assert {run.iterations for run in fit.short_runs} == {3}
        assert "4, of which 2 were continued" in repr(fit)

    def test_em_continues_where_the_short_run_stopped(self):
        fit = fitted([9.0, 0.0], short_runs=ShortRuns(1, iterations=2))
        (kept,) = (run for run in fit.short_runs if run.kept)
        assert fit.best.trace.params["x"][0] == kept.params["x"]

    def test_short_runs_lead_to_the_same_maximum(self):
        plain = latentfit.load("coins").fit(seed=3, starts=2)
        short = latentfit.load("coins").fit(seed=3, starts=2, short_runs=6)
        assert short.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)

    def test_a_degenerate_short_run_is_continued_last(self):
        def failing(params, data):
            return -np.inf if params["x"] == 100.0 else log_likelihood(params, data)

        starts = [{"x": x} for x in (100.0, -3.0, 9.0)]
        fit = em.fit(e_step, m_step, {}, starts, log_likelihood=failing, short_runs=ShortRuns(2))
        assert [run.kept for run in fit.short_runs] == [False, True, True]
        assert fit.short_runs[0].stop is Stop.NOT_FINITE
        assert "1 degenerate" in repr(fit)
        # If there is no other, the solution explains why it is degenerate.
        fit = em.fit(
            e_step, m_step, {}, starts[:1], log_likelihood=failing, short_runs=ShortRuns(1)
        )
        assert fit.stop is Stop.NOT_FINITE

    def test_on_start_is_called_after_short_runs_too(self):
        calls = []
        fitted(
            [0.0, 9.0, 3.0],
            short_runs=ShortRuns(2),
            on_start=lambda done, total: calls.append((done, total)),
        )
        assert calls == [(k, 5) for k in range(1, 6)]

    def test_need_a_log_likelihood_and_valid_settings(self):
        with pytest.raises(InputError, match="log_likelihood"):
            em.fit(e_step, m_step, {}, [{"x": 1.0}], short_runs=ShortRuns(1))
        with pytest.raises(InputError, match="keep must be at least 1"):
            ShortRuns(0)
        with pytest.raises(InputError, match="5 short runs are too few"):
            latentfit.load("coins").fit(starts=5, short_runs=5)

    def test_find_a_maximum_that_single_starts_miss(self):
        # With three regression lines a single start rarely leads to the global maximum.
        model, options = latentfit.load("mixture-of-regressions"), {"components": 3}
        plain = model.fit(seed=100, starts=4, **options)
        short = model.fit(seed=100, starts=4, short_runs=20, **options)
        assert short.log_likelihood > plain.log_likelihood + 0.1


class TestParallelRuns:
    @pytest.mark.slow
    def test_a_seed_determines_the_fit_whatever_the_executor(self):
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


class TestRelativeDistance:
    @given(st.integers(2, 5), st.integers(0, 2**32 - 1))
    def test_does_not_depend_on_the_numbering_of_components(self, size, seed):
        rng = np.random.default_rng(seed)
        params = mixture(rng, size)
        other = renumbered(params, rng.permutation(size))
        assert relative_distance(params, other) == 0
        assert relative_distance(params, params) == 0

    def test_is_the_largest_difference_over_the_largest_entry(self):
        first = {"a": np.array([1.0, -4.0]), "b": np.array(2.0)}
        second = {"a": np.array([1.0, -4.2]), "b": np.array(2.0)}
        assert relative_distance(first, second) == pytest.approx(0.2 / 4.2)
        assert relative_distance({"a": np.zeros(2)}, {"a": np.zeros(2)}) == 0

    def test_columns_of_other_square_matrices_are_not_renumbered(self):
        # A square matrix that is not a transition matrix: its columns are not components.
        first = {"mu": np.array([[0.0, 1.0], [5.0, 7.0]])}
        assert relative_distance(first, {"mu": first["mu"][::-1]}) == 0
        assert relative_distance(first, {"mu": first["mu"][:, ::-1]}) > 0.1

    def test_is_reported_for_the_starts(self):
        fit = latentfit.load("gaussian-mixture").fit(seed=1, starts=3)
        (point,) = fit.limit_points()
        assert point.count == 3
        assert point.max_distance < 1e-6
        assert "3 of 3 starts at the same log-likelihood -276.36004; params agree" in repr(fit)

    def test_solutions_along_an_unidentified_direction_are_different_points(self):
        fit = latentfit.load("factor-analysis").fit(seed=1, starts=2)
        assert fit.limit_points()[0].max_distance > 0.1
        assert "2 of 2 starts at the same log-likelihood" in repr(fit)
        assert "more than one point" in repr(fit)

    def test_several_limit_points(self):
        fit = fitted([0.0, 3.0, 9.0], stopping=Stopping(distance=1e-10))
        assert "1 of 3 starts at log-likelihood 5" in repr(fit)
        assert "2 of 3 starts at log-likelihood -" in repr(fit)
