"""Count the passes over the data that online, incremental, plain and accelerated EM need.

Every case is one model on one data set, from one start. The benchmark counts passes over the data
until all parameters are within one standard error of the MLE, and within a tenth of one, and stay
there: the distance is the largest |θ - MLE| / SE over the parameters, with SE from the observed
information. Nothing is timed, so that the result does not depend on the machine.

One run of online EM gives the result for every number of passes: its step sizes do not depend on
how many passes will follow, and its estimate after some of them is the mean of the later half of
the iterates so far. The benchmark verifies that `online` returns this mean; otherwise the exit
status is 1.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import latentfit
from latentfit import em
from latentfit.em import information, stochastic

ROOT = Path(__file__).resolve().parents[1]
DISTANCES_SE = (1.0, 0.1)
SAME_MEAN_ABSOLUTE = 1e-10
ACCELERATORS = ("quasi-newton", "daarem", "squarem")
TIGHT = em.Stopping(distance=1e-10, max_iterations=100_000)

Params = Mapping[str, np.ndarray]
# The median, the fewest and the most over seeds; None means more passes than were made.
Passes = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class Case:
    """A model on one data set.

    Attributes
    ----------
    model, size : str
    data, start : mapping
    log_joint : callable
        ``log_joint(params, data)``, log p(x, z = k | θ) for each unit, shape (units, components).
    statistics, m_step : callable
    """

    model: str
    size: str
    data: Mapping[str, np.ndarray]
    start: Mapping[str, Any]
    log_joint: Callable[..., np.ndarray]
    statistics: Callable[..., Mapping[str, Any]]
    m_step: Callable[..., Mapping[str, Any]]

    def e_step(self, params: Params, data: Any) -> dict[str, np.ndarray]:
        joint = self.log_joint(params, data)
        r = np.exp(joint - joint.max(axis=1, keepdims=True))
        return {"z": r / r.sum(axis=1, keepdims=True)}

    def log_likelihood(self, params: Params, data: Any) -> float:
        joint = self.log_joint(params, data)
        largest = joint.max(axis=1)
        return float(np.sum(largest + np.log(np.exp(joint - largest[:, None]).sum(axis=1))))

    def maximise(self, expectations: Mapping[str, Any], data: Any) -> Mapping[str, Any]:
        """Return the params that EM's M step computes from all data."""
        return self.m_step(self.statistics(expectations, data), {})


@dataclass(frozen=True)
class Row:
    """Number of passes of one method until each of the distances `DISTANCES_SE`."""

    model: str
    size: str
    rate: float
    method: str
    passes: tuple[Passes, ...]


def cases() -> list[Case]:
    found = []
    rng = np.random.default_rng(1)
    for components, gap in (("separated", 4.5), ("overlapping", 3.0)):
        n = 20_000
        x = rng.normal(np.where(rng.random(n) < 0.7, 0, gap), 1)
        start = {"w": [0.5, 0.5], "mu": [-1.0, gap + 1], "sigma": [1.0, 1.0]}
        name = f"normal mixture, K = 2, {components}"
        found.append(Case(name, f"n = {n:,}", {"x": x}, start, normal, moments, normals))
    deaths = np.loadtxt(ROOT / "models" / "data" / "times-deaths.csv", skiprows=1)
    start = {"w": [0.3, 0.7], "lam": [1.0, 2.5]}
    size = f"n = {len(deaths):,}, The Times"
    found.append(Case("Poisson mixture, K = 2", size, {"x": deaths}, start, poisson, sums, rates))
    return found


def normal(params: Params, data: Any) -> np.ndarray:
    standardised = (data["x"][:, None] - params["mu"]) / params["sigma"]
    return np.log(params["w"]) - np.log(params["sigma"]) - standardised**2 / 2


def moments(expectations: Mapping[str, Any], data: Any) -> dict[str, np.ndarray]:
    r, x = expectations["z"], data["x"]
    return {"n": r.sum(axis=0), "x": x @ r, "xx": x**2 @ r}


