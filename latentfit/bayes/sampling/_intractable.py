r"""Declarations with a latent that no strategy marginalises, represented by draws from p(z | x, θ).

log p(x | θ) cannot be evaluated for them. Its gradient can be estimated: by Fisher's identity,

    ∇ log p(x | θ) = E[∇ log p(x, z | θ) | x, θ],

which is an expectation over the latents (Fisher 1925; Efron 1977, discussion of Dempster, Laird &
Rubin). The draws come from NUTS at a fixed θ, or from slice sampling where the data exclude a part
of the latents' range. They are thinned until they are nearly independent, so that estimates from
them have a standard error. The identity does not hold for parameters that bound the range of the
latents.

Both draw continuous latents only. Discrete ones are summed out before, and drawn from their
conditional distribution afterwards: the topics of words, for example, given the shares of topics of
a document.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.bayes.derivatives import gradient
from latentfit.bayes.marginalize import marginalise_latents
from latentfit.bayes.sampling._nuts import prepare_nuts, sample_posterior
from latentfit.bayes.sampling._slices import prepare_slices
from latentfit.bayes.sampling._unconstrained import UnconstrainedModel, unconstrained_model
from latentfit.bayes.sampling.recover import Recovery, prepare_recovery
from latentfit.bayes.views import (
    Density,
    ValueAndGradient,
    at_unconstrained_point,
    conditional_view,
    hessian_function,
    observed_view,
)
from latentfit.declaration import Declaration, Space
from latentfit.declaration.compilation import compile_function, double_precision, stabilise
from latentfit.errors import DeclarationError

_CHAINS = 4
_TUNING_DRAWS = 500
_DRAWS = 1000
# Number of entries of the latents beyond which slice sampling, one entry at a time, takes minutes.
_MAX_SLICED_ENTRIES = 200
# Criteria of convergence of Vehtari et al. 2021 (Bayesian Analysis 16(2)).
_MAX_RHAT = 1.01
_MIN_EFFECTIVE_DRAWS = 400


@dataclass(frozen=True)
class IntractableDensity(Density):
    """The density of a declaration whose log-likelihood cannot be evaluated.

    The log prior is available, as are draws of the latents. The log-likelihood, the log
    posterior density and their derivatives raise `DeclarationError`.

    Attributes
    ----------
    view : pm.Model
        The joint view, because there is no observed view.
    space : Space
    declaration : Declaration
    reason : str
        The reason why log p(x | θ) cannot be evaluated.
    discrete : tuple of str
        The discrete latents, which are summed out while NUTS draws the continuous ones.
    """

    declaration: Declaration
    reason: str
    discrete: tuple[str, ...] = ()

    @property
    def tractable(self) -> bool:
        """Whether log p(x | θ) can be evaluated: it cannot."""
        return False

    def log_likelihood(self, point: np.ndarray) -> ValueAndGradient:
        """Raise `DeclarationError`."""
        raise DeclarationError(self.reason)

    def log_posterior(self, point: np.ndarray) -> ValueAndGradient:
        """Raise `DeclarationError`."""
        raise DeclarationError(self.reason)

    def objective(self, point: np.ndarray, *, prior: bool = False) -> float:
        """Raise `DeclarationError`."""
        raise DeclarationError(self.reason)

    def hessian(self, point: np.ndarray, *, prior: bool = False) -> np.ndarray:
        """Raise `DeclarationError`."""
        raise DeclarationError(self.reason)

    def log_prior(self, point: np.ndarray) -> ValueAndGradient:
        """Evaluate log p(θ), the density on the natural scale, and its gradient."""
        value, gradient = self._prior(point)
        return float(value), gradient

    def prior_hessian(self, point: np.ndarray) -> np.ndarray:
        """Evaluate the exact Hessian of log p(θ), shape (size, size)."""
        (matrix,) = self._prior_hessian(point)
        return matrix

    @cached_property
    def _prior(self) -> Callable[..., list[np.ndarray]]:
        compiled: Callable[..., list[np.ndarray]] = compile_function(
            [self.point], self._prior_graphs, rewritten=True
        )
        return compiled

    @cached_property
    def _prior_hessian(self) -> Callable[..., list[np.ndarray]]:
        return hessian_function(self._prior_graphs[1:], self.point)

    @cached_property
    def _prior_graphs(self) -> list[Any]:
        """Graphs of log p(θ) and its gradient."""
        model = self.declaration.model
        with double_precision():
            density = model.logp(
                vars=[model[name] for name in self.declaration.parameters], jacobian=False
            )
        (graph,) = stabilise(at_unconstrained_point(self, model, [density]))
        return [graph, gradient(graph, self.point)]

    def draws(self, point: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw the latents from p(z | x, θ) by NUTS, or by slice sampling if the data bound them.

        Parameters
        ----------
        point : ndarray, shape (size,)
            θ, unconstrained.
        rng : Generator

        Returns
        -------
        dict of ndarray
            ``{latent: (sample, *shape)}``, natural scale.

        Raises
        ------
        DeclarationError
            The chains did not converge.
        """
        import arviz_stats as azs

        declaration = self.declaration
        natural = self.space.constrain(point)
        for name in declaration.parameters:
            self._given_parameters[name].set_value(natural[name])
        seed = int(rng.integers(2**31))
        # NUTS needs a density that is positive everywhere on the unconstrained scale. Draws from
        # the prior cover the range of the latents before the data exclude a part of it.
        model = self._unconstrained
        bounded = model.size <= _MAX_SLICED_ENTRIES and model.start.excluded_by_data(seed)
        method = "slice sampling" if bounded else "NUTS"
        drawn = (self._draw_by_slices if bounded else self._draw_by_nuts)(seed)
        continuous = [name for name in declaration.latents if name not in self.discrete]
        latents = drawn[continuous]
        rhat, ess = azs.rhat(latents), azs.ess(latents)
        largest_rhat = max(float(rhat[name].max()) for name in continuous)
        effective = min(float(ess[name].min()) for name in continuous)
        if not (largest_rhat <= _MAX_RHAT and effective >= _MIN_EFFECTIVE_DRAWS):
            raise DeclarationError(
                f"{method} did not converge on {', '.join(continuous)} given θ: "
                f"R-hat {largest_rhat:.3g}, {effective:.0f} effective draws"
            )
        total = latents.sizes["chain"] * latents.sizes["draw"]
        step = max(1, int(np.ceil(total / effective)))
        thinned = {
            name: np.concatenate(np.asarray(latents[name])[:, ::step]) for name in continuous
        }
        if not self.discrete:
            return thinned
        count = len(thinned[continuous[0]])
        given = {
            name: np.broadcast_to(natural[name], (count, *np.shape(natural[name])))
            for name in declaration.parameters
        }
        found = self._recovery(_dataset(given | thinned), int(rng.integers(2**31)), 1)
        every = thinned | {name: found[name].draws for name in self.discrete}
        return {name: every[name] for name in declaration.latents}

    @cached_property
    def _given_parameters(self) -> pm.Model:
        """The model of z given x and θ, with θ in data containers: compiled once for every θ."""
        declaration = self.declaration
        natural = self.space.constrain(self.space.origin)
        given = {name: natural[name] for name in declaration.parameters}
        model = pm.do(declaration.model, given, make_interventions_shared=True)
        return marginalise_latents(model, self.discrete) if self.discrete else model

    @cached_property
    def _unconstrained(self) -> UnconstrainedModel:
        return unconstrained_model(self._given_parameters, self.declaration.parameters)

    @cached_property
    def _draw_by_nuts(self) -> Callable[[int], xr.Dataset]:
        prepared = prepare_nuts(self._given_parameters, variable_data=self.declaration.parameters)

        def draw(seed: int) -> xr.Dataset:
            tree = sample_posterior(
                prepared, draws=_DRAWS, tune=_TUNING_DRAWS, chains=_CHAINS, seed=seed
            )
            return tree["posterior"].to_dataset()

        return draw

    @cached_property
    def _draw_by_slices(self) -> Callable[[int], xr.Dataset]:
        return prepare_slices(self._unconstrained)

    @cached_property
    def _recovery(self) -> Recovery:
        """The function that draws the discrete latents given x, θ and the continuous latents."""
        given_continuous = _given_continuous(self.declaration, self.discrete)
        return prepare_recovery(given_continuous, observed_view(given_continuous))


