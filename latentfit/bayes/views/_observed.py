"""The observed view: the model of x and θ, with the latents marginalised."""

import warnings
from collections.abc import Sequence

import pymc as pm
from pymc.model.fgraph import fgraph_from_model, model_from_fgraph
from pymc_extras.model.marginal.distributions.enumerable import NonSeparableLogpWarning
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors

from latentfit.bayes.marginalize import marginalise_latents
from latentfit.bayes.views._partially_observed import shares_density_with_observed
from latentfit.bayes.views._refusal import refusal
from latentfit.declaration import Declaration
from latentfit.errors import DeclarationError


def observed_view(declaration: Declaration) -> pm.Model:
    """Build the model of x and θ alone, whose log density is log p(x | θ) + log p(θ).

    A latent on which no other random variable depends integrates to one and is removed from the
    model (a missing value that nothing else depends on, for example). All other latents are
    marginalised by `latentfit.bayes.marginalize.marginalise_latents`.

    Raises
    ------
    DeclarationError
        No strategy marginalises one of the latents.
    """
    childless = childless_latents(declaration)
    model = _without_latents(declaration.model, declaration, childless)
    to_marginalise = [name for name in declaration.latents if name not in childless]
    if not to_marginalise:
        return _with_own_constants(model)
    try:
        with warnings.catch_warnings():
            # PyMC warns where one latent has several observed children, because their joint
            # log density is then assigned to the first child. Only the sum is used here.
            warnings.simplefilter("ignore", NonSeparableLogpWarning)
            return _with_own_constants(marginalise_latents(model, to_marginalise))
    except Exception as error:  # PyTensor and pymc-extras raise errors of many types
        raise DeclarationError(refusal(declaration, to_marginalise, error)) from error


def _with_own_constants(model: pm.Model) -> pm.Model:
    """Give each constant of a model memory of its own.

    Graph rewrites make constants that are views of others. PyTensor makes the memory of some
    constants read-only but leaves their views marked as writeable, and SciPy's samplers, which
    draw the initial points of the chains, raise an error for such arrays.
    """
    for node in ancestors(model.basic_RVs):
        if isinstance(node, Constant) and getattr(node.data, "base", None) is not None:
            node.data = node.data.copy()
    return model


def childless_latents(declaration: Declaration) -> tuple[str, ...]:
    """Names of the latents on which no other random variable of the model depends.

    A missing entry of a vector with a multivariate distribution is not among them, because the
    observed entries of the vector depend on it.
    """
    model = declaration.model
    candidates = {
        name for name in declaration.latents if not shares_density_with_observed(model[name])
    }
    while True:
        remaining = [rv for rv in model.basic_RVs if rv.name not in candidates]
        needed = set(ancestors([parent for rv in remaining for parent in rv.owner.inputs]))
        with_children = {name for name in candidates if model[name] in needed}
        if not with_children:
            return tuple(name for name in declaration.latents if name in candidates)
        candidates -= with_children


def _without_latents(model: pm.Model, declaration: Declaration, latents: Sequence[str]) -> pm.Model:
    """Remove childless latents, and the names of Deterministics that are functions of any latent.

    The latents are no longer part of the observed view, so that it cannot report such
    Deterministics. Variables that depend on a Deterministic keep its expression: in
    ``y ~ Normal(mu + tau * z, 1)`` the mean may have been declared as a Deterministic.
    """
    graph, memo = fgraph_from_model(model, inlined_views=True)
    for deterministic in model.deterministics:
        if deterministic.name in declaration.deterministics:
            continue
        named = memo[deterministic]
        graph.remove_output(graph.outputs.index(named))
        graph.replace(named, named.owner.inputs[0])
    for name in latents:
        graph.remove_node(memo[model[name]].owner)
    return model_from_fgraph(graph, mutate_fgraph=True)
