"""The time of a comparison, of a fit and of effective draws, compared with what they replace.

Whole processes are timed, alternating between the two that are compared, so that other load on the
machine affects both. The first round of the comparison starts without compiled code: each of the
two has an empty compile directory and an empty Numba cache.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from bench_check import timed

import latentfit

ROOT = Path(__file__).resolve().parent.parent
DRAWS, CHAINS = 1000, 4

# The observed view of the same model, and PyMC's own sampler on it.
BARE = f"""
from latentfit import load
import pymc as pm
from pymc_extras.marginal import marginalize

model = load("gaussian-mixture")
with marginalize(model.model(**model.example_data()), ["z"]):
    pm.sample({DRAWS}, tune={DRAWS}, chains={CHAINS}, random_seed=0, progressbar=False)
"""


@dataclass(frozen=True)
class Row:
    what: str
    ours: float
    beside: str
    theirs: float
    unit: str
    target: str
    met: bool | None

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


def compared(repeats: int) -> list[Row]:
    """Times of a comparison of the mixture, and of building the observed view and sampling it."""
    ours = (sys.executable, "-m", "latentfit", "compare", "gaussian-mixture", "--quiet")
    ours = (*ours, "--draws", str(DRAWS), "--tune", str(DRAWS), "--chains", str(CHAINS))
    theirs = (sys.executable, "-c", BARE)
    with TemporaryDirectory() as folder:
        ours = (*ours, "--out", f"{folder}/report")
        caches = [
            {
                **os.environ,
                "PYTENSOR_FLAGS": f"base_compiledir={folder}/{which}",
                "NUMBA_CACHE_DIR": f"{folder}/{which}/numba",
            }
            for which in ("ours", "theirs")
        ]
        rounds = [
            [timed(command, cache) for command, cache in zip((ours, theirs), caches, strict=True)]
            for _ in range(1 + repeats)
        ]
    warm = [statistics.median(times) for times in zip(*rounds[1:], strict=True)]
    beside = "observed view and `pm.sample`"
    return [
        Row("`compare gaussian-mixture`, cold", rounds[0][0], beside, rounds[0][1], "s", "", None),
        Row(
            f"the same, warm, median of {repeats}",
            *(warm[0], beside, warm[1], "s"),
            target="at most 1.5",
            met=warm[0] <= 1.5 * warm[1],
        ),
    ]


def fitted(repeats: int) -> Row:
    """Times of EM on the toy example and of importing NumPy."""
    ours = (sys.executable, "-m", "latentfit", "fit", "exponential-missing", "--quiet")
    theirs = (sys.executable, "-c", "import numpy")
    rounds = [
        [timed(command, os.environ) for command in (ours, theirs)] for _ in range(1 + repeats)
    ]
    fit, imported = (statistics.median(times) for times in zip(*rounds[1:], strict=True))
    return Row(
        f"`fit exponential-missing`, median of {repeats}",
        *(fit, "`import numpy`", imported, "s"),
        target="at most 1.5, and 0.5 s",
        met=fit <= 1.5 * imported + 0.5,
    )


def sampled(size: int, joint_draws: int) -> Row:
    """Effective draws per second of the parameter that has the fewest.

    The time of latentfit includes compilation; that of PyMC is only for tuning and drawing.
    """
    import arviz_stats as azs
    import pymc as pm

    from latentfit import bayes

    rng = np.random.default_rng(1)
    x = rng.normal(np.where(rng.random(size) < 0.7, 7.0, 10.0), 0.5)
    model = latentfit.load("gaussian-mixture")
    view = model.reference({"x": x}).density.view
    names = [free.name for free in view.free_RVs]

    def fewest(posterior: Any) -> float:
        # Chains may have exchanged components, so that the components of each draw are sorted.
        found = azs.ess(posterior[names].map(lambda values: values.copy(data=_sorted(values))))
        return min(float(found[name].min()) for name in found.data_vars)

    began = time.perf_counter()
    tree = bayes.sample_posterior(
        bayes.prepare_nuts(view), draws=DRAWS, tune=DRAWS, chains=CHAINS, seed=0
    )
    ours = fewest(tree["posterior"].to_dataset()) / (time.perf_counter() - began)
    with model.model(x):
        joint = pm.sample(
            joint_draws,
            tune=joint_draws,
            chains=CHAINS,
            random_seed=0,
            progressbar=False,
            compute_convergence_checks=False,
        )
    spent = float(joint["posterior"].attrs["sampling_time"])
    theirs = fewest(joint["posterior"].to_dataset()) / spent
    return Row(
        f"effective draws, n = {size:,}",
        *(ours, f"`pm.sample` on the joint model, {joint_draws} draws a chain", theirs, "/s"),
        target="at least 50",
        met=ours >= 50 * theirs,
    )


def _sorted(values: Any) -> np.ndarray:
    """Entries of the components in ascending order."""
    raw = np.asarray(values)
    return np.sort(raw, axis=2) if raw.ndim > 2 else raw


def page(rows: Sequence[Row]) -> str:
    lines = [
        "# Time to an answer",
        "",
        "Measured in one run, side by side. `make bench` writes this page; `--timings` says of any "
        "command where its time went.",
        "",
        f"latentfit {latentfit.__version__}, Python {platform.python_version()}, "
        f"{os.cpu_count()} cores.",
        "",
        "| what | latentfit | beside it | that | ratio | target | |",
        "|---|--:|---|--:|--:|---|---|",
    ]
    for row in rows:
        met = {True: "met", False: "not met", None: ""}[row.met]
        cells = (
            row.what,
            f"{row.ours:.3g} {row.unit}",
            row.beside,
            f"{row.theirs:.3g} {row.unit}",
            f"{row.ratio:.2f}",
            row.target,
            met,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time answers beside what they replace.")
    parser.add_argument("--repeats", type=int, default=3, help="warm rounds [default: 3]")
    parser.add_argument("--rows", type=int, default=5000, help="for draws [default: 5000]")
    parser.add_argument("--joint-draws", type=int, default=200, help="of PyMC's [default: 200]")
    parser.add_argument("--out", type=Path, default=ROOT / "reports" / "answer.md")
    arguments = parser.parse_args()
    text = page(
        [
            *compared(arguments.repeats),
            fitted(2 * arguments.repeats + 1),
            sampled(arguments.rows, arguments.joint_draws),
        ]
    )
    arguments.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
