"""How each latent was marginalised, and how precise the result is."""

from collections.abc import Iterator, Sequence
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

from latentfit.bayes.marginalize import (
    INDEPENDENT_RULE,
    QuadratureMarginalRV,
    quadrature_rule,
    wider_count_ranges,
)
from latentfit.bayes.views._density import Density
from latentfit.bayes.views._observed import childless_latents, observed_view
from latentfit.declaration import Declaration

# Phrases for the strategies of pymc-extras; the strategies of latentfit describe themselves.
_PYMC_EXTRAS_STRATEGIES: dict[type, str] = {
    MarginalFiniteDiscreteRV: "summed over its categories",
    MarginalDiscreteMarkovChainRV: "summed over its paths",
    NormalNormalMarginalRV: "closed form, its conditional distribution is normal",
}

# Error of log p(x | θ), absolute, that is too small to change any comparison of log-likelihoods.
_NEGLIGIBLE_LOG_LIKELIHOOD_ERROR = 1e-6


@dataclass(frozen=True)
class Marginalisation:
    """How one latent was marginalised out of log p(x, z | θ).

    Attributes
    ----------
    latent : str
    strategy : str
        A phrase that describes the strategy.
    error : float or None
        Estimated error of log p(x | θ): the largest difference from an independent rule of
        quadrature, and from sums over wider ranges of counts, at the θ in question. None where
        the strategy is exact, infinite where log p(x | θ) is not known.
    """

    latent: str
    strategy: str
    error: float | None = None

    @property
    def precise(self) -> bool:
        """Whether the error is too small to change any comparison of log-likelihoods."""
        return self.error is None or self.error <= _NEGLIGIBLE_LOG_LIKELIHOOD_ERROR

    def __str__(self) -> str:
        """Describe the strategy and its precision in one phrase."""
        if self.error == np.inf:
            return f"{self.latent}: {self.strategy} (log p(x | θ) is not known)"
        precision = (
            "exact" if self.error is None else f"error of log p(x | θ) about {self.error:.1g}"
        )
        return f"{self.latent}: {self.strategy} ({precision})"


def marginalisations(
    declaration: Declaration, density: Density, points: Sequence[np.ndarray]
) -> tuple[Marginalisation, ...]:
    """Describe how the latents were marginalised in the observed view.

    Parameters
    ----------
    declaration : Declaration
    density : Density
        The density of the observed view of `declaration`.
    points : sequence of ndarray, each of shape (size,)
        Unconstrained θ at which the error of quadrature is estimated; the largest error counts.

    Returns
    -------
    tuple of Marginalisation
        One for each latent, in the order of the declaration.
    """
    if not density.tractable:
        strategy = "no strategy marginalises it, and draws from p(z | x, θ) are used instead"
        return tuple(Marginalisation(name, strategy, np.inf) for name in declaration.latents)
    childless = childless_latents(declaration)
    ops = {op.marginalized_name: op for op in _marginal_ops(density.view)}
    error = None
    if any(map(_is_approximate, ops.values())):
        with quadrature_rule(INDEPENDENT_RULE), wider_count_ranges():
            other = Density(observed_view(declaration), density.space)
        error = max(_difference(density, other, point) for point in points)
    return tuple(
        Marginalisation(name, "no data depend on it, and its density integrates to one")
        if name in childless
        else Marginalisation(
            name,
            _describe(ops[name]),
            error if _is_approximate(ops[name]) else None,
        )
        for name in declaration.latents
    )


def _difference(density: Density, other: Density, point: np.ndarray) -> float:
    """Compute the difference of two values of log p(x | θ).

    It is zero where the data are impossible by both, and infinite where one of them is not known.
    """
    one, two = density.objective(point), other.objective(point)
    if one == two:
        return 0.0
    difference = abs(one - two)
    return difference if np.isfinite(difference) else np.inf


def quadrature_ops(view: pm.Model) -> list[QuadratureMarginalRV]:
    """List the operations of an observed view that integrate a latent by quadrature."""
    ops = [getattr(op, "inner", op) for op in _marginal_ops(view)]
    return [op for op in ops if isinstance(op, QuadratureMarginalRV)]


def _is_approximate(op: Any) -> bool:
    """Whether an operation integrates by quadrature, or leaves out counts that are improbable."""
    op = getattr(op, "inner", op)
    return isinstance(op, QuadratureMarginalRV) or getattr(op, "truncated", False)


def _marginal_ops(view: pm.Model) -> Iterator[Any]:
    for variable in ancestors(view.basic_RVs):
        if variable.owner is not None and isinstance(variable.owner.op, MarginalRV):
            yield from _with_inner_ops(variable.owner.op)


def _with_inner_ops(op: Any) -> Iterator[Any]:
    """Yield a marginalisation, and those in its inner graph (of latents that depend on others)."""
    yield op
    for node in op.fgraph.toposort():
        if isinstance(node.op, MarginalRV):
            yield from _with_inner_ops(node.op)


def _describe(op: Any) -> str:
    phrases = _PYMC_EXTRAS_STRATEGIES.items()
    known = next((phrase for kind, phrase in phrases if isinstance(op, kind)), None)
    return known or str(getattr(op, "strategy", type(op).__name__))
