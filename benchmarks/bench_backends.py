"""The time of a posterior with each of PyTensor's back ends, for all models of the catalogue.

Each measurement is a separate process. The first process of a model and a back end starts without
compiled code: PyTensor's compile directory and Numba's cache are empty. The second process uses
what the first has compiled. The time covers compiling the log density with its gradient, and
drawing; building the view and the imports take the same time for all back ends. Rows of models
that are not selected are kept, so that the catalogue can be measured in parts; several processes,
each confined to one core (`taskset`), can measure parts at the same time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import latentfit

ROOT = Path(__file__).resolve().parent.parent
DRAWS, CHAINS = 1000, 4
BACKENDS = ("numba", "jax", "c")

ONE = """
import json, sys, time
import arviz_stats as azs
import latentfit
from latentfit import bayes, declaration

name, backend, draws, chains = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
declared = latentfit.load(name).declare()
space = declaration.space(declared)
view = bayes.observed_view(declared)
density = bayes.Density(view, space)
top = bayes.maximum_a_posteriori(density, space.origin)
# What `compare` draws from.
coarser = bayes.sampling.reduced_quadrature(declared, density, top.point)
view = view if coarser is None else coarser.view
began = time.perf_counter()
prepared = bayes.prepare_nuts(view, backend=backend)
compiled = time.perf_counter() - began
found = {"compile": compiled}
if draws:
    began = time.perf_counter()
    tree = bayes.sample_posterior(prepared, draws=draws, tune=draws, chains=chains, seed=0)
    found["sample"] = time.perf_counter() - began
    ess = azs.ess(tree["posterior"].to_dataset()[[free.name for free in view.free_RVs]])
    found["ess"] = min(float(ess[name].min()) for name in ess.data_vars)
print(json.dumps(found))
"""


def measured(
    name: str, backend: str, draws: int, environment: Mapping[str, str], limit: float
) -> dict[str, float] | str:
    """The measurements that a process prints, or the reason why it failed."""
    command = (sys.executable, "-c", ONE, name, backend, str(draws), str(CHAINS))
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"more than {limit:.0f} s"
    if done.returncode:
        return done.stderr.strip().splitlines()[-1][:120]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def row(name: str, backend: str, limit: float) -> dict[str, float | str]:
    """One back end on one model: seconds, and effective draws."""
    with TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "OPENBLAS_NUM_THREADS": "1",
            "PYTENSOR_FLAGS": f"base_compiledir={folder}",
            "NUMBA_CACHE_DIR": f"{folder}/numba",
        }
        cold = measured(name, backend, 0, environment, limit)
        if isinstance(cold, str):
            return {"model": name, "backend": backend, "problem": cold}
        warm = measured(name, backend, DRAWS, environment, limit)
    if isinstance(warm, str):
        return {"model": name, "backend": backend, "problem": warm, "cold": cold["compile"]}
    return {
        "model": name,
        "backend": backend,
        "cores": len(os.sched_getaffinity(0)),
        "cold": cold["compile"],
        "warm": warm["compile"],
        "sample": warm["sample"],
        "ess": warm["ess"],
    }


def page(rows: Sequence[Mapping[str, float | str]]) -> str:
    tried = [backend for backend in BACKENDS if any(row["backend"] == backend for row in rows)]
    cores = sorted({int(row["cores"]) for row in rows if "cores" in row})
    lines = [
        "# Back ends",
        "",
        f"Seconds for {CHAINS} chains of {DRAWS} draws after {DRAWS} of tuning, on the example "
        "data of each model: compiling from nothing, compiling with what an earlier run left, and "
        "drawing. *Answer* is the sum of the last two, and *ESS/s* the effective draws of the "
        "parameter that has the fewest, per second of it. Numba is what `compare` takes unless "
        "`--backend` names another: steps are tried again more often than declarations. `make "
        "bench` writes this page.",
        "",
        f"{', '.join(packages())}, {' or '.join(map(str, cores))} of the processor's cores.",
        "",
        "| model | back end | cold | warm | drawing | answer | ESS/s |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for found in rows:
        start = f"| {found['model']} | {found['backend']} |"
        if "problem" in found:
            lines.append(f"{start} {found['problem']} | | | | |")
            continue
        cold, warm, drawing, ess = (float(found[key]) for key in ("cold", "warm", "sample", "ess"))
        answer = warm + drawing
        figures = (
            f"{cold:.1f}",
            f"{warm:.1f}",
            f"{drawing:.1f}",
            f"{answer:.1f}",
            f"{ess / answer:.0f}",
        )
        lines.append(f"{start} {' | '.join(figures)} |")
    lines += ["", *verdict(rows, tried)]
    return "\n".join(lines) + "\n"


def verdict(rows: Sequence[Mapping[str, float | str]], tried: Sequence[str]) -> list[str]:
    """Sums over the models on which no back end failed, and how often each is the fastest."""
    answers: dict[str, dict[str, tuple[float, float]]] = {}
    for found in rows:
        if "problem" not in found:
            cold, warm, drawing = (float(found[key]) for key in ("cold", "warm", "sample"))
            own = answers.setdefault(str(found["model"]), {})
            own[str(found["backend"])] = (cold + drawing, warm + drawing)
    complete = [own for own in answers.values() if len(own) == len(tried)]
    lines = []
    for backend in tried:
        cold, warm = (sum(own[backend][k] for own in complete) for k in (0, 1))
        first = sum(min(own, key=lambda key: own[key][1]) == backend for own in complete)
        lines.append(
            f"- {backend}: {warm:.0f} s warm and {cold:.0f} s cold for the {len(complete)} models "
            f"on which all gave an answer; the fastest on {first} of them, warm."
        )
    return lines


def packages() -> list[str]:
    found = [f"latentfit {latentfit.__version__}", f"Python {platform.python_version()}"]
    for name in ("pytensor", "numba", "jax", "nutpie"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare PyTensor's back ends.")
    parser.add_argument("models", nargs="*", help="names from the catalogue [default: all]")
    parser.add_argument("--backends", nargs="+", choices=BACKENDS, default=BACKENDS)
    parser.add_argument("--limit", type=float, default=600, help="seconds a process may take")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "backends.md")
    arguments = parser.parse_args()
    catalogue = [entry.name for entry in latentfit.catalogue()]
    record = arguments.out.with_suffix(".json")
    known = json.loads(record.read_text()) if record.exists() else []
    rows = {(row["model"], row["backend"]): row for row in known}
    for name in arguments.models or catalogue:
        for backend in arguments.backends:
            rows[name, backend] = row(name, backend, arguments.limit)
            print(rows[name, backend], flush=True)
            # Written after each row, because the whole catalogue takes more than an hour.
            ordered = [rows[key] for key in product(catalogue, BACKENDS) if key in rows]
            record.write_text(json.dumps(ordered, indent=1) + "\n")
            arguments.out.write_text(page(ordered))
    print(arguments.out.read_text())


if __name__ == "__main__":
    main()
