"""A model with data, and the programs that maximise its likelihood independently of latentfit."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import latentfit

STARTS = 5

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "models" / "data"


@dataclass(frozen=True)
class Estimate:
    """A referee's estimate under latentfit's names, and the log-likelihood that it reports."""

    log_likelihood: float
    params: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Referee:
    """``fit(case, start)``; the start is latentfit's estimate, or None for one of its own."""

    package: str
    fit: Callable[["Case", Mapping[str, np.ndarray] | None], Estimate]
    r: bool = False
    # Why its estimate is not the maximum of the likelihood, where that is known.
    reason: str = ""
    # Which of a package's models, where two of them are used.
    variant: str = ""
    # Whether it accepts starting values.
    restarts: bool = True

    @property
    def name(self) -> str:
        return f"{self.package} {installed(self.package, self.r)}" + (
            f", {self.variant}" if self.variant else ""
        )


@dataclass(frozen=True)
class Case:
    model: str
    label: str
    n: int
    data: Mapping[str, np.ndarray]
    referees: Sequence[Referee]
    options: Mapping[str, Any] = field(default_factory=dict)
    starts: int = STARTS

    @property
    def size(self) -> int:
        """How many components, classes, states or factors."""
        return next(
            (
                self.options[name]
                for name in ("components", "classes", "states", "factors")
                if name in self.options
            ),
            2,
        )


def best(once: Callable[[int], Estimate], times: int = STARTS) -> Estimate:
    """The estimate with the highest log-likelihood, from the starts without an exception."""
    ends = []
    for seed in range(times):
        try:
            ends.append(once(seed))
        except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
            failure = error
    ends = [end for end in ends if np.isfinite(end.log_likelihood)]
    if not ends:
        raise failure
    return max(ends, key=lambda end: end.log_likelihood)


@cache
def installed(referee_package: str, r: bool) -> str | None:
    if not r:
        try:
            found = version(referee_package)
            import_module({"scikit-learn": "sklearn"}.get(referee_package, referee_package))
        except (PackageNotFoundError, ImportError):
            return None
        return found
    call = f"cat(as.character(packageVersion('{referee_package}')))"
    try:
        done = subprocess.run(("Rscript", "--vanilla", "-e", call), capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def example(model):
    return {k: np.asarray(v) for k, v in latentfit.load(model).example_data().items()}


def table(name, *columns):
    return np.genfromtxt(TABLES / f"{name}.csv", delimiter=",", skip_header=1, usecols=columns)
