"""One numbering of the components for EM, MLE, MAP and every posterior draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from latentfit import bayes
from latentfit.agreement import _tree
from latentfit.agreement._labels import (
    Exchange,
    assign,
    exchanges,
    favoured,
    renumber,
    renumber_one,
)
from latentfit.bayes import Density
from latentfit.declaration import Declaration, Params

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Point:
    """An estimate on both scales: unconstrained, and natural with all deterministics."""

    unconstrained: np.ndarray
    natural: Params


@dataclass(frozen=True)
class Alignment:
    """EM's estimate as the reference, and how the others are brought into its numbering.

    Attributes
    ----------
    density : Density
    exchanges : tuple of Exchange
    em : Point
        In its own numbering, or where the prior tells components apart, in the prior's.
    errors : dict
        EM's standard errors, natural scale.
    moved : dict
        ``{exchange: order}`` where EM's own numbering was given up for the prior's.
    """

    density: Density
    exchanges: tuple[Exchange, ...]
    em: Point
    errors: Params
    moved: Mapping[Exchange, np.ndarray]

    def point(self, unconstrained: np.ndarray) -> Point:
        """An estimate in the reference's numbering."""
        natural = self.density.space.constrain(unconstrained)
        if not self.exchanges or not all(np.isfinite(v).all() for v in natural.values()):
            return Point(unconstrained, natural)
        for exchange in self.exchanges:
            batch = {name: np.asarray(value)[None] for name, value in natural.items()}
            order = assign(exchange, batch, self.em.natural, self.errors)[0]
            natural = renumber_one(exchange, natural, order)
        return _point(self.density, natural)

    def draws(self, posterior: xr.Dataset) -> xr.Dataset:
        """Every draw in the reference's numbering, unless the prior gives labels a meaning."""
        for exchange in self.exchanges:
            if exchange.by_prior:
                continue
            stacked = _tree.stacked(posterior)
            values = {name: stacked[name].values for name, _ in exchange.axes}
            order = assign(exchange, values, self.em.natural, self.errors)
            posterior = posterior.assign(
                {
                    name: (posterior[name].dims, _tree.unstacked(array, posterior))
                    for name, array in renumber(exchange, values, order).items()
                }
            )
        return posterior

    def expectations(self, expectations: Values) -> dict[str, np.ndarray]:
        """EM's category probabilities in the reference's numbering."""
        result = {name: np.asarray(value) for name, value in expectations.items()}
        for exchange, order in self.moved.items():
            for name in exchange.latents:
                if name in result and result[name].shape[-1:] == (exchange.size,):
                    result[name] = result[name][..., order]
        return result


def align(declaration: Declaration, density: Density, unconstrained: np.ndarray) -> Alignment:
    """Find what can be renumbered, and settle the reference on EM's estimate."""
    em = Point(unconstrained, density.space.constrain(unconstrained))
    found = _exchanges(declaration, density, em)
    moved = {}
    for exchange in found:
        if exchange.by_prior:
            moved[exchange] = favoured(exchange, em.natural, _log_prior(density))
            em = _point(density, renumber_one(exchange, em.natural, moved[exchange]))
    return Alignment(density, found, em, bayes.standard_errors(density, em.unconstrained), moved)


def _exchanges(declaration: Declaration, density: Density, em: Point) -> tuple[Exchange, ...]:
    space = density.space
    # Components differ at EM's estimate, so a little noise is enough for general position.
    rng = np.random.default_rng(0)
    noise = 0.1 * rng.standard_normal((3, space.size))
    return exchanges(
        bayes.categories(declaration),
        [space.constrain(em.unconstrained + step) for step in noise],
        space.parameters,
        lambda values: density.log_likelihood(_unconstrained(density, values))[0],
        _log_prior(density),
        lambda values: space.constrain(_unconstrained(density, values)),
    )


def _log_prior(density: Density) -> Callable[[Values], float]:
    return lambda values: density.log_prior(_unconstrained(density, values))[0]


def _point(density: Density, natural: Params) -> Point:
    return Point(_unconstrained(density, natural), natural)


def _unconstrained(density: Density, values: Values) -> np.ndarray:
    return density.space.unconstrain({name: values[name] for name in density.space.parameters})
