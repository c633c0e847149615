"""The EM loop over any two functions: when it ends, how far it still had to go, how often.

Knows NumPy and nothing about models: a model is an E step and an M step.
"""

from latentfit.em._call import call, composed
from latentfit.em._executor import each
from latentfit.em._loop import run
from latentfit.em._result import Decrease, Fit, Optimum, Solution, Trace
from latentfit.em._short import Short, ShortRun
from latentfit.em._starts import fit
from latentfit.em._stop import Stop, Stopping
from latentfit.em._workers import workers

__all__ = [
    "Decrease",
    "Fit",
    "Optimum",
    "Short",
    "ShortRun",
    "Solution",
    "Stop",
    "Stopping",
    "Trace",
    "call",
    "composed",
    "each",
    "fit",
    "run",
    "workers",
]
