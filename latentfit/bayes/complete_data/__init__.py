"""The complete-data view: conditional expectations of the latents, and Q.

Q(θ | θ') is the expectation of log p(x, z | θ) over p(z | x, θ') (Dempster, Laird & Rubin 1977,
eq. 2.17). What it needs of θ' is held in a few arrays, the *statistics*. Which ones depends on the
latents, and there is one module for each kind: categorical ones, a Markov chain, continuous ones of
known distribution, and draws for all others.
"""

from latentfit.bayes._density import Density
from latentfit.bayes.complete_data import _categorical, _chain, _points
from latentfit.bayes.complete_data._additive import Additive
from latentfit.bayes.complete_data._draws import DRAWS, by_draws
from latentfit.bayes.complete_data._view import CompleteData, Statistics, pairs_of
from latentfit.declaration import Declaration

__all__ = [
    "DRAWS",
    "Additive",
    "CompleteData",
    "Statistics",
    "by_draws",
    "complete_data_view",
    "pairs_of",
]


def complete_data_view(declaration: Declaration, density: Density) -> CompleteData:
    """Build the complete-data view, exactly where the latents allow it."""
    if not density.tractable:
        return by_draws(declaration, density)
    try:
        for kind in (_categorical, _chain, _points):
            found = kind.build(declaration, density)
            if found is not None:
                return found
    except NotImplementedError:
        # p(z | x, θ) is none that PyMC has a name for.
        pass
    return by_draws(declaration, density)
