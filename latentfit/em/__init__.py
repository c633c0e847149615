"""The EM algorithm for any E step and M step.

`run` runs EM from one start, `fit` from several. A model is only known here as two functions, an E
step and an M step, on NumPy arrays.
"""

from latentfit.em._short_runs import ShortRuns
from latentfit.em._starts import fit
from latentfit.em._workers import workers
from latentfit.em.calls import call, composed
from latentfit.em.executors import each
from latentfit.em.fits import Fit, LimitPoint, ShortRun
from latentfit.em.loop import run
from latentfit.em.results import Decrease, Solution, Trace
from latentfit.em.stopping import Stop, Stopping

__all__ = [
    "Decrease",
    "Fit",
    "LimitPoint",
    "ShortRun",
    "ShortRuns",
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
