"""The order in which several latents are marginalised.

If several latents affect the same data, the one that is marginalised first is integrated given the
others, and the sum or integral over the others contains its result. Any order in which a latent
comes before those that it depends on is valid, but not every one has closed forms. In a mixture of
t distributions, x depends on a category z and a gamma scale u: given z, the integral over u has a
closed form, and the sum over z is finite. If z came first, the integral over u would have none.
"""

from collections.abc import Iterator, Sequence
from itertools import islice, permutations

import pymc as pm
from pymc_extras.marginal import marginalize
from pytensor.graph.traversal import ancestors

from latentfit.bayes.marginalize._rewrite_errors import unprinted_rewrite_errors

# Number of orders that are tried.
_MAX_ORDERS = 24


def marginalise_latents(model: pm.Model, latents: Sequence[str]) -> pm.Model:
    """Marginalise latents, in the first order in which each has a strategy.

    Raises
    ------
    NotImplementedError, ValueError
        No order was found in which each latent has a strategy.
    """
    refusals: list[Exception] = []
    for order in islice(_orders(model, latents), _MAX_ORDERS):
        try:
            with unprinted_rewrite_errors():
                return _marginalise_in_order(model, order)
        except (NotImplementedError, ValueError) as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _marginalise_in_order(model: pm.Model, order: Sequence[str]) -> pm.Model:
    for name in order:
        model = marginalize(model, [name])
    return model


def _orders(model: pm.Model, latents: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the valid orders; first those that marginalise continuous latents before discrete ones.

    A sum over categories of closed forms is exact, but an integral over sums seldom has a closed
    form.
    """
    before = {
        name: {
            other for other in latents if other != name and model[name] in ancestors([model[other]])
        }
        for name in latents
    }
    preferred = sorted(latents, key=lambda name: not model[name].dtype.startswith("float"))
    for order in permutations(preferred):
        if all(before[name] <= set(order[:place]) for place, name in enumerate(order)):
            yield order
