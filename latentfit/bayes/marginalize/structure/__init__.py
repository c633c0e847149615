"""How log p(x, z | θ) depends on a latent z, which decides how z can be marginalised.

`log_joint_graphs` builds the terms of log p(x, z | θ) as graphs. `draw_probes` evaluates them at
parameters, latents and data that are drawn from the model, `partition_into_blocks` divides z into
blocks that are independent given x and θ, and the remaining functions test for supports,
smoothness and linear dependence.
"""

from latentfit.bayes.marginalize.structure._axes import axes_of_dependents
from latentfit.bayes.marginalize.structure._block_hessian import block_hessian
from latentfit.bayes.marginalize.structure._blocks import (
    IndependentBlocks,
    LogDensities,
    block_log_densities,
    partition_into_blocks,
)
from latentfit.bayes.marginalize.structure._generic_values import observed_dependents
from latentfit.bayes.marginalize.structure._graphs import (
    log_joint_graphs,
    marginal_log_densities,
    substitute,
)
from latentfit.bayes.marginalize.structure._invalid_parameters import impossible_where_invalid
from latentfit.bayes.marginalize.structure._linear_span import in_linear_span
from latentfit.bayes.marginalize.structure._probe import Probe, draw_probes
from latentfit.bayes.marginalize.structure._single_mode import has_single_mode
from latentfit.bayes.marginalize.structure._smoothness import (
    has_kink,
    is_smooth,
    support_transform,
)

__all__ = [
    "IndependentBlocks",
    "LogDensities",
    "Probe",
    "axes_of_dependents",
    "block_hessian",
    "block_log_densities",
    "draw_probes",
    "has_kink",
    "has_single_mode",
    "impossible_where_invalid",
    "in_linear_span",
    "is_smooth",
    "log_joint_graphs",
    "marginal_log_densities",
    "observed_dependents",
    "partition_into_blocks",
    "substitute",
    "support_transform",
]
