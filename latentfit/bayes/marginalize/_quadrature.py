r"""Numerical integration of latents without a closed form, one block of few entries at a time.

Blocks of one entry are integrated by Gauss-Legendre quadrature on panels, which are placed for each
block at the θ in question (`_panels`). A block z of two or three entries is integrated about the
mode m of log p(x, z | θ) and in units of its curvature there, S Sᵀ = -(∂² log p(x, z | θ) / ∂z
∂zᵀ)⁻¹,

    p(x | θ) = ∫ p(x, z | θ) dz = |S| Σ_j w_j exp(t_jᵀ t_j / 2) p(x, m + S t_j | θ),

with t_j and w_j the products of nodes and weights of Hermite polynomials (Liu & Pierce 1994,
Biometrika 81(3); Pinheiro & Bates 1995, JCGS 4(1)). Such blocks with several modes are refused. The
integral does not depend on the positions of the nodes, which are therefore constants when the
integral is differentiated. The error is estimated by the difference from a rule with other nodes,
other panels and other axes, at the same θ (`INDEPENDENT_RULE`).

The conditional distribution of a single entry is tabulated on the panels.
"""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.polynomial.hermite_e import hermegauss
from pymc.distributions.continuous import FlatRV
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV, marginalized_conditional
from pytensor.gradient import disconnected_grad

from latentfit.bayes.marginalize._integrand import BlockIntegrand
from latentfit.bayes.marginalize._panels import Nodes, log_cosh, panel_nodes, place_panels
from latentfit.bayes.marginalize._quadrature_rules import (
    MAX_BLOCK_SIZE,
    HermiteRule,
    PanelRule,
    QuadratureRule,
    current_rule,
)
from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize.algebra import cholesky_factors, solve_positive_definite
from latentfit.bayes.marginalize.distributions import (
    TABLE_PANELS,
    table_of,
    table_positions,
    tabulated,
)
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    draw_probes,
    has_kink,
    has_single_mode,
    is_smooth,
    marginal_log_densities,
    partition_into_blocks,
    substitute,
    support_transform,
)
from latentfit.declaration.compilation import double_precision

# Lengths of a step of Newton's method among which the one with the largest density is taken.
_STEP_LENGTHS = np.array([0.0, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 1.0, 2.0])


class QuadratureMarginalRV(MarginalRV):
    """Variables that depend on a latent which is integrated numerically.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(
        self, *args: Any, blocks: IndependentBlocks, rule: QuadratureRule, **kwargs: Any
    ) -> None:
        self.blocks = blocks
        self.rule = rule
        self.count = rule.count(blocks.size)
        name = "panels" if isinstance(rule.of(blocks.size), PanelRule) else "Gauss-Hermite"
        self.strategy = f"adaptive quadrature ({name}), {self.count} nodes"
        super().__init__(*args, **kwargs)


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a latent on the real line that consists of blocks of few entries."""
    latent, *dependents = outputs[: 1 + marginalized["n_dependent_rvs"]]
    if latent.type.dtype != "float64" or support_transform(latent) is not None:
        return None
    # The integral over an improper distribution may be infinite, which no rule of quadrature shows.
    if isinstance(latent.owner.op, FlatRV):
        return None
    if not is_smooth(latent, dependents) or has_kink(latent):
        return None
    probes = draw_probes(inputs, [latent, *dependents], finite=False)
    if probes is None:
        return None
    blocks = partition_into_blocks(probes)
    if blocks.size > MAX_BLOCK_SIZE or not blocks.full:
        return None
    # The nodes are placed about one mode of each block. Panels find several modes.
    if blocks.size > 1 and not has_single_mode(probes, blocks):
        return None
    return QuadratureMarginalRV(
        inputs=inputs, outputs=outputs, blocks=blocks, rule=current_rule(), **marginalized
    )


STRATEGY = Strategy(Precedence.NUMERICAL, build)


