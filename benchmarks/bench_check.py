"""The time of ``latentfit check``, compared with the time of importing what it needs.

Whole processes are timed, alternating between the import and the check, so that other load on the
machine affects both. The first round starts without compiled code: PyTensor's compile directory and
Numba's cache are empty. Import caches of Python and caches of the file system are not emptied.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

ROWS = 1000
IMPORT = (sys.executable, "-c", "import pymc_extras.marginal")


def main() -> None:
    parser = argparse.ArgumentParser(description="Time a check against the import of PyMC.")
    parser.add_argument("--repeats", type=int, default=5, help="warm rounds [default: 5]")
    repeats = parser.parse_args().repeats
    with TemporaryDirectory() as folder:
        table = Path(folder) / "mixture.csv"
        table.write_text("\n".join(["x", *map(repr, simulated().tolist())]) + "\n")
        check = (sys.executable, "-m", "latentfit", "check", "gaussian-mixture")
        check = (*check, "--data", str(table), "--quiet")
        cache = Path(folder) / "cache"
        environment = {
            **os.environ,
            "PYTENSOR_FLAGS": f"base_compiledir={cache}",
            "NUMBA_CACHE_DIR": str(cache / "numba"),
        }
        cold = (timed(IMPORT, environment), timed(check, environment))
        compiled = sum(path.suffix in (".so", ".nbi", ".nbc") for path in cache.rglob("*"))
        rounds = [(timed(IMPORT, environment), timed(check, environment)) for _ in range(repeats)]
    warm = [statistics.median(times) for times in zip(*rounds, strict=True)]
    print(f"{'seconds':28}{'import':>9}{'check':>9}{'ratio':>9}")
    line("cold compile directory", cold)
    line(f"warm, median of {repeats}", warm)
    lowest, highest = (f(c / i for i, c in rounds) for f in (min, max))
    print(f"Ratios of single warm rounds: {lowest:.2f} to {highest:.2f}.")
    print(
        f"The first round wrote {compiled} compiled files to the caches."
        if compiled
        else "The first round wrote no compiled files: nothing is cached between runs."
    )


def simulated() -> np.ndarray:
    """Return a sample of 0.7 N(7, 0.5²) + 0.3 N(10, 0.5²)."""
    rng = np.random.default_rng(1)
    return rng.normal(np.where(rng.random(ROWS) < 0.7, 7.0, 10.0), 0.5)


def timed(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Return the seconds that a process takes, which has to succeed."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def line(name: str, times: Sequence[float]) -> None:
    imported, checked = times
    print(f"{name:28}{imported:9.2f}{checked:9.2f}{checked / imported:9.2f}")


if __name__ == "__main__":
    main()
