r"""Latents whose density has a kink, integrated on either side of it.

The density of a Laplace distribution has a kink at its location μ, where no quadrature for smooth
functions converges fast. The two sides are integrated separately, in the logarithm t of the
distance from the kink,

    p(x | θ) = ∫ p(μ + eᵗ | θ) p(x | μ + eᵗ, θ) eᵗ dt + ∫ p(μ - eᵗ | θ) p(x | μ - eᵗ, θ) eᵗ dt.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc.logprob.transforms import Transform
from pymc.pytensorf import collect_default_updates
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pytensor.graph.replace import graph_replace
from pytensor.tensor.random.basic import LaplaceRV

from latentfit.bayes.marginalize import _quadrature
from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize._transformed_variable import backward, transformed_variable
from latentfit.bayes.marginalize.structure import substitute
from latentfit.declaration.compilation import double_precision


@dataclass(frozen=True)
class _HalfLine(Transform):
    """The logarithm of the distance from the location of a Laplace variable, on one side.

    The log density is written without the absolute value that PyMC's has.

    Attributes
    ----------
    sign : float
        1 for values above the location, and -1 for values below.
    """

    sign: float
    name = "half line"

    def forward(self, value: Any, *inputs: Any) -> Any:
        return pt.log(pt.abs(value - inputs[2]))

    def backward(self, value: Any, *inputs: Any) -> Any:
        return inputs[2] + self.sign * pt.exp(value)

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        return value

    def log_density(self, value: Any, *inputs: Any) -> Any:
        """Build the log density of the logarithm of the distance, which has mass 1/2."""
        scale = inputs[3]
        return value - pt.exp(value) / scale - pt.log(2 * scale)

    def centre(self, *inputs: Any) -> Any:
        """Build a logarithm in the centre of its distribution."""
        return pt.log(inputs[3])


_SIDES = (_HalfLine(1.0), _HalfLine(-1.0))


class HalfLinesMarginalRV(MarginalRV):
    """Variables that depend on a latent that is integrated on either side of a kink.

    Inner graph: [latent, *dependents, *rng updates].

    Attributes
    ----------
    sides : tuple of MarginalRV
        The same dependents, with the logarithm of the distance from the kink integrated.
    inner : MarginalRV
        The first of them.
    """

    def __init__(self, *args: Any, sides: tuple[Any, Any], **kwargs: Any) -> None:
        self.sides, self.inner = sides, sides[0]
        self.strategy = f"on either side of the kink of its density: {self.inner.strategy}"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a latent with a Laplace distribution."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    if not isinstance(latent.owner.op, LaplaceRV):
        return None
    sides = []
    for side in _SIDES:
        with double_precision():
            t = transformed_variable(latent, side)
            z = backward(side, t, latent)
            variables = [t, *graph_replace(dependents, {latent: z}, strict=False)]
        updates = collect_default_updates(variables, inputs=inputs, must_be_shared=False)
        op = _quadrature.STRATEGY.build(inputs, [*variables, *updates.values()], **marginalized)
        if op is None:
            return None
        sides.append(op)
    if not np.array_equal(sides[0].blocks.entries, sides[1].blocks.entries):
        return None
    # Each block would have four or eight combinations of sides if it had two or three entries.
    if sides[0].blocks.size > 1:
        return None
    return HalfLinesMarginalRV(inputs=inputs, outputs=outputs, sides=tuple(sides), **marginalized)


STRATEGY = Strategy(Precedence.NUMERICAL, build)


def _log_densities(op: HalfLinesMarginalRV, values: Any, inputs: Any) -> list[Any]:
    """Build log p(x, side | θ) of every block, and the terms of no block, for both sides."""
    found = [_logprob(side, values, *inputs) for side in op.sides]
    return [one[0] if isinstance(one, tuple) else one for one in found]


@_logprob.register(HalfLinesMarginalRV)
def _half_lines_logp(op: HalfLinesMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    above, below = _log_densities(op, values, inputs)
    count = op.inner.blocks.count
    with double_precision():
        both = pt.logaddexp(above[:count], below[:count])
        density = pt.concatenate([both, above[count:]])
    return (density, *(pt.constant(0.0) for _ in values[1:])) if len(values) > 1 else density


@marginalized_conditional.register(HalfLinesMarginalRV)
def _half_lines_conditional(op: HalfLinesMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    graph, blocks = op.fgraph.unfreeze(), op.inner.blocks
    latent = graph.outputs[0]
    above, below = _log_densities(op, dep_rvs, inputs)
    with double_precision():
        log_odds = blocks.scatter((above - below)[: blocks.count][:, None])
        is_above = pm.Bernoulli.dist(logit_p=log_odds)
        drawn = [marginalized_conditional(side, inputs, dep_rvs) for side in op.sides]
        places = [t.type() for t in drawn]
        ends = [backward(side, t, latent) for side, t in zip(_SIDES, places, strict=True)]
        choice = is_above.type()
        z = pt.switch(choice, *ends)
    return substitute(z, [*graph.inputs, *places, choice], [*inputs, *drawn, is_above])