def normals(s: Mapping[str, Any], shared: Any) -> dict[str, np.ndarray]:
    mu = s["x"] / s["n"]
    return {"w": s["n"] / s["n"].sum(), "mu": mu, "sigma": np.sqrt(s["xx"] / s["n"] - mu**2)}


def poisson(params: Params, data: Any) -> np.ndarray:
    return np.log(params["w"]) + data["x"][:, None] * np.log(params["lam"]) - params["lam"]


def sums(expectations: Mapping[str, Any], data: Any) -> dict[str, np.ndarray]:
    r = expectations["z"]
    return {"n": r.sum(axis=0), "x": data["x"] @ r}


def rates(s: Mapping[str, Any], shared: Any) -> dict[str, np.ndarray]:
    return {"w": s["n"] / s["n"].sum(), "lam": s["x"] / s["n"]}


class Distance:
    """The largest distance from the MLE over the parameters, in standard errors."""

    def __init__(self, case: Case) -> None:
        self.plain = em.run(
            case.e_step, case.maximise, case.data, case.start, accelerate="none", stopping=TIGHT
        )
        assert self.plain.converged
        self._mle = self.plain.params
        found = information.observed(lambda at: case.log_likelihood(at, case.data), self._mle)
        self._errors = found.errors

    def __call__(self, params: Params) -> float:
        distances = (np.abs(params[n] - self._mle[n]) / self._errors[n] for n in self._mle)
        return float(max(np.max(value) for value in distances))


def measured(case: Case, max_passes: int, seeds: int, batches: Sequence[int]) -> list[Row]:
    distance = Distance(case)
    rate = distance.plain.rate

    def row(method: str, runs: Sequence[Mapping[int, float]]) -> Row:
        passes = tuple(
            median_and_range([first_within(run, limit) for run in runs]) for limit in DISTANCES_SE
        )
        return Row(case.model, case.size, rate, method, passes)

    trace = distance.plain.trace.params
    count = len(next(iter(trace.values())))
    iterates = [{name: values[i] for name, values in trace.items()} for i in range(count)]
    rows = [row("EM", [{i: distance(params) for i, params in enumerate(iterates)}])]
    rows += [row(f"EM, {name}", [accelerated(case, name, distance)]) for name in ACCELERATORS]
    for blocks in (10, 100):
        seen: dict[int, float] = {0: distance(case_start(case))}
        stochastic.incremental(
            case.e_step,
            case.statistics,
            case.m_step,
            case.data,
            case.start,
            blocks=blocks,
            stopping=TIGHT,
            on_iteration=lambda i, params, seen=seen: seen.update({i: distance(params)}),
        )
        rows.append(row(f"incremental EM, {blocks} blocks", [seen]))
    for size in batches:
        runs = [online(case, size, max_passes, seed, distance) for seed in range(seeds)]
        rows.append(row(f"online EM, batches of {size}", runs))
    return rows


def case_start(case: Case) -> Params:
    return {name: np.asarray(value, dtype=float) for name, value in case.start.items()}


def accelerated(case: Case, name: str, distance: Distance) -> dict[int, float]:
    """Return distances by the number of E steps, including those at rejected extrapolations."""
    calls = 0
    seen = {0: distance(case_start(case))}

    def e_step(params: Params, data: Any) -> dict[str, np.ndarray]:
        nonlocal calls
        calls += 1
        return case.e_step(params, data)

    def record(iteration: int, params: Params) -> None:
        # The latest call was made at these params, for the next iteration.
        seen[calls - 1] = distance(params)

    em.run(
        e_step,
        case.maximise,
        case.data,
        case.start,
        log_likelihood=case.log_likelihood,
        accelerate=name,
        stopping=TIGHT,
        on_iteration=record,
    )
    return seen


