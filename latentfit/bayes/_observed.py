"""The observed view: the latents integrated or summed out, log p(x | θ)."""

import warnings
from collections.abc import Sequence

import pymc as pm
from pymc.model.fgraph import fgraph_from_model, model_from_fgraph
from pymc_extras.marginal import marginalize
from pymc_extras.model.marginal.distributions.enumerable import NonSeparableLogpWarning
from pytensor.graph.traversal import ancestors

from latentfit.declaration import Declaration
from latentfit.errors import DeclarationError


def observed_view(declaration: Declaration) -> pm.Model:
    """The model of x and θ alone.

    A latent on which nothing observed depends integrates to one and is simply left out (a
    missing value without children, say); PyMC's marginalisation takes the others, through the
    strategies registered with it.

    Raises
    ------
    DeclarationError
        No registered strategy integrates one of the latents out.
    """
    childless = childless_latents(declaration)
    model = _without(declaration.model, declaration, childless)
    rest = [name for name in declaration.latents if name not in childless]
    if not rest:
        return model
    try:
        with warnings.catch_warnings():
            # Raised where one latent has several observed children: their joint density is
            # then booked on the first of them, and only the sum is used here.
            warnings.simplefilter("ignore", NonSeparableLogpWarning)
            return marginalize(model, rest)
    except (NotImplementedError, ValueError) as error:
        raise DeclarationError(
            f"cannot integrate {', '.join(rest)} out of the model: {error}"
        ) from error


def childless_latents(declaration: Declaration) -> tuple[str, ...]:
    """Latents on which no other random variable of the model depends."""
    model = declaration.model
    names = set(declaration.latents)
    while True:
        others = [rv for rv in model.basic_RVs if rv.name not in names]
        needed = set(ancestors([parent for rv in others for parent in rv.owner.inputs]))
        with_children = {name for name in names if model[name] in needed}
        if not with_children:
            return tuple(name for name in declaration.latents if name in names)
        names -= with_children


def _without(model: pm.Model, declaration: Declaration, latents: Sequence[str]) -> pm.Model:
    """The model less some childless latents and every Deterministic of any latent.

    Those Deterministics cannot outlive the latents that they are functions of.
    """
    kept = set(declaration.deterministics)
    doomed = {variable.name for variable in model.deterministics} - kept | set(latents)
    graph, memo = fgraph_from_model(model, inlined_views=True)
    for name in doomed:
        graph.remove_node(memo[model[name]].owner)
    return model_from_fgraph(graph, mutate_fgraph=True)
