"""The order in which several latents are marginalised.

If several latents affect the same data, the one that is marginalised first is integrated given the
others, and the sum or integral over the others contains its result. Any order in which a latent
comes before those that it depends on is valid, but not every one has closed forms. In a mixture of
t distributions, x depends on a category z and a gamma scale u: given z, the integral over u has a
closed form, and the sum over z is finite. If z came first, the integral over u would have none.

Sums and closed forms come before numerical integrals. A numerical integral of a closed form costs
what one integral costs, but the other way round no closed form remains, and the second integral is
one of a numerical integral: its graph takes minutes to build.
"""

from collections.abc import Mapping, Sequence

import pymc as pm
from pymc_extras.marginal import marginalize
from pytensor.graph.traversal import ancestors

from latentfit.bayes.marginalize._rewrite_errors import unprinted_rewrite_errors
from latentfit.bayes.marginalize._strategy import Precedence, strategies_up_to

# Number of times that a latent is marginalised, or found not to have a strategy, in all orders.
_MAX_ATTEMPTS = 72


class _NoOrderError(Exception):
    """No order was found in which each of the remaining latents has a strategy."""


def marginalise_latents(model: pm.Model, latents: Sequence[str]) -> pm.Model:
    """Marginalise latents, in the first order in which each has a strategy.

    Raises
    ------
    NotImplementedError, ValueError
        No order was found in which each latent has a strategy.
    """
    search = _Search(_prerequisites(model, latents))
    with unprinted_rewrite_errors():
        try:
            # Given the same precedence, continuous latents come before discrete ones: a sum over
            # categories of closed forms is exact, but an integral over sums seldom has one.
            return search.marginalised(
                model, sorted(latents, key=lambda name: not model[name].dtype.startswith("float"))
            )
        except _NoOrderError:
            if search.refusals:
                raise search.refusals[0] from None
            raise NotImplementedError(f"no order of {', '.join(latents)} was found") from None


class _Search:
    """A search, depth first, for an order in which each latent has a strategy.

    Parameters
    ----------
    prerequisites : mapping
        ``{latent: those that have to be marginalised before it}``.
    """

    def __init__(self, prerequisites: Mapping[str, set[str]]) -> None:
        self.refusals: list[Exception] = []
        self._prerequisites = prerequisites
        self._attempts = 0

    def marginalised(self, model: pm.Model, remaining: Sequence[str]) -> pm.Model:
        """Marginalise the remaining latents; raise `_NoOrderError` where no order was found."""
        if not remaining:
            return model
        candidates = [one for one in remaining if self._prerequisites[one].isdisjoint(remaining)]
        tried = set()
        for precedence in (Precedence.CLOSED_FORM, Precedence.NUMERICAL):
            for name in candidates:
                if name in tried:
                    continue
                found = self._without(model, name, precedence)
                if found is None:
                    continue
                tried.add(name)
                try:
                    return self.marginalised(found, [one for one in remaining if one != name])
                except _NoOrderError:
                    continue
        raise _NoOrderError

    def _without(self, model: pm.Model, name: str, precedence: Precedence) -> pm.Model | None:
        """Marginalise one latent; None if no strategy up to a precedence applies."""
        self._attempts += 1
        if self._attempts > _MAX_ATTEMPTS:
            raise _NoOrderError
        try:
            with strategies_up_to(precedence):
                return marginalize(model, [name])
        except (NotImplementedError, ValueError) as refusal:
            # A latent that has no strategy of any precedence is the one to name.
            if precedence is Precedence.NUMERICAL:
                self.refusals.append(refusal)
            return None


def _prerequisites(model: pm.Model, latents: Sequence[str]) -> dict[str, set[str]]:
    return {
        name: {
            other for other in latents if other != name and model[name] in ancestors([model[other]])
        }
        for name in latents
    }
