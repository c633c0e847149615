"""Check hand-derived EM algorithms against the PyMC models that they were derived from.

A latent-variable model is declared once, as a PyMC model. The E step and the M step are functions
that the user writes. `LatentModel.fit` runs the EM algorithm, `LatentModel.check` checks the steps
against the declaration, and `LatentModel.compare` compares EM's estimates with the direct MLE, the
MAP and the posterior of the same declaration.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
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

# Nothing is imported before it is used, so that the command line can start its child process first.
__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submodules=[
        "agreement",
        "bayes",
        "check",
        "declaration",
        "display",
        "em",
        "errors",
        "model",
        "plain",
        "progress",
        "report",
        "selection",
        "workflow",
    ],
    submod_attrs={
        "_load": ["load", "load_derivation"],
        "declaration": ["catalogue"],
        "em": ["Fit", "Solution", "Stop", "Stopping"],
        "errors": [
            "ClusterError",
            "DeclarationError",
            "InputError",
            "LatentfitError",
            "StepError",
        ],
        "model": ["LatentModel"],
    },
)

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
