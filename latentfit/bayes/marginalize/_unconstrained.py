r"""Latents with a bounded support, marginalised on the unconstrained scale.

A positive latent z, such as a log-normal random effect, is the exponential of t = log z, which has
the real line as its support. With f the transform, z = f(t),

    p(x | θ) = ∫ p(z | θ) p(x | z, θ) dz = ∫ p(f(t) | θ) |f'(t)| p(x | f(t), θ) dt,

and a strategy for latents on the real line marginalises t. The transforms are PyMC's: logarithms,
log-odds, and coordinates of simplexes and of vectors that sum to zero.
"""

from typing import Any

from pymc.distributions.continuous import HalfFlatRV
from pymc.distributions.transforms import _default_transform
from pymc.logprob.abstract import _logprob
from pymc.pytensorf import collect_default_updates
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pytensor.graph.replace import graph_replace

from latentfit.bayes.marginalize import _normal, _quadrature
from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize._transformed_variable import backward, transformed_variable
from latentfit.bayes.marginalize.structure import substitute
from latentfit.declaration.compilation import double_precision

# Names of PyMC's transforms, and what reports call the scale.
_SCALES = {
    "log": "logarithms",
    "logodds": "log-odds",
    "interval": "log-odds within its bounds",
    "simplex": "coordinates of the simplex",
    "zerosum": "coordinates of vectors that sum to zero",
}
_STRATEGIES = (_normal.STRATEGY, _quadrature.STRATEGY)


class UnconstrainedMarginalRV(MarginalRV):
    """Variables that depend on a bounded latent, which is marginalised on the unconstrained scale.

    Inner graph: [latent, *dependents, *rng updates].

    Attributes
    ----------
    inner : MarginalRV
        The same dependents, with the unconstrained latent marginalised.
    """

    def __init__(self, *args: Any, inner: Any, scale: str, **kwargs: Any) -> None:
        self.inner = inner
        self.strategy = f"on the scale of {scale}: {inner.strategy}"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a latent with a bounded support on the unconstrained scale."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    transform = _default_transform(latent.owner.op, latent)
    if transform is None or transform.name not in _SCALES:
        return None
    # The integral over an improper distribution may be infinite.
    if isinstance(latent.owner.op, HalfFlatRV):
        return None
    if transform.name == "simplex" and any(isinstance(x.owner.op, MarginalRV) for x in dependents):
        # Each entry of a simplex occurs in the sums over another latent, such as the topics of
        # words. PyTensor simplifies the graph of their integral for many minutes.
        return None
    with double_precision():
        t = transformed_variable(latent, transform)
        z = backward(transform, t, latent)
        variables = [t, *graph_replace(dependents, {latent: z}, strict=False)]
    updates = collect_default_updates(variables, inputs=inputs, must_be_shared=False)
    for strategy in _STRATEGIES:
        inner = strategy.build(inputs, [*variables, *updates.values()], **marginalized)
        if inner is not None:
            return UnconstrainedMarginalRV(
                inputs=inputs,
                outputs=outputs,
                inner=inner,
                scale=_SCALES[transform.name],
                **marginalized,
            )
    return None


# A closed form, if there is one, is tried before, and quadrature on the scale of the latent is
# tried before too, because "_quadrature" precedes "_unconstrained".
STRATEGY = Strategy(Precedence.NUMERICAL, build)


@_logprob.register(UnconstrainedMarginalRV)
def _unconstrained_logp(
    op: UnconstrainedMarginalRV, values: Any, *inputs: Any, **kwargs: Any
) -> Any:
    return _logprob(op.inner, values, *inputs, **kwargs)


@marginalized_conditional.register(UnconstrainedMarginalRV)
def _unconstrained_conditional(op: UnconstrainedMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    graph = op.fgraph.unfreeze()
    latent = graph.outputs[0]
    transform = _default_transform(latent.owner.op, latent)
    with double_precision():
        t = marginalized_conditional(op.inner, inputs, dep_rvs)
        placeholder = t.type()
        z = backward(transform, placeholder, latent)
    return substitute(z, [*graph.inputs, placeholder], [*inputs, t])
