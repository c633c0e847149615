"""How many categories a discrete latent has."""

from pymc_extras.model.marginal.distributions.enumerable import get_domain_of_finite_discrete_rv

from latentfit.declaration import Declaration, function


def categories(declaration: Declaration) -> dict[str, int]:
    """Number of categories of each latent with finitely many, ``{latent: K}``."""
    found = {}
    for name in declaration.latents:
        try:
            domain = get_domain_of_finite_discrete_rv(declaration.model[name])
        except NotImplementedError:
            continue
        found[name] = int(function([], domain.size)())
    return found
