"""latentfit: is this EM derivation right, and how do its estimates stand beside PyMC's?

One latent-variable model, declared once as a PyMC model, and an E step and an M step written
by hand. `LatentModel.fit` runs the EM algorithm; `LatentModel.compare` sets its estimates beside
the direct MLE, the MAP and the posterior of the same declaration.
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
