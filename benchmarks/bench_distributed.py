"""Measure the memory and the time of EM on a Dask cluster of this machine.

The data are simulated from a mixture of two normal distributions in eight dimensions, and written
to a folder of Parquet files that is larger than the memory limits of all workers together. A worker
that comes close to its limit pauses, and a worker that exceeds it is killed: if a fit finishes with
the workers with which it started, they had enough memory. The benchmark also measures the largest
memory of a worker, and the memory of a worker that has imported everything but has no data.

The time of an iteration is the difference between the times of a long and a short fit, divided by
the difference between their numbers of iterations. Fits with one and with two workers alternate,
and the shortest of several times counts. Efficiency is the time with one worker divided by twice
the time with two. It is limited by the machine itself, which is measured in between: a task that
needs only its core, in one process and in two processes at the same time.

On as many rows as fit into memory, the fit must agree with EM in memory to a relative difference of
1e-10; otherwise the benchmark fails with exit status 1.
"""

import argparse
import json
import logging
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dask
import distributed as dask_distributed
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from bench_engine_peers import processor

import latentfit
from latentfit import em
from latentfit.em import Stopping, distributed

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = tuple(f"x{j}" for j in range(8))
ROWS_IN_CHUNK = 2**17
SAME_RELATIVE = 1e-10
# Efficiency of two processes on a machine without other load. Outside this range other processes
# used the cores, and the times are unreliable.
FREE_MACHINE_EFFICIENCY = (0.8, 1.1)
# Number of rows on which the cluster and EM in memory are compared.
COMPARED_ROWS = 2 * ROWS_IN_CHUNK


@dataclass(frozen=True)
class Record:
    """The measurements; times are in seconds, sizes in bytes.

    Attributes
    ----------
    rows, chunks : int
        Number of rows and of chunks.
    data, chunk : int
        Size of all data and of one chunk.
    limit : int
        Memory limit of each worker.
    base, peak : int
        Largest memory of a worker with everything imported and no data, and during the fits.
    restarts : int
        Number of workers that were started to replace lost ones.
    seconds : dict
        Time of an iteration, by number of workers.
    machine : float
        Efficiency of two processes of this machine that need only their cores.
    difference : float
        Largest relative difference from EM in memory, of parameters and log-likelihood.
    """

    rows: int
    data: int
    chunk: int
    chunks: int
    limit: int
    base: int
    peak: int
    restarts: int
    seconds: Mapping[int, float]
    machine: float
    difference: float

    @property
    def efficiency(self) -> float:
        return self.seconds[1] / (2 * self.seconds[2])


def main() -> None:
    parser = argparse.ArgumentParser(description="Time EM on a Dask cluster of this machine.")
    parser.add_argument("--rows", type=int, default=20_000_000, help="[default: 20 million]")
    parser.add_argument("--limit", default="600MB", help="memory of a worker [default: 600MB]")
    parser.add_argument("--iterations", type=int, nargs=2, default=[1, 4], help="[default: 1 4]")
    parser.add_argument(
        "--repeats", type=int, default=3, help="repetitions of each timing [default: 3]"
    )
    parser.add_argument(
        "--folder", type=Path, help="folder for the data [default: a temporary one]"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "distributed.md")
    arguments = parser.parse_args()
    logging.getLogger("distributed").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        record = measured(Path(folder), arguments)
    text = page(record)
    arguments.out.write_text(text)
    kept = {**asdict(record), "efficiency": record.efficiency}
    arguments.out.with_suffix(".json").write_text(json.dumps(kept, indent=1) + "\n")
    print(text)
    sys.exit(not record.difference <= SAME_RELATIVE)


def measured(folder: Path, arguments: argparse.Namespace) -> Record:
    few, many = folder / "few", folder / "many"
    write(few, COMPARED_ROWS)
    write(many, arguments.rows)
    limit = dask.utils.parse_bytes(arguments.limit)
    spans: dict[tuple[int, int], list[float]] = {}
    alone, both = [], []
    base, peak, restarts = 0, 0, 0
    difference = np.nan
    for repeat in range(arguments.repeats):
        one, two = machine_times()
        alone.append(one)
        both.append(two)
        for workers in (1, 2):
            with cluster(workers, limit) as client:
                before = client.run(resident, "VmRSS")
                base = max([base, *before.values()])
                if repeat == 0 and workers == 2:
                    difference = compared(client, few)
                fit = prepared(client, many)
                for iterations in arguments.iterations:
                    span = clocked(fit, iterations)
                    spans.setdefault((workers, iterations), []).append(span)
                    print(f"{workers} workers, {iterations} iterations: {span:.1f} s", flush=True)
                after = client.run(resident, "VmHWM")
                peak = max([peak, *after.values()])
                restarts += len(after.keys() - before.keys())
    short, long = arguments.iterations
    seconds = {
        workers: (min(spans[workers, long]) - min(spans[workers, short])) / (long - short)
        for workers in (1, 2)
    }
    data = distributed.chunked_data(many, ("x",), chosen=COLUMNS)
    return Record(
        rows=arguments.rows,
        data=arguments.rows * len(COLUMNS) * 8,
        chunk=ROWS_IN_CHUNK * len(COLUMNS) * 8,
        chunks=len(data.chunks),
        limit=limit,
        base=base,
        peak=peak,
        restarts=restarts,
        seconds=seconds,
        machine=min(alone) / min(both),
        difference=difference,
    )


