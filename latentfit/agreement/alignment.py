"""One numbering of the components and one choice of signs for EM, MLE, MAP and posterior draws."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from latentfit import bayes
from latentfit.agreement._exchanges import (
    Exchange,
    match_components,
    order_of_largest_prior,
    renumber,
    renumber_one,
)
from latentfit.agreement._find_exchanges import find_exchanges
from latentfit.agreement._reflections import Reflection, find_reflections
from latentfit.agreement.tree import stack_draws, unstack_draws
from latentfit.bayes import Density
from latentfit.declaration import Declaration, Params, Space

Values = Mapping[str, np.ndarray]

# Points at which symmetries are tried, and their standard deviation about EM's estimate on the
# unconstrained scale. Components differ at EM's estimate, so that a small distance is enough to
# have no entries that are equal or zero.
_TRIAL_POINTS = 3
_TRIAL_DISTANCE = 0.1
# Largest difference, relative and absolute, of two sums of a value and its mirror image that are
# the same but for rounding errors, and the number of decimals that these do not affect.
_SAME_SUM = 1e-10
_SUM_DECIMALS = 9


@dataclass(frozen=True)
class Point:
    """An estimate on both scales.

    Attributes
    ----------
    unconstrained : ndarray, shape (size,)
    natural : dict
        Values of all parameters and deterministics.
    """

    unconstrained: np.ndarray
    natural: Params


@dataclass(frozen=True)
class Alignment:
    """EM's estimate as the reference, to which estimates and draws are aligned.

    Attributes
    ----------
    density : Density
    exchanges : tuple of Exchange
    reflections : tuple of Reflection
    em : Point
        EM's estimate. Its numbering and signs are EM's own, unless the prior distinguishes
        components or signs: then they are those with the largest prior density.
    errors : dict
        Standard errors of EM's estimate, natural scale.
    renumbered : dict
        ``{exchange: order}`` of the components that were renumbered because of the prior.
    reflected : bool
        Whether a sign of EM's estimate was changed because of the prior.
    """

    density: Density
    exchanges: tuple[Exchange, ...]
    reflections: tuple[Reflection, ...]
    em: Point
    errors: Params
    renumbered: Mapping[Exchange, np.ndarray]
    reflected: bool

    def align_point(self, unconstrained: np.ndarray) -> Point:
        """Give an estimate the numbering and the signs of the reference.

        Parameters
        ----------
        unconstrained : ndarray, shape (size,)
        """
        space = self.density.space
        natural = space.constrain(unconstrained)
        if not all(np.isfinite(v).all() for v in natural.values()):
            return Point(unconstrained, natural)
        if self.exchanges:
            unconstrained, natural = self._renumber_point(natural)
        for reflection in self.reflections:
            batch = {name: np.asarray(value)[None] for name, value in natural.items()}
            if reflection.is_opposite(batch, self.em.natural, self.errors)[0]:
                unconstrained = reflection.reflect(unconstrained)
                natural = space.constrain(unconstrained)
        return Point(unconstrained, natural)

    def _renumber_point(self, natural: Params) -> tuple[np.ndarray, Params]:
        for exchange in self.exchanges:
            batch = {name: np.asarray(value)[None] for name, value in natural.items()}
            order = match_components(exchange, batch, self.em.natural, self.errors)[0]
            natural = renumber_one(exchange, natural, order)
        unconstrained = _unconstrained(self.density, natural)
        if any(exchange.recomputed for exchange in self.exchanges):
            natural = self.density.space.constrain(unconstrained)
        return unconstrained, natural

    def align_draws(self, posterior: xr.Dataset) -> xr.Dataset:
        """Give every draw the numbering and the signs of the reference.

        Numberings and signs that the prior distinguishes are left unchanged.
        """
        for exchange in self.exchanges:
            if exchange.prior_distinguishes:
                continue
            stacked = stack_draws(posterior)
            values = {name: stacked[name].values for name in exchange.names}
            order = match_components(exchange, values, self.em.natural, self.errors)
            posterior = _with_values(posterior, renumber(exchange, values, order))
            if exchange.recomputed:
                posterior = self._recomputed(posterior, exchange, order)
        for reflection in self.reflections:
            if reflection.prior_distinguishes:
                continue
            stacked = stack_draws(posterior)
            values = {n: stacked[n].values for n in reflection.signs if n in stacked}
            opposite = reflection.is_opposite(values, self.em.natural, self.errors)
            posterior = _with_values(posterior, reflection.reflect_draws(values, opposite))
        return posterior

    def _recomputed(
        self, posterior: xr.Dataset, exchange: Exchange, order: np.ndarray
    ) -> xr.Dataset:
        """Compute deterministics of the renumbered draws from their parameters."""
        stacked = stack_draws(posterior)
        names = [name for name in exchange.recomputed if name in stacked]
        values = {name: stacked[name].values.copy() for name in names}
        parameters = {name: stacked[name].values for name in self.density.space.parameters}
        for draw in np.flatnonzero((order != np.arange(exchange.size)).any(axis=1)):
            at = {name: array[draw] for name, array in parameters.items()}
            natural = self.density.space.constrain(_unconstrained(self.density, at))
            for name in names:
                values[name][draw] = natural[name]
        return _with_values(posterior, values)

    def align_expectations(self, expectations: Values) -> dict[str, np.ndarray]:
        """Give EM's expectations the numbering of the reference.

        The result is empty if a sign of EM's estimate was changed, since it is not known which
        latents change sign with the parameters.
        """
        if self.reflected:
            return {}
        result = {name: np.asarray(value) for name, value in expectations.items()}
        for exchange, order in self.renumbered.items():
            for name in exchange.latents:
                if name in result and result[name].shape[-1:] == (exchange.size,):
                    result[name] = result[name][..., order]
        return result


def align(
    declaration: Declaration, density: Density, unconstrained: np.ndarray, *, prior: bool = False
) -> Alignment:
    """Find the symmetries of the likelihood, and make EM's estimate the reference.

    Parameters
    ----------
    declaration : Declaration
    density : Density
    unconstrained : ndarray, shape (size,)
        EM's estimate.
    prior : bool
        Whether the log prior density is part of EM's objective, whose curvature gives the standard
        errors.
    """
    em = Point(unconstrained, density.space.constrain(unconstrained))
    exchanges = _exchanges_of(declaration, density, em)
    renumbered = {}
    for exchange in exchanges:
        if exchange.prior_distinguishes:
            order = order_of_largest_prior(exchange, em.natural, _log_prior(density))
            renumbered[exchange] = order
            natural = renumber_one(exchange, em.natural, order)
            em = Point(_unconstrained(density, natural), natural)
    reflections = find_reflections(
        density.space,
        _trial_points(density, em),
        lambda point: density.log_likelihood(point)[0],
        lambda point: density.log_prior(point)[0],
    )
    reflected = False
    for reflection in reflections:
        other = reflection.reflect(em.unconstrained)
        here, there = (density.log_prior(point)[0] for point in (em.unconstrained, other))
        if reflection.prior_distinguishes and there > here:
            em, reflected = Point(other, density.space.constrain(other)), True
    errors = bayes.asymptotic_errors(density, em.unconstrained, prior=prior)
    return Alignment(density, exchanges, reflections, em, errors, renumbered, reflected)


def _exchanges_of(declaration: Declaration, density: Density, em: Point) -> tuple[Exchange, ...]:
    space = density.space
    return find_exchanges(
        bayes.views.category_counts(declaration),
        [space.constrain(point) for point in _trial_points(density, em)],
        space.parameters,
        lambda values: density.log_likelihood(_unconstrained(density, values))[0],
        _log_prior(density),
        lambda values: space.constrain(_unconstrained(density, values)),
        _kinds(space),
        _sums(space),
    )


def _kinds(space: Space) -> dict[str, Hashable]:
    """Return ``{parameter: kind}``; parameters of one kind have the same shape and transform."""
    natural = [space.constrain(np.full(space.size, value)) for value in (-0.7, 0.3)]
    return {
        name: (space.shapes[name], *(np.asarray(one[name]).tobytes() for one in natural))
        for name in space.parameters
    }


def _sums(space: Space) -> dict[str, float]:
    """Return ``{parameter: sum of a value and its mirror image}`` where the support has one."""
    rng = np.random.default_rng(0)
    sums = []
    for point in rng.standard_normal((2, space.size)):
        here, there = space.constrain(point), space.constrain(-point)
        sums.append({name: np.ravel(here[name] + there[name]) for name in space.parameters})
    found = {}
    for name in space.parameters:
        both = np.concatenate([one[name] for one in sums])
        if both.size and np.allclose(both, both[0], rtol=_SAME_SUM, atol=_SAME_SUM):
            found[name] = float(np.round(both.mean(), _SUM_DECIMALS))
    return found


def _trial_points(density: Density, em: Point) -> list[np.ndarray]:
    """Return points near EM's estimate, the same ones in every run."""
    rng = np.random.default_rng(0)
    steps = _TRIAL_DISTANCE * rng.standard_normal((_TRIAL_POINTS, density.space.size))
    return [em.unconstrained + step for step in steps]


def _log_prior(density: Density) -> Callable[[Values], float]:
    return lambda values: density.log_prior(_unconstrained(density, values))[0]


def _unconstrained(density: Density, values: Values) -> np.ndarray:
    return density.space.unconstrain({name: values[name] for name in density.space.parameters})


def _with_values(posterior: xr.Dataset, values: Values) -> xr.Dataset:
    """Replace variables of the posterior by arrays of shape (sample, *shape)."""
    return posterior.assign(
        {
            name: (posterior[name].dims, unstack_draws(array, posterior))
            for name, array in values.items()
        }
    )
