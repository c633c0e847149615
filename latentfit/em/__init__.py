"""The EM loop over any two functions: when it ends, how far it still had to go, how often.

Knows NumPy and nothing about models: a model is an E step and an M step.
"""

from latentfit.em._short_runs import Short, ShortRun
from latentfit.em._starts import fit
from latentfit.em._workers import workers
from latentfit.em.calls import call, composed
from latentfit.em.executors import each
from latentfit.em.loop import run
from latentfit.em.results import Decrease, Fit, Optimum, Solution, Trace
from latentfit.em.stopping import Stop, Stopping

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
