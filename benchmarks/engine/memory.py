"""Peak memory of a fit to ten million numbers, in a process of its own.

``python -m engine.memory latentfit|scikit-learn`` prints the bytes of the data and how far the
resident set rose above what it was before there were any: data, fit and all. Code is compiled
and imported beforehand.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

ROWS = 10_000_000
ITERATIONS = 3


def main(which: str) -> None:
    from engine import mixtures

    def fit(x: np.ndarray) -> None:
        _, start = mixtures.numbers(2)
        if which == "latentfit":
            run = mixtures.Loop(mixtures.e_step, mixtures.m_step, {"x": x}, start)
        else:
            run = mixtures.scikit_learn(x, start)
        run(ITERATIONS)

    warnings.simplefilter("ignore")
    small, _ = mixtures.numbers(5000)
    fit(small)
    # The highest so far is forgotten.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    x = np.empty(ROWS)
    # Piece by piece, so that what simulating takes is no part of the peak.
    for begin in range(0, ROWS, len(small)):
        x[begin : begin + len(small)] = small
    fit(x)
    print(json.dumps({"data": x.nbytes, "peak": resident("VmHWM") - before}))


def resident(which: str) -> int:
    """Bytes of the resident set, now (VmRSS) or at its highest (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {which} in /proc/self/status")


if __name__ == "__main__":
    main(sys.argv[1])
