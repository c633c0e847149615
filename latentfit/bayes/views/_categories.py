"""The categories of a discrete latent."""

import numpy as np
from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv

from latentfit.declaration import Declaration
from latentfit.declaration.compilation import compile_function


def category_counts(declaration: Declaration) -> dict[str, int]:
    """Count the categories of each categorical latent.

    Returns
    -------
    dict of int
        ``{latent: K}``, for the latents of `category_values`.
    """
    return {name: len(values) for name, values in category_values(declaration).items()}


def category_values(declaration: Declaration) -> dict[str, np.ndarray]:
    """List the values of each categorical latent.

    An E step returns the probabilities of these values. Of any other latent, such as a Poisson or
    binomial count, it returns the expectation.

    Returns
    -------
    dict of ndarray of int, each of shape (K,)
        ``{latent: values}``. Latents that are continuous or counts are left out.
    """
    found = {}
    for name in declaration.latents:
        try:
            domain = get_domain_of_finite_discrete_rv(declaration.model[name])
        except NotImplementedError:
            continue
        found[name] = np.asarray(compile_function([], domain)(), dtype=int)
    return found
