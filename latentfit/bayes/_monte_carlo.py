r"""Latents that nothing integrates out: draws from p(z | x, θ), and what they tell.

log p(x | θ) itself is then not known. Its slope is: by Fisher's identity,

    ∇ log p(x | θ) = E[∇ log p(x, z | θ) | x, θ],

an expectation over the latents (Fisher 1925; Efron 1977, discussion of Dempster, Laird & Rubin).
Draws come from NUTS, with θ held, and are thinned until they are as good as independent; whatever
is computed from them has a standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import pytensor

from latentfit.bayes._curvature import curvature
from latentfit.bayes._density import Density, Objective
from latentfit.bayes._posterior import Prepared, prepare, sample
from latentfit.declaration import Declaration, Space, double_precision, function, stable
from latentfit.errors import DeclarationError

_CHAINS = 4
_TUNE = 500
_DRAWS = 1000
# Vehtari et al. 2021 (Bayesian Analysis 16(2)).
_RHAT = 1.01
_EFFECTIVE = 400


@dataclass(frozen=True)
class Intractable(Density):
    """Stands in for the densities of a declaration whose latents cannot be integrated out.

    Attributes
    ----------
    view : pm.Model
        The joint view: there is no other.
    space : Space
    declaration : Declaration
    reason : str
        Why there is no log p(x | θ).
    """

    declaration: Declaration
    reason: str

    @property
    def tractable(self) -> bool:
        return False

    def log_likelihood(self, point: np.ndarray) -> Objective:
        raise DeclarationError(self.reason)

    def log_posterior(self, point: np.ndarray) -> Objective:
        raise DeclarationError(self.reason)

    def objective(self, point: np.ndarray, *, prior: bool = False) -> float:
        raise DeclarationError(self.reason)

    def hessian(self, point: np.ndarray, *, prior: bool = False) -> np.ndarray:
        raise DeclarationError(self.reason)

    def log_prior(self, point: np.ndarray) -> Objective:
        value, slope = self._prior(point)
        return float(value), slope

    def prior_hessian(self, point: np.ndarray) -> np.ndarray:
        (found,) = self._bend(point)
        return found

    @cached_property
    def _prior(self) -> Callable[..., list[np.ndarray]]:
        return function([self.point], self._prior_graphs, rewritten=True)

    @cached_property
    def _bend(self) -> Callable[..., list[np.ndarray]]:
        return curvature(self._prior_graphs[1:], self.point)

    @cached_property
    def _prior_graphs(self) -> list[Any]:
        """Log p(θ) and its gradient."""
        from latentfit.bayes.complete_data._terms import in_terms_of

        model = self.declaration.model
        with double_precision():
            density = model.logp(
                vars=[model[name] for name in self.declaration.parameters], jacobian=False
            )
        (graph,) = stable(in_terms_of(self.point, self, model, [density]))
        return [graph, pytensor.grad(graph, self.point, disconnected_inputs="ignore")]

    def draws(self, point: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draws of the latents from p(z | x, θ), ``{latent: (sample, *shape)}``.

        Raises
        ------
        DeclarationError
            The chains did not converge.
        """
        import arviz_stats as azs

        declaration = self.declaration
        natural = self.space.constrain(point)
        sampler = self._sampler
        for name in declaration.parameters:
            sampler.model[name].set_value(natural[name])
        tree = sample(
            sampler,
            draws=_DRAWS,
            tune=_TUNE,
            chains=_CHAINS,
            seed=int(rng.integers(2**31)),
        )
        found = tree["posterior"].to_dataset()[list(declaration.latents)]
        rhat, ess = azs.rhat(found), azs.ess(found)
        worst = max(float(rhat[name].max()) for name in declaration.latents)
        effective = min(float(ess[name].min()) for name in declaration.latents)
        if not (worst <= _RHAT and effective >= _EFFECTIVE):
            raise DeclarationError(
                f"NUTS did not converge on {', '.join(declaration.latents)} given θ: "
                f"R-hat {worst:.3g}, {effective:.0f} effective draws"
            )
        step = max(1, int(np.ceil(_CHAINS * _DRAWS / effective)))
        return {
            name: np.concatenate(np.asarray(found[name])[:, ::step]) for name in declaration.latents
        }

    @cached_property
    def _sampler(self) -> Prepared:
        declaration = self.declaration
        natural = self.space.constrain(self.space.origin)
        given = {name: natural[name] for name in declaration.parameters}
        # As data containers, so that what is compiled serves for every θ.
        model = pm.do(declaration.model, given, make_interventions_shared=True)
        return prepare(model, variable=declaration.parameters)


def intractable(declaration: Declaration, space: Space, reason: str) -> Intractable | None:
    """The stand-in, or None where NUTS cannot draw a latent: because it is discrete."""
    if any(not declaration.model[name].dtype.startswith("float") for name in declaration.latents):
        return None
    return Intractable(declaration.model, space, declaration, reason)
