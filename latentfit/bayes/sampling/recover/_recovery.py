"""The choice of the strategy that draws latents from p(z | x, θ)."""

import pymc as pm
import xarray as xr

from latentfit.bayes.sampling.recover import _categorical, _general, _markov_chain, _tabulated
from latentfit.bayes.sampling.recover._recovered import LatentGroup, RecoveredLatent, Recovery
from latentfit.bayes.views import childless_latents
from latentfit.declaration import Declaration

# The first strategy that returns a recovery is used. The last one draws any latents, and the ones
# before it are faster or more precise: the Markov chain needs no conditional model, categorical
# latents have exact probabilities, and tables serve for all entries with the same distribution.
_STRATEGIES = (_markov_chain.build, _categorical.build, _tabulated.build, _general.build)


def recover_latents(
    declaration: Declaration, view: pm.Model, draws: xr.Dataset, seed: int
) -> dict[str, RecoveredLatent]:
    """Draw every latent from p(z | x, θ), once for each posterior draw of the parameters.

    Parameters
    ----------
    declaration : Declaration
    view : pm.Model
        Its observed view.
    draws : Dataset
        The parameters on the natural scale, each with ``sample`` as its first dimension.
    seed : int

    Returns
    -------
    dict
        ``{latent: RecoveredLatent}``, in the order of `Declaration.latents`.

    Raises
    ------
    NotImplementedError
        p(z | x, θ) is not a distribution that can be drawn directly.
    """
    return prepare_recovery(declaration, view)(draws, seed, 1)


def prepare_recovery(declaration: Declaration, view: pm.Model) -> Recovery:
    """Compile the functions that draw the latents, once for any draws of the parameters.

    Returns
    -------
    callable
        From draws of θ, a seed, and the number of draws of the latents for each θ to the result
        of `recover_latents`. The draws for one θ follow one another.

    Raises
    ------
    NotImplementedError
        p(z | x, θ) is not a distribution that can be drawn directly.
    """
    childless = childless_latents(declaration)
    # All latents that were marginalised form one group, because each may depend on the draws of
    # the others.
    marginalised = tuple(name for name in declaration.latents if name not in childless)
    parts = []
    if marginalised:
        parts.append(_recovery_of(LatentGroup(declaration, view, marginalised, childless=False)))
    if childless:
        parts.append(_recovery_of(LatentGroup(declaration, view, childless, childless=True)))

    def recover(draws: xr.Dataset, seed: int, each: int) -> dict[str, RecoveredLatent]:
        recovered = {n: one for part in parts for n, one in part(draws, seed, each).items()}
        return {name: recovered[name] for name in declaration.latents}

    return recover


def _recovery_of(group: LatentGroup) -> Recovery:
    recoveries = (build(group) for build in _STRATEGIES)
    return next(recovery for recovery in recoveries if recovery is not None)