def online(
    case: Case, size: int, max_passes: int, seed: int, distance: Distance
) -> dict[int, float]:
    """Return distances of the mean of the later half of the iterates, by number of passes."""
    given = (case.e_step, case.statistics, case.m_step, case.data, case.start)
    totals = [{name: np.zeros(np.shape(value)) for name, value in case.start.items()}]

    def record(iteration: int, params: Params) -> None:
        totals.append({name: totals[-1][name] + value for name, value in params.items()})

    options: dict[str, Any] = {"batch_size": size, "seed": seed}
    stochastic.online(*given, passes=max_passes, on_iteration=record, **options)
    batches_per_pass = (len(totals) - 1) // max_passes
    found = {0: distance(case_start(case))}
    for passes in range(1, max_passes + 1):
        last = passes * batches_per_pass
        before = last // 2
        means = {n: (totals[last][n] - totals[before][n]) / (last - before) for n in totals[0]}
        found[passes] = distance(means)
        if passes == 2:
            direct = stochastic.online(*given, passes=2, **options)
            if any(np.max(np.abs(direct.params[n] - means[n])) > SAME_MEAN_ABSOLUTE for n in means):
                sys.exit(f"online returns another mean: {case.model}, seed {seed}")
    return found


def first_within(run: Mapping[int, float], limit: float) -> int | None:
    """Return the number of passes after which the distance stays within a limit."""
    found = None
    for passes in sorted(run, reverse=True):
        if not run[passes] <= limit:
            break
        found = passes
    return found


def median_and_range(passes: Sequence[int | None]) -> Passes:
    values = sorted(passes, key=lambda value: np.inf if value is None else value)
    return values[len(values) // 2], values[0], values[-1]


def cell(passes: Passes, max_passes: int) -> str:
    middle, least, highest = ("more" if p is None else f"{p:g}" for p in passes)
    if middle == least == highest:
        return f"> {max_passes}" if middle == "more" else middle
    return f"{f'> {max_passes}' if middle == 'more' else middle} ({least} to {highest})"


def page(rows: Sequence[Row], max_passes: int, seeds: int) -> str:
    lines = [
        "# Passes over the data: online and incremental EM",
        "",
        "Number of passes over the data until every parameter is within one standard error of the "
        "MLE, and within a tenth of one, and stays there. With acceleration every E step counts, "
        "including those at rejected extrapolations. For online EM the table gives the median over "
        f"{seeds} seeds, with the fewest and the most in brackets; {max_passes} passes were made. "
        "Its step sizes are k^(-0.6), and its estimate is the mean of the later half of the "
        "iterates. *ρ* is EM's rate of convergence. `make bench` writes this page.",
        "",
        f"latentfit {latentfit.__version__}, NumPy {np.__version__}.",
        "",
        "| model | data | ρ | method | to 1 SE | to 0.1 SE |",
        "|---|---|--:|---|--:|--:|",
    ]
    for row in rows:
        cells = (
            row.model,
            row.size,
            f"{row.rate:.3f}",
            row.method,
            *(cell(passes, max_passes) for passes in row.passes),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "k batches of online EM are equivalent to about k^0.4 / 0.4 iterations of EM, and leave "
        "noise that vanishes slowly; incremental EM has no noise.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Count passes over the data until EM's estimate is close to the MLE."
    )
    parser.add_argument("--passes", type=int, default=50, help="passes of online EM [default: 50]")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of online EM [default: 5]")
    parser.add_argument("--batches", type=int, nargs="+", default=[20, 100])
    parser.add_argument(
        "--only", default="", help="only cases with this text in the name of the model"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "stochastic.md")
    arguments = parser.parse_args()
    rows = []
    for case in cases():
        if arguments.only in case.model:
            rows += measured(case, arguments.passes, arguments.seeds, arguments.batches)
    text = page(rows, arguments.passes, arguments.seeds)
    if not arguments.only:
        record = {
            "within": DISTANCES_SE,
            "passes": arguments.passes,
            "seeds": arguments.seeds,
            "rows": [asdict(row) for row in rows],
        }
        arguments.out.write_text(text)
        arguments.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
