"""How EM on a Dask cluster of this machine uses memory and workers.

The data are a mixture of two normal distributions in eight dimensions, simulated into a folder of
Parquet files that is larger than the memory limits of all workers together. A worker that comes
near its limit pauses, and one that passes it is killed: a fit that ends with the workers that it
began with had room. How much memory a worker took at its highest is measured beside that, above
what it took with everything imported and no data.

An iteration is the difference of a long and a short fit over that of their iterations, with one
worker and with two; they take turns, and the shortest of several times counts. Efficiency is the
time of one worker over twice that of two. It can be no more than what two processes of this machine
get done beside each other, which is measured alike and in between: a task that needs nothing but
its core, in one process and in two.

On as many rows as fit into memory, the fit has to end where EM in memory does, to a relative
difference of 1e-10; or the benchmark has failed, exit status 1.
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
from bench_engine import processor

import latentfit
from latentfit import em
from latentfit.em import Stopping, distributed

ROOT = Path(__file__).resolve().parents[1]
COLUMNS = tuple(f"x{j}" for j in range(8))
# So many numbers are a chunk.
GROUP = 2**17
SAME = 1e-10
# What two cores get done beside each other, over twice what one does, if they are free: outside of
# this others held them, and held them differently from one moment to the next.
FREE = (0.8, 1.1)
# In memory and on the cluster, to compare.
COMPARED = 2 * GROUP


@dataclass(frozen=True)
class Record:
    """What was measured; times are seconds, sizes bytes.

    Attributes
    ----------
    rows, data, chunk, chunks : int
    limit : int
        Of each worker's memory.
    base, peak : int
        Of the worker that took most: with everything imported, and at the highest.
    restarts : int
        Workers that there were beside the first two.
    seconds : dict
        Of an iteration, by number of workers.
    machine : float
        What two processes get done beside each other, over twice what one does.
    difference : float
        From EM in memory, relative, the largest of parameters and log-likelihood.
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
    parser.add_argument("--repeats", type=int, default=3, help="of each timing [default: 3]")
    parser.add_argument("--folder", type=Path, help="for the data [default: a temporary one]")
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
    sys.exit(not record.difference <= SAME)


def measured(folder: Path, arguments: argparse.Namespace) -> Record:
    few, many = folder / "few", folder / "many"
    write(few, COMPARED)
    write(many, arguments.rows)
    limit = dask.utils.parse_bytes(arguments.limit)
    spans: dict[tuple[int, int], list[float]] = {}
    alone, both = [], []
    base, peak, restarts = 0, 0, 0
    difference = np.nan
    for repeat in range(arguments.repeats):
        one, two = beside()
        alone.append(one)
        both.append(two)
        for workers in (1, 2):
            with cluster(workers, limit) as client:
                began = client.run(resident, "VmRSS")
                base = max([base, *began.values()])
                if repeat == 0 and workers == 2:
                    difference = compared(client, few)
                fit = prepared(client, many)
                for iterations in arguments.iterations:
                    span = clocked(fit, iterations)
                    spans.setdefault((workers, iterations), []).append(span)
                    print(f"{workers} workers, {iterations} iterations: {span:.1f} s", flush=True)
                ended = client.run(resident, "VmHWM")
                peak = max([peak, *ended.values()])
                restarts += len(ended.keys() - began.keys())
    short, long = arguments.iterations
    seconds = {
        workers: (min(spans[workers, long]) - min(spans[workers, short])) / (long - short)
        for workers in (1, 2)
    }
    parts = distributed.parts(many, ("x",), chosen=COLUMNS)
    return Record(
        rows=arguments.rows,
        data=arguments.rows * len(COLUMNS) * 8,
        chunk=GROUP * len(COLUMNS) * 8,
        chunks=len(parts.chunks),
        limit=limit,
        base=base,
        peak=peak,
        restarts=restarts,
        seconds=seconds,
        machine=min(alone) / min(both),
        difference=difference,
    )


def write(folder: Path, rows: int) -> None:
    """The simulated data, a file for every million rows."""
    folder.mkdir()
    rng = np.random.default_rng(1)
    for number, begin in enumerate(range(0, rows, 8 * GROUP)):
        count = min(8 * GROUP, rows - begin)
        x = rng.standard_normal((count, len(COLUMNS)))
        x[rng.random(count) < 0.3] += 2.0
        table = pa.table(dict(zip(COLUMNS, x.T, strict=True)))
        pq.write_table(table, folder / f"{number:04}.parquet", row_group_size=GROUP)


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

    from latentfit.em.distributed import _task  # noqa: F401


