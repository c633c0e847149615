"""The speed of EM with the primitives, compared with other packages and the machine's limits.

Every case is one model on one data set. `latentfit.em.run`, on an E step and an M step written
with `latentfit.em.primitives`, and a package from PyPI, called the peer, run from the same start,
for the same number of iterations, with the same number of threads. Their log-likelihoods must then
agree to a relative difference of 1e-8; otherwise the case fails, with exit status 1. The two
alternate, each is measured several times, and the shortest time counts, since other load on the
machine can only make it longer. Threads of one have finished before the other is timed, and each
runs for a moment before it is timed. The time of an iteration is the difference between the times
of a long and a short fit, divided by the difference between their numbers of iterations.
"""

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
from engine import chains, classes, memory, mixtures
from engine._case import Case, Fit, Work
from engine.limits import Machine, measured
from threadpoolctl import threadpool_limits

import latentfit
from latentfit.em import primitives

ROOT = Path(__file__).resolve().parents[1]
SAME = 1e-8
# Of what so many cores could do at most.
ENOUGH = 0.75
# Of the data's own size.
MOST_MEMORY = 2.0
# Seconds after which threads of linear algebra no longer spin, waiting for more to do; and after
# which threads that work together are on processors of their own again.
REST, WARM = 0.2, 0.1


@dataclass(frozen=True)
class Row:
    """One case with some number of threads; times are seconds for an iteration.

    Attributes
    ----------
    model, size, peer : str
    threads : int
    ours, theirs : float
    ratio : float
        How many times faster ours is.
    target : float or None
    work : Work
        The least work of an iteration.
    loop : float
        Share of our time that the EM loop takes, outside of both steps.
    difference : float
        Relative difference of the log-likelihoods after the last iteration.
    """

    model: str
    size: str
    peer: str
    threads: int
    ours: float
    theirs: float
    ratio: float
    target: float | None
    work: Work
    loop: float
    difference: float

    @property
    def met(self) -> bool:
        return self.target is None or self.ratio >= self.target


def main() -> None:
    parser = argparse.ArgumentParser(description="Time primitives beside other packages.")
    parser.add_argument("--repeats", type=int, default=7, help="of each timing [default: 7]")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--only", default="", help="cases whose model has this in its name")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "engine.md")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    machines: dict[int, Machine] = {}
    rows = []
    for cases in (mixtures.cases, chains.cases, classes.cases):
        for case in cases():
            if arguments.only not in case.model:
                continue
            for threads in arguments.threads:
                # Measured again for each row, because other load changes within seconds.
                now = measured(threads, arguments.repeats)
                machines[threads] = now.at_best(machines.get(threads, now))
                row = timed(case, threads, arguments.repeats)
                rows.append(row)
                print(line(row), flush=True)
    memory_of = (
        {}
        if arguments.only
        else {name: memory_over_data(name) for name in ("latentfit", "scikit-learn")}
    )
    text = page(rows, machines, memory_of)
    if not arguments.only:
        record = {
            "machine": {str(threads): asdict(machine) for threads, machine in machines.items()},
            "rows": [asdict(row) for row in rows],
            "peak_memory_over_data": memory_of,
        }
        arguments.out.write_text(text)
        arguments.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(text)
    different = [row for row in rows if not row.difference <= SAME]
    for row in different:
        print(f"not the same log-likelihood: {line(row)}", file=sys.stderr)
    sys.exit(bool(different))


def timed(case: Case, threads: int, repeats: int) -> Row:
    few, many = case.iterations
    spans: dict[tuple[str, int], list[float]] = {}
    loops = []
    fits: Mapping[str, Fit] = {"ours": case.ours, "theirs": case.theirs}
    with threadpool_limits(threads), primitives.threads(threads):
        log_likelihoods = {name: fit(many) for name, fit in fits.items()}
        for _ in range(repeats):
            for name, fit in fits.items():
                time.sleep(REST)
                began = time.perf_counter()
                while time.perf_counter() < began + WARM:
                    fit(few)
                for iterations in (few, many):
                    span = clocked(fit, iterations)
                    spans.setdefault((name, iterations), []).append(span)
                if name == "ours":
                    loops.append((span, span - case.ours.inside))
    each = {name: (min(spans[name, many]) - min(spans[name, few])) / (many - few) for name in fits}
    whole, outside = min(loops)
    return Row(
        model=case.model,
        size=case.size,
        peer=case.peer,
        threads=threads,
        ours=each["ours"],
        theirs=each["theirs"],
        ratio=each["theirs"] / each["ours"],
        target=case.target,
        work=case.work,
        loop=outside / whole,
        difference=abs(log_likelihoods["ours"] / log_likelihoods["theirs"] - 1),
    )


