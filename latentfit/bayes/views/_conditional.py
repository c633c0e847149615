"""The conditional view: the model in which the latents have the distribution p(z | x, θ)."""

import pymc as pm
from pymc_extras.marginal import conditional

from latentfit.bayes.marginalize import unprinted_rewrite_errors
from latentfit.declaration.compilation import double_precision


def conditional_view(view: pm.Model) -> pm.Model:
    """Build the model in which each marginalised latent has its distribution given x and θ.

    Parameters
    ----------
    view : pm.Model
        The observed view.

    Raises
    ------
    NotImplementedError
        p(z | x, θ) is not available as a random variable.
    """
    try:
        with double_precision(), unprinted_rewrite_errors():
            return conditional(view)
    except (AttributeError, ValueError) as error:
        # pymc-extras marginalises the latents again in its own order, which need not be one in
        # which all of them have a strategy.
        raise NotImplementedError(
            f"the conditional distribution of the latents given the data is not available: {error}"
        ) from error
