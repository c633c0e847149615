"""Peak memory of a fit to ten million numbers, in a separate process.

``python -m engine.memory latentfit|scikit-learn`` prints the size of the data and the increase of
the resident set, in bytes, from before the data are simulated to its maximum during the fit. Code
is compiled and imported beforehand.
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
    # Reset the maximum (VmHWM) that the kernel has recorded.
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    x = np.empty(ROWS)
    # Simulated in pieces, so that temporary arrays do not raise the maximum.
    for begin in range(0, ROWS, len(small)):
        x[begin : begin + len(small)] = small
    fit(x)
    print(json.dumps({"data": x.nbytes, "peak": resident("VmHWM") - before}))


def resident(which: str) -> int:
    """Size of the resident set in bytes: now (VmRSS), or its maximum (VmHWM)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {which} in /proc/self/status")


if __name__ == "__main__":
    main(sys.argv[1])