def clocked(fit: Callable[[int], Any], iterations: int) -> float:
    began = time.perf_counter()
    fit(iterations)
    return time.perf_counter() - began


def memory_over_data(name: str) -> float:
    """Peak memory of data and fit, divided by the size of the data."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT)])}
    command = (sys.executable, "-m", "engine.memory", name)
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    return float(found["peak"] / found["data"])


def line(row: Row) -> str:
    return (
        f"{row.model}, {row.size}, {row.peer}, threads {row.threads}: {1e3 * row.ours:.3f} ms, "
        f"peer {1e3 * row.theirs:.3f} ms, {row.ratio:.1f}x, difference {row.difference:.1e}"
    )


def page(
    rows: Sequence[Row], machines: Mapping[int, Machine], memory_of: Mapping[str, float]
) -> str:
    held = {threads: gain for threads in machines if (gain := gained(machines, threads)) < ENOUGH}
    sought = [row for row in rows if row.target is not None and row.threads not in held]
    lines = [
        "# EM in primitives, beside other packages",
        "",
        "Milliseconds for an EM iteration: `latentfit.em.run` with an E step and an M step written "
        "in `latentfit.em.primitives`, and a peer on the same data, from the same start, with the "
        "same number of threads. After as many iterations both are at the same log-likelihood; "
        "*difference* is what is between them, relative. They took turns, and the shortest of "
        "several times counts. `make bench` writes this page.",
        "",
        f"{sum(row.met for row in sought)} of {len(sought)} targets that were measured are met. "
        "*Limit* is how many times longer the iteration takes than the machine needs for reading "
        "the data once, or for the iteration's arithmetic at the rates below, whichever is longer. "
        "*Loop* is the share of the time that passes in latentfit's EM loop, outside of both "
        "steps.",
        "",
        f"latentfit {latentfit.__version__}, NumPy {np.__version__}, Numba {numba.__version__}, "
        f"Python {platform.python_version()}, {processor()}.",
        "",
        "| model | data | peer | threads | ms | peer's ms | times faster | target | limit | loop "
        "| difference |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        verdict = "" if row.met or row.threads in held else " (missed)"
        target = "" if row.target is None else f"{row.target:g}{verdict}"
        cells = (
            row.model,
            row.size,
            row.peer,
            str(row.threads),
            f"{1e3 * row.ours:.3g}",
            f"{1e3 * row.theirs:.3g}",
            f"{row.ratio:.1f}",
            target,
            f"{row.ours / machines[row.threads].least(row.work):.1f}",
            f"{row.loop:.0%}",
            f"{row.difference:.0e}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "| threads | read from memory | matrix multiplication | exponentials |",
        "|--:|--:|--:|--:|",
    ]
    for threads, machine in machines.items():
        lines.append(
            f"| {threads} | {machine.bytes / 1e9:.1f} GB/s | {machine.flops / 1e9:.1f} GFLOP/s "
            f"| {machine.exponentials / 1e9:.2f} · 10⁹/s |"
        )
    for threads, gain in held.items():
        lines += [
            "",
            f"With {threads} threads the machine multiplied matrices {gain * threads:.2f} times as "
            f"fast as with one: other processes held its cores. In the rows with {threads} "
            f"threads both sides waited for them, a peer whose threads wait for one another by far "
            f"the longer: they are no measure of either, and not counted.",
        ]
    if memory_of:
        ours, theirs = memory_of["latentfit"], memory_of["scikit-learn"]
        verdict = "" if ours <= MOST_MEMORY else ", more than it may be"
        lines += [
            "",
            f"Peak memory of data and fit, of {memory.ROWS:,} rows in one dimension and K = 2: "
            f"{ours:.2f} times the size of the data{verdict}; scikit-learn {theirs:.2f} times.",
        ]
    return "\n".join(lines) + "\n"


def gained(machines: Mapping[int, Machine], threads: int) -> float:
    """Speed with several threads over that with one, divided by the number of threads."""
    one = min(machines)
    return machines[threads].flops * one / (machines[one].flops * threads)


def processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    names = [row.split(":", 1)[1].strip() for row in text.splitlines() if "model name" in row]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


if __name__ == "__main__":
    main()
