"""How each latent was integrated out, and how precisely."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
from pymc_extras.model.marginal.distributions.core import MarginalRV
from pymc_extras.model.marginal.distributions.discrete_markov_chain import (
    MarginalDiscreteMarkovChainRV,
)
from pymc_extras.model.marginal.distributions.enumerable import MarginalFiniteDiscreteRV
from pymc_extras.model.marginal.distributions.normal import NormalNormalMarginalRV
from pytensor.graph.traversal import ancestors

from latentfit.bayes._density import Density
from latentfit.bayes._observed import childless_latents, observed_view
from latentfit.bayes.marginalize import QuadratureMarginalRV, nodes
from latentfit.declaration import Declaration

_KNOWN: dict[type, str] = {
    MarginalFiniteDiscreteRV: "summed over its categories",
    MarginalDiscreteMarkovChainRV: "summed over its paths",
    NormalNormalMarginalRV: "its conditional is normal",
}

# Error of log p(x | θ) that is below what heights are compared to.
_PRECISE = 1e-6


@dataclass(frozen=True)
class Integration:
    """How one latent was integrated out of log p(x, z | θ).

    Attributes
    ----------
    latent : str
    strategy : str
        In words.
    error : float or None
        Where it was integrated numerically: by how much log p(x | θ) changes when the nodes are
        doubled. None where the integral has a closed form, infinite where it is not known at all.
    """

    latent: str
    strategy: str
    error: float | None = None

    @property
    def precise(self) -> bool:
        """Whether nothing that is compared would notice the error."""
        return self.error is None or self.error <= _PRECISE

    def __str__(self) -> str:
        if self.error == np.inf:
            return f"{self.latent}: {self.strategy} (log p(x | θ) is not known)"
        precision = "exact" if self.error is None else f"to {self.error:.1g} in log p(x | θ)"
        return f"{self.latent}: {self.strategy} ({precision})"


def integrations(
    declaration: Declaration, density: Density, point: np.ndarray
) -> tuple[Integration, ...]:
    """How the latents of an observed view were integrated out.

    Parameters
    ----------
    declaration : Declaration
    density : Density
        Of its observed view.
    point : ndarray, shape (size,)
        Unconstrained θ at which the precision is looked at.
    """
    if not density.tractable:
        words = "in no way that is known; draws by NUTS stand for it"
        return tuple(Integration(name, words, np.inf) for name in declaration.latents)
    childless = childless_latents(declaration)
    ops = {op.marginalized_name: op for op in _ops(density.view)}
    numerical = quadratures(density.view)
    error = None
    if numerical:
        with nodes(2 * max(op.nodes for op in numerical)):
            finer = Density(observed_view(declaration), density.space)
        error = abs(finer.objective(point) - density.objective(point))
    return tuple(
        Integration(name, "no data depend on it, and it integrates to one")
        if name in childless
        else Integration(
            name,
            _words(ops[name]),
            error if isinstance(ops[name], QuadratureMarginalRV) else None,
        )
        for name in declaration.latents
    )


def quadratures(view: pm.Model) -> list[QuadratureMarginalRV]:
    """What of an observed view is integrated numerically."""
    return [op for op in _ops(view) if isinstance(op, QuadratureMarginalRV)]


def _ops(view: pm.Model) -> Iterator[Any]:
    for variable in ancestors(view.basic_RVs):
        if variable.owner is not None and isinstance(variable.owner.op, MarginalRV):
            yield from _within(variable.owner.op)


def _within(op: Any) -> Iterator[Any]:
    yield op
    for node in op.fgraph.toposort():
        if isinstance(node.op, MarginalRV):
            yield from _within(node.op)


def _words(op: Any) -> str:
    known = next((words for kind, words in _KNOWN.items() if isinstance(op, kind)), None)
    return known or str(getattr(op, "strategy", type(op).__name__))