def _given_continuous(declaration: Declaration, discrete: tuple[str, ...]) -> Declaration:
    """Make the declaration in which the continuous latents are parameters."""
    continuous = tuple(name for name in declaration.latents if name not in discrete)
    return replace(declaration, latents=discrete, parameters=(*declaration.parameters, *continuous))


def _dataset(values: Mapping[str, np.ndarray]) -> xr.Dataset:
    return xr.Dataset(
        {
            name: (("sample", *(f"{name}_dim_{axis}" for axis in range(one.ndim - 1))), one)
            for name, one in values.items()
        }
    )


def intractable_density(
    declaration: Declaration, space: Space, reason: str
) -> IntractableDensity | None:
    """Build the density of a declaration whose latents no strategy marginalises.

    Returns
    -------
    IntractableDensity or None
        None if all latents are discrete, or if the discrete ones cannot be summed out given the
        continuous ones, because NUTS draws continuous variables only.
    """
    discrete = tuple(
        name
        for name in declaration.latents
        if not declaration.model[name].dtype.startswith("float")
    )
    if len(discrete) == len(declaration.latents):
        return None
    if discrete:
        try:
            view = observed_view(_given_continuous(declaration, discrete))
            conditional_view(view)
        except (DeclarationError, NotImplementedError):
            return None
    return IntractableDensity(declaration.model, space, declaration, reason, discrete)
