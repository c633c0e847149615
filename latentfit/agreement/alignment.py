"""One numbering of the components, and one sign of what may have either, for EM, MLE, MAP and
every posterior draw."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from latentfit import bayes
from latentfit.agreement import tree
from latentfit.agreement._labels import (
    Exchange,
    assign,
    exchanges,
    favoured,
    renumber,
    renumber_one,
)
from latentfit.agreement._signs import Reflection, reflections
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
    """EM's estimate as the reference, and how the others are brought next to it.

    Attributes
    ----------
    density : Density
    exchanges : tuple of Exchange
    reflections : tuple of Reflection
    em : Point
        In its own numbering and signs, or where the prior tells components or signs apart, in
        the prior's.
    errors : dict
        EM's standard errors, natural scale.
    moved : dict
        ``{exchange: order}`` where EM's own numbering was given up for the prior's.
    reflected : bool
        Whether one of EM's own signs was.
    """

    density: Density
    exchanges: tuple[Exchange, ...]
    reflections: tuple[Reflection, ...]
    em: Point
    errors: Params
    moved: Mapping[Exchange, np.ndarray]
    reflected: bool

    def point(self, unconstrained: np.ndarray) -> Point:
        """An estimate in the reference's numbering and signs."""
        space = self.density.space
        natural = space.constrain(unconstrained)
        if not all(np.isfinite(v).all() for v in natural.values()):
            return Point(unconstrained, natural)
        if self.exchanges:
            unconstrained, natural = self._renumbered(natural)
        for reflection in self.reflections:
            batch = {name: np.asarray(value)[None] for name, value in natural.items()}
            if reflection.across(batch, self.em.natural, self.errors)[0]:
                unconstrained = reflection.reflect(unconstrained)
                natural = space.constrain(unconstrained)
        return Point(unconstrained, natural)

    def _renumbered(self, natural: Params) -> tuple[np.ndarray, Params]:
        for exchange in self.exchanges:
            batch = {name: np.asarray(value)[None] for name, value in natural.items()}
            order = assign(exchange, batch, self.em.natural, self.errors)[0]
            natural = renumber_one(exchange, natural, order)
        return _unconstrained(self.density, natural), natural

    def draws(self, posterior: xr.Dataset) -> xr.Dataset:
        """Every draw in the reference's numbering and signs, unless the prior tells these apart."""
        for exchange in self.exchanges:
            if exchange.by_prior:
                continue
            stacked = tree.stacked(posterior)
            values = {name: stacked[name].values for name, _ in exchange.axes}
            order = assign(exchange, values, self.em.natural, self.errors)
            posterior = posterior.assign(
                {
                    name: (posterior[name].dims, tree.unstacked(array, posterior))
                    for name, array in renumber(exchange, values, order).items()
                }
            )
        for reflection in self.reflections:
            if reflection.by_prior:
                continue
            stacked = tree.stacked(posterior)
            values = {n: stacked[n].values for n in reflection.signs if n in stacked}
            across = reflection.across(values, self.em.natural, self.errors)
            posterior = posterior.assign(
                {
                    name: (posterior[name].dims, tree.unstacked(array, posterior))
                    for name, array in reflection.turned(values, across).items()
                }
            )
        return posterior

    def expectations(self, expectations: Values) -> dict[str, np.ndarray]:
        """EM's expectations in the reference's numbering; none where one of its signs was given up.

        Which latents change sign with the parameters is not known.
        """
        if self.reflected:
            return {}
        result = {name: np.asarray(value) for name, value in expectations.items()}
        for exchange, order in self.moved.items():
            for name in exchange.latents:
                if name in result and result[name].shape[-1:] == (exchange.size,):
                    result[name] = result[name][..., order]
        return result


def align(
    declaration: Declaration, density: Density, unconstrained: np.ndarray, *, prior: bool = False
) -> Alignment:
    """Find what can be renumbered or reflected, and settle the reference on EM's estimate.

    Its standard errors are those of what EM maximises: with `prior`, the log prior is part of it.
    """
    em = Point(unconstrained, density.space.constrain(unconstrained))
    found = _exchanges(declaration, density, em)
    moved = {}
    for exchange in found:
        if exchange.by_prior:
            moved[exchange] = favoured(exchange, em.natural, _log_prior(density))
            em = _point(density, renumber_one(exchange, em.natural, moved[exchange]))
    mirrors = reflections(
        density.space,
        [em.unconstrained + step for step in _noise(density)],
        lambda point: density.log_likelihood(point)[0],
        lambda point: density.log_prior(point)[0],
    )
    reflected = False
    for mirror in mirrors:
        other = mirror.reflect(em.unconstrained)
        here, there = (density.log_prior(point)[0] for point in (em.unconstrained, other))
        if mirror.by_prior and there > here:
            em, reflected = Point(other, density.space.constrain(other)), True
    errors = bayes.asymptotic_errors(density, em.unconstrained, prior=prior)
    return Alignment(density, found, mirrors, em, errors, moved, reflected)


def _noise(density: Density) -> np.ndarray:
    """Components differ at EM's estimate, so a little noise is enough for general position."""
    return 0.1 * np.random.default_rng(0).standard_normal((3, density.space.size))


def _exchanges(declaration: Declaration, density: Density, em: Point) -> tuple[Exchange, ...]:
    space = density.space
    return exchanges(
        bayes.categories(declaration),
        [space.constrain(em.unconstrained + step) for step in _noise(density)],
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
