"""How many passes over the data online and incremental EM need, beside EM, plain and accelerated.

Every case is one model on one data set, from one start. Counted are passes over the data until all
parameters are within a standard error of the MLE, and within a tenth of one, and remain there: the
largest |θ - MLE| / SE over the parameters, SE from the observed information. Nothing is timed, so
that the machine makes no difference.

One run of online EM tells of all numbers of passes: its step sizes do not depend on how many are
to come, and its estimate after some of them is the mean of the later half of the iterates till
then. That this is what `online` gives is asserted; otherwise the exit status is 1.
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
WITHIN = (1.0, 0.1)
SAME = 1e-10
TIGHT = em.Stopping(distance=1e-10, max_iterations=100_000)

Params = Mapping[str, np.ndarray]
# The median, the fewest and the most over seeds; None is more than were made.
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
        most = joint.max(axis=1)
        return float(np.sum(most + np.log(np.exp(joint - most[:, None]).sum(axis=1))))

    def whole(self, expectations: Mapping[str, Any], data: Any) -> Mapping[str, Any]:
        """The M step of EM."""
        return self.m_step(self.statistics(expectations, data), {})


@dataclass(frozen=True)
class Row:
    """Passes of one method, to each of the distances `WITHIN`."""

    model: str
    size: str
    rate: float
    method: str
    passes: tuple[Passes, ...]


def cases() -> list[Case]:
    found = []
    rng = np.random.default_rng(1)
    for what, gap in (("apart", 4.5), ("overlapping", 3.0)):
        n = 20_000
        x = rng.normal(np.where(rng.random(n) < 0.7, 0, gap), 1)
        start = {"w": [0.5, 0.5], "mu": [-1.0, gap + 1], "sigma": [1.0, 1.0]}
        name = f"normal mixture, K = 2, {what}"
        found.append(Case(name, f"n = {n:,}", {"x": x}, start, normal, moments, normals))
    deaths = np.loadtxt(ROOT / "models" / "data" / "times-deaths.csv", skiprows=1)
    start = {"w": [0.3, 0.7], "lam": [1.0, 2.5]}
    size = f"n = {len(deaths):,}, The Times"
    found.append(Case("Poisson mixture, K = 2", size, {"x": deaths}, start, poisson, sums, rates))
    return found


def normal(params: Params, data: Any) -> np.ndarray:
    apart = (data["x"][:, None] - params["mu"]) / params["sigma"]
    return np.log(params["w"]) - np.log(params["sigma"]) - apart**2 / 2


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
            case.e_step, case.whole, case.data, case.start, accelerate="none", stopping=TIGHT
        )
        assert self.plain.converged
        self._mle = self.plain.params
        found = information.observed(lambda at: case.log_likelihood(at, case.data), self._mle)
        self._errors = found.errors

    def __call__(self, params: Params) -> float:
        apart = (np.abs(params[n] - self._mle[n]) / self._errors[n] for n in self._mle)
        return float(max(np.max(value) for value in apart))


def measured(case: Case, most: int, seeds: int, batches: Sequence[int]) -> list[Row]:
    distance = Distance(case)
    rate = distance.plain.rate

    def row(method: str, courses: Sequence[Mapping[int, float]]) -> Row:
        passes = tuple(spread([first(course, limit) for course in courses]) for limit in WITHIN)
        return Row(case.model, case.size, rate, method, passes)

    course = distance.plain.trace.params
    count = len(next(iter(course.values())))
    at = [{name: values[i] for name, values in course.items()} for i in range(count)]
    rows = [row("EM", [{i: distance(params) for i, params in enumerate(at)}])]
    rows += [row(f"EM, {how}", [accelerated(case, how, distance)]) for how in em_accelerators()]
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
        courses = [online(case, size, most, seed, distance) for seed in range(seeds)]
        rows.append(row(f"online EM, batches of {size}", courses))
    return rows


def em_accelerators() -> tuple[str, ...]:
    return ("quasi-newton", "daarem", "squarem")


def case_start(case: Case) -> Params:
    return {name: np.asarray(value, dtype=float) for name, value in case.start.items()}


def accelerated(case: Case, how: str, distance: Distance) -> dict[int, float]:
    """Distances by the number of E steps made, of leaps that were not taken too."""
    calls = 0
    seen = {0: distance(case_start(case))}

    def e_step(params: Params, data: Any) -> dict[str, np.ndarray]:
        nonlocal calls
        calls += 1
        return case.e_step(params, data)

    def record(iteration: int, params: Params) -> None:
        # The latest call was at these very params, for the iteration to come.
        seen[calls - 1] = distance(params)

    em.run(
        e_step,
        case.whole,
        case.data,
        case.start,
        log_likelihood=case.log_likelihood,
        accelerate=how,
        stopping=TIGHT,
        on_iteration=record,
    )
    return seen


def online(case: Case, size: int, most: int, seed: int, distance: Distance) -> dict[int, float]:
    """Distances of the mean of the later half of the iterates, by passes."""
    given = (case.e_step, case.statistics, case.m_step, case.data, case.start)
    totals = [{name: np.zeros(np.shape(value)) for name, value in case.start.items()}]

    def record(iteration: int, params: Params) -> None:
        totals.append({name: totals[-1][name] + value for name, value in params.items()})

    options: dict[str, Any] = {"batch_size": size, "seed": seed}
    stochastic.online(*given, passes=most, on_iteration=record, **options)
    each = (len(totals) - 1) // most
    found = {0: distance(case_start(case))}
    for passes in range(1, most + 1):
        last = passes * each
        before = last // 2
        means = {n: (totals[last][n] - totals[before][n]) / (last - before) for n in totals[0]}
        found[passes] = distance(means)
        if passes == 2:
            direct = stochastic.online(*given, passes=2, **options)
            if any(np.max(np.abs(direct.params[n] - means[n])) > SAME for n in means):
                sys.exit(f"not what online gives: {case.model}, seed {seed}")
    return found


def first(course: Mapping[int, float], limit: float) -> int | None:
    """The first number of passes from which on the distance remains within a limit."""
    found = None
    for passes in sorted(course, reverse=True):
        if not course[passes] <= limit:
            break
        found = passes
    return found


def spread(passes: Sequence[int | None]) -> Passes:
    values = sorted(passes, key=lambda value: np.inf if value is None else value)
    return values[len(values) // 2], values[0], values[-1]


def shown(passes: Passes, most: int) -> str:
    middle, least, highest = ("more" if p is None else f"{p:g}" for p in passes)
    if middle == least == highest:
        return f"> {most}" if middle == "more" else middle
    return f"{f'> {most}' if middle == 'more' else middle} ({least} to {highest})"


def page(rows: Sequence[Row], most: int, seeds: int) -> str:
    lines = [
        "# Passes over the data: online and incremental EM",
        "",
        "Passes over the data until every parameter is within one standard error of the MLE, and "
        "within a tenth of one, and remains there. Of accelerated EM every E step counts, also "
        f"those of leaps that were not taken. Of online EM it is the median over {seeds} seeds, "
        f"and in brackets the fewest and the most; {most} passes were made. Its step sizes are "
        "k^(-0.6), its estimate the mean of the later half of the iterates. *ρ* is EM's rate of "
        "convergence. `make bench` writes this page.",
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
            *(shown(passes, most) for passes in row.passes),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "k batches of online EM go about as far as k^0.4 / 0.4 iterations of EM, and leave noise "
        "that dies out slowly; incremental EM has none.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Count passes over the data.")
    parser.add_argument("--passes", type=int, default=50, help="of online EM [default: 50]")
    parser.add_argument("--seeds", type=int, default=5, help="of online EM [default: 5]")
    parser.add_argument("--batches", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--only", default="", help="cases whose model has this in its name")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "stochastic.md")
    arguments = parser.parse_args()
    rows = []
    for case in cases():
        if arguments.only in case.model:
            rows += measured(case, arguments.passes, arguments.seeds, arguments.batches)
    text = page(rows, arguments.passes, arguments.seeds)
    if not arguments.only:
        record = {
            "within": WITHIN,
            "passes": arguments.passes,
            "seeds": arguments.seeds,
            "rows": [asdict(row) for row in rows],
        }
        arguments.out.write_text(text)
        arguments.out.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