@_logprob.register(QuadratureMarginalRV)
def _quadrature_logp(op: QuadratureMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    integrand, placeholders = _integrand(op)
    rule = op.rule.of(op.blocks.size)
    with double_precision():
        if isinstance(rule, PanelRule):
            nodes = panel_nodes(integrand, rule)
        else:
            nodes = _hermite_nodes(integrand, rule)
        density = pt.logsumexp(integrand.at_points(nodes.z) + nodes.log_weights, axis=0)
        if integrand.others:
            others = [integrand.at(one, nodes.z[op.count // 2]) for one in integrand.others]
            density = pt.concatenate([density, *others])
    return marginal_log_densities(density, placeholders, [*inputs, *values], values)


def _integrand(op: QuadratureMarginalRV) -> tuple[BlockIntegrand, list[Any]]:
    """Build the integrand, and the placeholders of its graphs."""
    inner = op.fgraph.unfreeze()
    latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    integrand = BlockIntegrand(latent, dependents, op.blocks)
    return integrand, [*inner.inputs, *integrand.placeholders]


def _hermite_nodes(integrand: BlockIntegrand, rule: HermiteRule) -> Nodes:
    """Place nodes about the modes of the blocks."""
    size = integrand.blocks.size
    line, weights = hermegauss(rule.nodes_per_axis(size))
    t = np.stack(np.meshgrid(*size * [line]), axis=-1).reshape(-1, size)
    w = np.stack(np.meshgrid(*size * [np.log(weights)]), axis=-1).reshape(-1, size).sum(axis=1)
    log_weights = w + 0.5 * np.sum(t**2, axis=1)
    if rule.rotated and size > 1:
        rng = np.random.default_rng(0)
        t = t @ np.linalg.qr(rng.standard_normal((size, size)))[0]
    mode, scale = _mode_and_scale(
        integrand, integrand.centre(), rule.newton_steps, line_search=rule.line_search
    )
    log_volume = pt.log(pt.diagonal(scale, axis1=-2, axis2=-1)).sum(axis=-1)
    return Nodes(_about(mode, scale, t), log_weights[:, None] + log_volume)


def _about(mode: Any, scale: Any, t: np.ndarray) -> Any:
    """Build z = m + S t for every block, shape (len(t), blocks, size)."""
    return mode + pt.sum(scale * t[:, None, None, :], axis=-1)


def _mode_and_scale(
    integrand: BlockIntegrand, start: Any, steps: int, *, line_search: bool
) -> tuple[Any, Any]:
    """Find the mode of every block by Newton's method, and its scale matrix S there.

    Returns
    -------
    mode : Variable, shape (blocks, size)
    scale : Variable, shape (blocks, size, size)
        Lower triangular.
    """
    size = integrand.blocks.size
    gradient, hessian = integrand.derivatives()

    def precision_at(z: Any) -> Any:
        precision = -integrand.at(hessian, z)
        # Where log p(x, z | θ) of a single entry curves upwards, the absolute value makes the step
        # increase it.
        return pt.abs(precision) if size == 1 else precision

    mode = start
    for _ in range(steps):
        step, _, _ = solve_positive_definite(precision_at(mode), integrand.at(gradient, mode), size)
        mode = _best_along(integrand, mode, step) if line_search else mode + step
    _, _, covariance = solve_positive_definite(precision_at(mode), mode, size)
    return disconnected_grad(mode), disconnected_grad(cholesky_factors(covariance, size))


def _best_along(integrand: BlockIntegrand, z: Any, step: Any) -> Any:
    """Move every block along its step to the point with the largest density."""
    finite = pt.switch(pt.isfinite(step), step, 0.0)
    points = z + _STEP_LENGTHS[:, None, None] * finite
    values = integrand.at_points(points)
    values = pt.switch(pt.isnan(values), -np.inf, values)
    chosen = pt.eq(np.arange(len(_STEP_LENGTHS))[:, None], pt.argmax(values, axis=0))
    return pt.sum(pt.switch(chosen[:, :, None], points, 0.0), axis=0)


@marginalized_conditional.register(QuadratureMarginalRV)
def _quadrature_conditional(op: QuadratureMarginalRV, inputs: Any, dep_rvs: Any) -> Any:
    if op.blocks.size > 1:
        raise NotImplementedError(
            f"the conditional distribution of {op.marginalized_name} given the data is not "
            f"available: its entries depend on one another in blocks of {op.blocks.size}, and "
            f"conditional densities are tabulated for single entries only"
        )
    integrand, placeholders = _integrand(op)
    shape = op.blocks.shape
    with double_precision():
        panels = place_panels(integrand, PanelRule(panels=TABLE_PANELS))
        u = table_positions(panels.edges).reshape((-1, op.blocks.count))
        log_densities = integrand.at_points(panels.z(u)) + log_cosh(u)
        in_order = np.argsort(op.blocks.entries[:, 0])
        edges, logs = (
            pt.moveaxis(part[:, in_order].reshape((-1, *shape)), 0, -1)
            for part in (panels.edges, log_densities)
        )
        location, width = (op.blocks.scatter(part[:, None]) for part in (panels.mode, panels.width))
        rng = pytensor.shared(np.random.default_rng())
        _, variable = tabulated(
            location, width, table_of(edges, logs), rng=rng, return_next_rng=True
        )
    return substitute(variable, placeholders, [*inputs, *dep_rvs])
