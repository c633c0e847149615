"""What families of positive latents have in common."""

from typing import Any

import pytensor.tensor as pt
from pymc.distributions.distribution import support_point

from latentfit.bayes.marginalize.structure import IndependentBlocks

# Multiples of a positive draw at which the log density is evaluated.
POSITIVE_MULTIPLES = (0.5, 1.0, 2.0, 3.0, 4.0)


def prior_centre(latent: Any, blocks: IndependentBlocks) -> Any:
    """Take derivatives at the centre of the prior, which has the units of the latent.

    Returns
    -------
    TensorVariable, shape (blocks, size)
    """
    return blocks.gather(pt.broadcast_to(support_point(latent), blocks.shape).reshape((-1,)))
