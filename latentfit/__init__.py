"""Check hand-derived EM algorithms against the PyMC models that they were derived from.

A latent-variable model is declared once, as a PyMC model. The E step and the M step are functions
that the user writes. `LatentModel.fit` runs the EM algorithm, `LatentModel.check` checks the steps
against the declaration, and `LatentModel.compare` compares EM's estimates with the direct MLE, the
MAP and the posterior of the same declaration.
"""

from latentfit._load import load, load_derivation
from latentfit.declaration import catalogue
from latentfit.em import Fit, Solution, Stop, Stopping
from latentfit.errors import (
    ClusterError,
    DeclarationError,
    InputError,
    LatentfitError,
    StepError,
)
from latentfit.model import LatentModel

__version__ = "0.1.0"

__all__ = [
    "ClusterError",
    "DeclarationError",
    "Fit",
    "InputError",
    "LatentModel",
    "LatentfitError",
    "Solution",
    "StepError",
    "Stop",
    "Stopping",
    "__version__",
    "catalogue",
    "load",
    "load_derivation",
]