def write(folder: Path, rows: int) -> None:
    """Write simulated data, one file for every million rows."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number, begin in enumerate(range(0, rows, 8 * ROWS_IN_CHUNK)):
        count = min(8 * ROWS_IN_CHUNK, rows - begin)
        x = rng.standard_normal((count, len(COLUMNS)))
        x[rng.random(count) < 0.3] += 2.0
        table = pa.table(dict(zip(COLUMNS, x.T, strict=True)))
        pq.write_table(table, folder / f"{number:04}.parquet", row_group_size=ROWS_IN_CHUNK)


@contextmanager
def cluster(workers: int, limit: int) -> Iterator[dask_distributed.Client]:
    with (
        dask_distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            memory_limit=limit,
            dashboard_address=":0",
        ) as made,
        dask_distributed.Client(made) as client,
    ):
        client.wait_for_workers(workers)
        client.run(imported)
        yield client


def imported() -> None:
    import pyarrow.parquet  # noqa: F401

    from latentfit.em.distributed import DistributedSteps  # noqa: F401


def prepared(client: Any, folder: Path) -> Callable[[int], em.Solution]:
    """Return a fit as a function of its number of iterations, from a start on a sample."""
    model = latentfit.load("multivariate-gaussian-mixture")
    data = distributed.chunked_data(folder, ("x",), chosen=COLUMNS)
    survey = distributed.survey(data, client, seed=1)
    start = model.initial(survey.sample, np.random.default_rng(1))

    def fit(iterations: int) -> em.Solution:
        steps = distributed.DistributedSteps(
            data, survey, client, model.e_step, model.statistics, model.log_likelihood
        )
        stopping = Stopping(distance=None, max_iterations=iterations)
        return distributed.run(steps, model.m_step, start, stopping=stopping, accelerate="none")

    return fit


def compared(client: Any, folder: Path) -> float:
    """Return the relative difference from EM in memory, on the same rows from the same start."""
    model = latentfit.load("multivariate-gaussian-mixture")
    x = np.column_stack([pq.read_table(folder)[name].to_numpy() for name in COLUMNS])
    data = distributed.chunked_data(folder, ("x",), chosen=COLUMNS)
    survey = distributed.survey(data, client, seed=1)
    start = model.initial(survey.sample, np.random.default_rng(1))
    on_cluster = prepared(client, folder)(10)
    in_memory = em.run(
        model.e_step,
        model.maximise,
        {"x": x},
        start,
        log_likelihood=model.log_likelihood,
        stopping=Stopping(distance=None, max_iterations=10),
        accelerate="none",
    )
    differences = [abs(on_cluster.log_likelihood / in_memory.log_likelihood - 1)]
    for name, value in in_memory.params.items():
        largest = np.max(np.abs(on_cluster.params[name] - value))
        differences.append(largest / np.max(np.abs(value)))
    return float(max(differences))


def machine_times() -> tuple[float, float]:
    """Return the seconds that a task takes in one process, and in two at the same time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        # Otherwise one process might do all the work while the other one still imports.
        while len(set(pool.map(process_id, range(4)))) < 2:
            pass
        alone = clocked(lambda _: pool.submit(work, 20_000).result(), 0)
        return alone, clocked(lambda _: list(pool.map(work, [20_000] * 2)), 0)


def process_id(_: int) -> int:
    time.sleep(0.1)
    return os.getpid()


def work(repetitions: int) -> None:
    """Compute within the processor's first cache; 20 000 repetitions take about a second."""
    values = np.linspace(0, 1, 2**12)
    out = np.empty_like(values)
    for _ in range(repetitions):
        np.exp(values, out=out)


def clocked(fit: Callable[[int], Any], iterations: int) -> float:
    started = time.perf_counter()
    fit(iterations)
    return time.perf_counter() - started


def resident(which: str) -> int:
    """Return the size of the resident set in bytes, now (VmRSS) or its largest (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {which} in /proc/self/status")


def page(record: Record) -> str:
    mega = 1e6
    fits = record.peak <= record.limit and not record.restarts
    memory_ratio = record.data / (2 * record.limit)
    lines = [
        "# EM on a Dask cluster of one machine",
        "",
        "The catalogue's mixture of two normal distributions in eight dimensions, full "
        "covariances, on a folder of Parquet files that every iteration reads again. "
        "`make bench` writes this page.",
        "",
        f"latentfit {latentfit.__version__}, Dask {dask.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {processor()}.",
        "",
        "| | |",
        "|---|--:|",
        f"| rows | {record.rows:,} |",
        f"| data | {record.data / mega:,.0f} MB |",
        f"| chunks | {record.chunks} of at most {record.chunk / mega:.1f} MB |",
        f"| memory limit of a worker | {record.limit / mega:,.0f} MB |",
        f"| memory of a worker without data | {record.base / mega:,.0f} MB |",
        f"| largest memory of a worker | {record.peak / mega:,.0f} MB |",
        f"| lost workers | {record.restarts} |",
        f"| time of an iteration, one worker | {record.seconds[1]:.2f} s |",
        f"| time of an iteration, two workers | {record.seconds[2]:.2f} s |",
        f"| efficiency from one to two | {record.efficiency:.0%} |",
        f"| efficiency of this machine, for a task that needs only its core | "
        f"{record.machine:.0%} |",
        f"| difference from EM in memory, {COMPARED_ROWS:,} rows | {record.difference:.0e} |",
        "",
        f"The data are {memory_ratio:.1f} times as large as the memory of both workers. A worker "
        f"needed {(record.peak - record.base) / record.chunk:.0f} times the size of a chunk, for "
        f"the chunk, for chunks that are read ahead, and for the results of the E step"
        f"{'.' if fits else ', which was more than its limit.'}",
    ]
    lowest, highest = FREE_MACHINE_EFFICIENCY
    if not lowest <= record.machine <= highest:
        lines += [
            "",
            "Other processes used the cores of this machine during the measurement, as the task "
            "that needs only its core shows: the times and the efficiency are unreliable.",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # The workers inherit the environment, and each of them should use one thread.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
