"""What derivations are compared with: the views of one declaration on one data set."""

from dataclasses import dataclass
from functools import cached_property

from latentfit import bayes
from latentfit.bayes import CompleteData, Density
from latentfit.declaration import Declaration, parameter_space
from latentfit.errors import DeclarationError


@dataclass(frozen=True)
class Reference:
    """The views of one model on one data set, built once for any number of derivations.

    Attributes
    ----------
    declaration : Declaration
    density : Density
        log p(x | θ) and log p(θ).
    complete : CompleteData
        Conditional expectations and Q, exact if the latents allow it.
    """

    declaration: Declaration
    density: Density
    complete: CompleteData

    @cached_property
    def by_draws(self) -> CompleteData:
        """The conditional expectations and Q as means over draws of the latents."""
        return bayes.complete_data.complete_data_by_draws(self.declaration, self.density)


def reference(declaration: Declaration, density: Density | None = None) -> Reference:
    """Build the observed and the complete-data view of a declaration.

    Parameters
    ----------
    declaration : Declaration
    density : Density, optional
        Density of the observed view, if it has been built already.

    Raises
    ------
    DeclarationError
        A discrete latent cannot be summed out, or a parameter is discrete.
    """
    density = density or _density(declaration)
    return Reference(declaration, density, bayes.complete_data_view(declaration, density))


def _density(declaration: Declaration) -> Density:
    """Build the observed view, or its stand-in if the latents cannot be integrated out."""
    space = parameter_space(declaration)
    try:
        return Density(bayes.observed_view(declaration), space)
    except DeclarationError as error:
        stand_in = bayes.sampling.intractable_density(declaration, space, str(error))
        if stand_in is None:
            raise
        return stand_in