def prepared(client: Any, folder: Path) -> Callable[[int], em.Solution]:
    """A fit of so many iterations; the data were gone through once for its start."""
    model = latentfit.load("multivariate-gaussian-mixture")
    parts = distributed.parts(folder, ("x",), chosen=COLUMNS)
    survey = distributed.survey(parts, client, seed=1)
    start = model.initial(survey.sample, np.random.default_rng(1))

    def fit(iterations: int) -> em.Solution:
        whole = distributed.Whole(
            parts, survey, client, model.e_step, model.statistics, model.log_likelihood
        )
        stopping = Stopping(distance=None, max_iterations=iterations)
        return distributed.run(whole, model.m_step, start, stopping=stopping, accelerate="none")

    return fit


def compared(client: Any, folder: Path) -> float:
    """How far from EM in memory, on the same rows from the same start."""
    model = latentfit.load("multivariate-gaussian-mixture")
    x = np.column_stack([pq.read_table(folder)[name].to_numpy() for name in COLUMNS])
    parts = distributed.parts(folder, ("x",), chosen=COLUMNS)
    survey = distributed.survey(parts, client, seed=1)
    start = model.initial(survey.sample, np.random.default_rng(1))
    there = prepared(client, folder)(10)
    here = em.run(
        model.e_step,
        model.maximise,
        {"x": x},
        start,
        log_likelihood=model.log_likelihood,
        stopping=Stopping(distance=None, max_iterations=10),
        accelerate="none",
    )
    apart = [abs(there.log_likelihood / here.log_likelihood - 1)]
    for name, value in here.params.items():
        apart.append(np.max(np.abs(there.params[name] - value)) / np.max(np.abs(value)))
    return float(max(apart))


def beside() -> tuple[float, float]:
    """Seconds that work takes in a process alone, and in two at the same time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        # Both have to be there: one process would take all work while the other still imports.
        while len(set(pool.map(named, range(4)))) < 2:
            pass
        alone = clocked(lambda _: pool.submit(work, 20_000).result(), 0)
        return alone, clocked(lambda _: list(pool.map(work, [20_000] * 2)), 0)


def named(_: int) -> int:
    time.sleep(0.1)
    return os.getpid()


def work(times: int) -> None:
    """In the processor's nearest cache, a second or so for twenty thousand times."""
    values = np.linspace(0, 1, 2**12)
    out = np.empty_like(values)
    for _ in range(times):
        np.exp(values, out=out)


def clocked(fit: Callable[[int], Any], iterations: int) -> float:
    began = time.perf_counter()
    fit(iterations)
    return time.perf_counter() - began


def resident(which: str) -> int:
    """Bytes of the resident set, now (VmRSS) or at its highest (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {which} in /proc/self/status")


def page(record: Record) -> str:
    mega = 1e6
    fits = record.peak <= record.limit and not record.restarts
    held = record.data / (2 * record.limit)
    lines = [
        "# EM on a Dask cluster of one machine",
        "",
        "The catalogue's mixture of two normal distributions in eight dimensions, full "
        "covariances, on a folder of Parquet files that every iteration reads anew. "
        "`make bench` writes this page.",
        "",
        f"latentfit {latentfit.__version__}, Dask {dask.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {processor()}.",
        "",
        "| | |",
        "|---|--:|",
        f"| rows | {record.rows:,} |",
        f"| data | {record.data / mega:,.0f} MB |",
        f"| chunks | {record.chunks} of {record.chunk / mega:.1f} MB at most |",
        f"| memory limit of a worker | {record.limit / mega:,.0f} MB |",
        f"| a worker without data | {record.base / mega:,.0f} MB |",
        f"| a worker at its highest | {record.peak / mega:,.0f} MB |",
        f"| workers lost | {record.restarts} |",
        f"| an iteration, one worker | {record.seconds[1]:.2f} s |",
        f"| an iteration, two workers | {record.seconds[2]:.2f} s |",
        f"| efficiency from one to two | {record.efficiency:.0%} |",
        f"| the same of this machine, of work that needs nothing but its core | "
        f"{record.machine:.0%} |",
        f"| difference from EM in memory, {COMPARED:,} rows | {record.difference:.0e} |",
        "",
        f"The data are {held:.1f} times the memory of both workers together. A worker took "
        f"{(record.peak - record.base) / record.chunk:.0f} times the size of a chunk for the "
        f"chunk, those read ahead of it and what the E step makes of it"
        f"{'.' if fits else ', which was more than it had.'}",
    ]
    if not FREE[0] <= record.machine <= FREE[1]:
        lines += [
            "",
            "Other processes held the cores of this machine while this was measured, as the work "
            "that needs nothing but its core shows: the times and the efficiency are no measure.",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    # The workers are started from here, and have the same threads to themselves.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
