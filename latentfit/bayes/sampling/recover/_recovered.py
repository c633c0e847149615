"""The posterior of a latent, and what the strategies that draw it have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pymc as pm
import xarray as xr

from latentfit.bayes.views import BATCH_BYTES, category_values, conditional_view
from latentfit.declaration import Declaration


@dataclass(frozen=True)
class RecoveredLatent:
    """The posterior of a latent.

    Attributes
    ----------
    draws : ndarray, shape (sample, *shape)
        Draws of the latent, one or more for each draw of θ.
    mean : ndarray
        For a continuous latent or a count, shape `shape`: the mean of the draws. For a
        categorical latent, shape (*shape, K): the mean over draws of θ of p(z = k | x, θ), which
        has less Monte Carlo error than the frequencies of the drawn categories (Rao-Blackwell
        theorem).
    sd : ndarray or None
        Standard deviation of the draws; None for a categorical latent.
    discrete : bool
        Whether the latent is categorical.
    """

    draws: np.ndarray
    mean: np.ndarray
    sd: np.ndarray | None
    discrete: bool


# From draws of θ, a seed, and the number of draws of the latents for each draw of θ.
Recovery = Callable[[xr.Dataset, int, int], dict[str, RecoveredLatent]]


@dataclass(frozen=True)
class LatentGroup:
    """Latents that are drawn together.

    Attributes
    ----------
    declaration : Declaration
    view : pm.Model
        Its observed view.
    latents : tuple of str
    childless : bool
        Whether no other variable depends on the latents. They were then not marginalised, and
        p(z | x, θ) is p(z | θ).
    """

    declaration: Declaration
    view: pm.Model
    latents: tuple[str, ...]
    childless: bool

    @cached_property
    def model(self) -> pm.Model:
        """The model in which the latents have the distribution p(z | x, θ)."""
        if self.childless:
            return self.declaration.model
        return conditional_view(self.view)

    @cached_property
    def categories(self) -> dict[str, np.ndarray]:
        """The values of each categorical latent of the declaration."""
        return category_values(self.declaration)

    @property
    def parameters(self) -> dict[str, Any]:
        """The variables of the parameters in `model`."""
        return {name: self.model[name] for name in self.declaration.parameters}


def draw_in_batches(
    draw: Callable[[int], np.ndarray], each: int, probabilities: np.ndarray
) -> np.ndarray:
    """Draw categories for each θ of a batch, as many at a time as memory allows.

    Parameters
    ----------
    draw : callable
        From a number of draws to categories, shape (batch, number, *shape).
    each : int
        Number of draws for each θ.
    probabilities : ndarray
        The array whose size determines the memory of one draw; its last axis is that of the
        categories.

    Returns
    -------
    ndarray of int, shape (batch * each, *shape)
        The draws for one θ follow one another.
    """
    # A chain of a single time has no transitions, and its array of probabilities is empty.
    step = max(1, BATCH_BYTES // max(probabilities.nbytes, 1))
    dtype = _smallest_integer_type(probabilities.shape[-1])
    parts = [draw(min(step, each - begin)).astype(dtype) for begin in range(0, each, step)]
    categories = np.concatenate(parts, axis=1)
    return categories.reshape(-1, *categories.shape[2:])


def summarise(draws: np.ndarray, categories: np.ndarray | None) -> RecoveredLatent:
    """Summarise draws of a latent by their mean and standard deviation, or by frequencies.

    Parameters
    ----------
    draws : ndarray, shape (sample, *shape)
    categories : ndarray of int, shape (K,), or None
        The values of a categorical latent; None for a continuous latent or a count.
    """
    if categories is None:
        return RecoveredLatent(draws, draws.mean(axis=0), draws.std(axis=0, ddof=1), discrete=False)
    shares = [np.mean(draws == category, axis=0) for category in categories]
    return RecoveredLatent(draws, np.stack(shares, axis=-1), None, discrete=True)


def _smallest_integer_type(categories: int) -> type[np.signedinteger[Any]]:
    return np.int8 if categories <= np.iinfo(np.int8).max else np.int32
