"""The number of categories of a discrete latent."""

from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv

from latentfit.declaration import Declaration, function


def category_counts(declaration: Declaration) -> dict[str, int]:
    """Count the categories of each latent that has finitely many.

    Returns
    -------
    dict of int
        ``{latent: K}``. Continuous latents and latents with infinitely many values are left out.
    """
    counts = {}
    for name in declaration.latents:
        try:
            domain = get_domain_of_finite_discrete_rv(declaration.model[name])
        except NotImplementedError:
            continue
        counts[name] = int(function([], domain.size)())
    return counts
