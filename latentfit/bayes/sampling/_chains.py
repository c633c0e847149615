"""The functions that nutpie's chains call, each chain in a thread of its own.

nutpie raises the error of one chain while the threads of the others still run. If Python ends
meanwhile, it crashes. The functions can therefore be stopped, and `Chains.stop` waits until no
thread runs any more.
"""

import ctypes
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from latentfit.bayes.sampling._backends import GradientFunction
from latentfit.errors import LatentfitError

# Seconds to wait for threads to end. A thread ends with its next call of a function, and a call
# takes much less.
_MAX_WAIT_SECONDS = 30.0
_SECONDS_BETWEEN_LOOKS = 0.01
# Seconds to wait where the operating system does not list the threads of a process.
_BLIND_WAIT_SECONDS = 1.0
# The threads of this process, on Linux.
_THREADS = Path("/proc/self/task")


class Chains:
    """The functions of the chains of one call of nutpie.

    Parameters
    ----------
    start : callable
        From a seed to an unconstrained point.
    gradient : callable
        Makes the function for one chain that evaluates the log density and its gradient.
    """

    def __init__(
        self,
        start: Callable[[int], np.ndarray],
        gradient: Callable[[], GradientFunction],
    ) -> None:
        self._start = start
        self._gradient = gradient
        self._threads: set[int] = set()
        self._stopped = False
        self.error: LatentfitError | None = None
        """The first error of latentfit in a chain. nutpie raises an error with its text."""

    def start(self, seed: int) -> np.ndarray:
        """Return the starting point of a chain."""
        self._enter()
        try:
            return self._start(seed)
        except LatentfitError as error:
            self.error = self.error or error
            raise

    def gradient(self) -> GradientFunction:
        """Return the function for one chain, which keeps Python's state of the calling thread.

        nutpie's threads were not started by Python, which creates a state for such a thread at
        each call and destroys it afterwards. Memory is then mapped and unmapped, for which the
        threads of all chains wait. One additional reference to the state, which is never
        released, keeps it for as long as the process lives.
        """
        evaluate, kept = self._gradient(), False

        def called(at: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal kept
            if not kept:
                ctypes.pythonapi.PyGILState_Ensure()
                kept = True
                self._threads.add(threading.get_native_id())
            if self._stopped:
                raise RuntimeError("the other chains ended")
            return evaluate(at)

        return called

    def stop(self) -> None:
        """End all chains, and wait until their threads have ended."""
        self._stopped = True
        if not _THREADS.is_dir():
            time.sleep(_BLIND_WAIT_SECONDS)
            return
        deadline = time.monotonic() + _MAX_WAIT_SECONDS
        while time.monotonic() < deadline and any(
            (_THREADS / str(thread)).exists() for thread in tuple(self._threads)
        ):
            time.sleep(_SECONDS_BETWEEN_LOOKS)

    def _enter(self) -> None:
        self._threads.add(threading.get_native_id())
        if self._stopped:
            raise RuntimeError("the other chains ended")
