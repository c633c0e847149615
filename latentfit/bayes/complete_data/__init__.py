"""The complete-data view: conditional expectations of the latents, and Q.

Q(θ | θ') is the expectation of log p(x, z | θ) over p(z | x, θ') (Dempster, Laird & Rubin 1977, eq.
2.17). It depends on θ' through a few arrays, the *statistics*, and which arrays these are depends
on the latents. There is one module for each kind of latents: categorical ones, a Markov chain,
continuous ones with a known conditional distribution, and draws for any others.

To add a kind of latents, write a module with a function ``build(declaration, density)`` that
returns a `CompleteData`, or None where it does not apply, and enter the function in `_KINDS`.
"""

from collections.abc import Callable

from latentfit.bayes.complete_data import _categorical, _continuous, _markov_chain
from latentfit.bayes.complete_data._additive import AdditiveStatistic
from latentfit.bayes.complete_data._by_draws import CONDITIONAL_DRAWS, complete_data_by_draws
from latentfit.bayes.complete_data._complete_data import (
    CompleteData,
    Statistics,
    pairs_key,
    points_key,
)
from latentfit.bayes.views import Density
from latentfit.declaration import Declaration

__all__ = [
    "CONDITIONAL_DRAWS",
    "AdditiveStatistic",
    "CompleteData",
    "Statistics",
    "complete_data_by_draws",
    "complete_data_view",
    "pairs_key",
    "points_key",
]

# Kinds of latents with exact statistics. They exclude one another, so that their order is
# irrelevant. Draws are used where none of them applies.
_KINDS: tuple[Callable[[Declaration, Density], CompleteData | None], ...] = (
    _categorical.build,
    _markov_chain.build,
    _continuous.build,
)


def complete_data_view(declaration: Declaration, density: Density) -> CompleteData:
    """Build the complete-data view, with exact statistics where the latents allow it.

    Parameters
    ----------
    declaration : Declaration
    density : Density
        The density of its observed view, or an `IntractableDensity`.
    """
    if not density.tractable:
        return complete_data_by_draws(declaration, density)
    try:
        for build in _KINDS:
            complete = build(declaration, density)
            if complete is not None:
                return complete
    except NotImplementedError:
        # p(z | x, θ) is not available as a random variable.
        pass
    return complete_data_by_draws(declaration, density)
