r"""State space models: normal latents in which each time depends on its neighbours only.

Examples are random walks, autoregressions, and vectors of them, with normal observations: log p(x,
z | θ) is quadratic in z, and its Hessian is a narrow band about the diagonal. The integral is that
of any normal conditional (`_normal`). For long series it is computed by the Kalman filter, as the
solution of a block tridiagonal system, in time proportional to their length. A full matrix would
take time proportional to its cube.
"""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV
from pytensor.graph.replace import graph_replace

from latentfit.bayes.marginalize._conjugate import ConjugateMarginalRV, match_family
from latentfit.bayes.marginalize._normal import NORMAL
from latentfit.bayes.marginalize._strategy import Precedence, Strategy
from latentfit.bayes.marginalize.algebra import solve_block_tridiagonal
from latentfit.bayes.marginalize.structure import (
    IndependentBlocks,
    Probe,
    log_joint_graphs,
    marginal_log_densities,
)
from latentfit.declaration import double_precision

# Shorter series use a full matrix: the steps of the filter take a minute to compile for NUTS, and a
# matrix takes seconds.
_MIN_LENGTH = 200
# Largest number of neighbours on either side on which an entry may depend.
_MAX_BAND_WIDTH = 4
# Difference of a product with the Hessian from that with its band, relative to the product, that is
# attributed to rounding.
_PRODUCT_RELATIVE = 1e-8


class StateSpaceMarginalRV(ConjugateMarginalRV):
    """Variables that depend on a Gaussian Markov chain, marginalised by its Kalman filter.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, width: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.width = width
        self.strategy = "Kalman filter, its conditional distribution is normal and a Markov chain"


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Marginalise a normal latent whose blocks are long chains."""
    match = match_family(NORMAL, inputs, outputs[: 1 + marginalized["n_dependent_rvs"]])
    if match is None:
        return None
    blocks, probe = match
    if blocks.size < _MIN_LENGTH or not blocks.full:
        return None
    widths = range(1, _MAX_BAND_WIDTH + 1)
    width = next((w for w in widths if _within_band(probe, blocks, w)), None)
    if width is None:
        return None
    return StateSpaceMarginalRV(
        inputs=inputs,
        outputs=outputs,
        family=NORMAL,
        blocks=blocks,
        width=width,
        **marginalized,
    )


# Every latent to which this strategy applies is a normal one too.
STRATEGY = Strategy(Precedence.SPECIAL_CASE, build)


def _within_band(probe: Probe, blocks: IndependentBlocks, width: int) -> bool:
    """Whether the Hessian is a band of this width, tested on its product with a random vector."""
    base = probe.draws[0]
    start = probe.slope(base).ravel()

    def product(v: np.ndarray) -> np.ndarray:
        """Multiply the Hessian by a vector; exact, because the function is quadratic."""
        direction = np.zeros(base.size)
        direction[blocks.entries] = v
        moved = probe.slope(base + direction.reshape(base.shape)).ravel()
        difference: np.ndarray = (moved - start)[blocks.entries]
        return difference

    step = np.abs(probe.draws[1] - base).mean()
    products = [product(step * seed) / step for seed in _band_seeds(blocks, width)]
    v = np.random.default_rng(0).uniform(0.5, 1.5, blocks.entries.shape)
    banded = np.zeros_like(v)
    for offset in range(-width, width + 1):
        rows, columns = _diagonal(blocks.size, offset)
        colour = columns % (2 * width + 1)
        column = np.stack([products[c][:, r] for c, r in zip(colour, rows, strict=True)], axis=1)
        banded[:, rows] += column * v[:, columns]
    full = product(step * v) / step
    return bool(np.all(np.abs(full - banded) <= _PRODUCT_RELATIVE * np.max(np.abs(full))))


def _band_seeds(blocks: IndependentBlocks, width: int) -> np.ndarray:
    """Vectors whose products with the Hessian contain all entries of its band.

    Each vector selects every (2 width + 1)-th entry, so that no two selected columns of the band
    have a row in common.

    Returns
    -------
    ndarray, shape (2 width + 1, blocks, size)
    """
    colours = 2 * width + 1
    return np.stack(
        [
            np.broadcast_to(np.arange(blocks.size) % colours == c, blocks.entries.shape)
            for c in range(colours)
        ]
    ).astype(float)


def _diagonal(size: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the diagonal at this offset of a square matrix."""
    rows = np.arange(max(0, -offset), min(size, size - offset))
    return rows, rows + offset


@_logprob.register(StateSpaceMarginalRV)
def _state_space_logp(op: StateSpaceMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    inner = op.fgraph.unfreeze()
    latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    blocks = op.blocks
    value, others, terms = log_joint_graphs(latent, dependents)
    with double_precision():
        sums, rest = blocks.sums(terms)
        gradient: Any = pytensor.grad(sums.sum(), value, disconnected_inputs="ignore")
        origin: dict[Any, Any] = {value: pt.zeros(blocks.shape)}
        gradient_at, *products = graph_replace(
            [
                blocks.gather(gradient.reshape((-1,))),
                *(
                    _hessian_product(gradient, value, blocks, seed)
                    for seed in _band_seeds(blocks, op.width)
                ),
            ],
            origin,
            strict=False,
        )
        diagonal, beside, right, times = _block_tridiagonal(
            pt.stack(products), gradient_at, blocks, op.width
        )
        state, log_determinant = solve_block_tridiagonal(diagonal, beside, right, times, op.width)
        mean = state.reshape((blocks.count, times * op.width))[:, : blocks.size]
        at_mean: dict[Any, Any] = {value: blocks.scatter(mean).astype(value.dtype)}
        log_joint, *rest = graph_replace([sums, *rest], at_mean, strict=False)
        each = log_joint + blocks.size * (0.5 * np.log(2 * np.pi)) - 0.5 * log_determinant
        density: Any = pt.concatenate([each, *rest]) if rest else each
    return marginal_log_densities(density, [*inner.inputs, *others], [*inputs, *values], values)


def _hessian_product(gradient: Any, value: Any, blocks: IndependentBlocks, seed: np.ndarray) -> Any:
    """Multiply the Hessian by a vector, shape (blocks, size)."""
    flat = np.zeros(blocks.entries.size)
    flat[blocks.entries] = seed
    weighted = pt.sum(gradient * flat.reshape(blocks.shape))
    product: Any = pytensor.grad(weighted, value, disconnected_inputs="ignore")
    return blocks.gather(product.reshape((-1,)))


def _block_tridiagonal(
    products: Any, gradient: Any, blocks: IndependentBlocks, width: int
) -> tuple[Any, Any, Any, int]:
    """Arrange the band of minus the Hessian as a block tridiagonal matrix.

    It is padded at the end with ones on the diagonal.

    Returns
    -------
    diagonal, beside, right : TensorVariable
        As `solve_block_tridiagonal` takes them.
    times : int
        Number of blocks on the diagonal.
    """
    size, colours = blocks.size, 2 * width + 1
    times = -(-size // width)
    own = np.arange(width)

    def matrices(first: np.ndarray, second: np.ndarray) -> Any:
        r, c = np.broadcast_arrays(
            first[:, None, None] * width + own[:, None], second[:, None, None] * width + own
        )
        in_band = (np.abs(r - c) <= width) & (r < size) & (c < size)
        r_, c_ = (np.where(in_band, one, 0) for one in (r, c))
        entries = -products[c_ % colours, :, r_]
        entries = pt.switch(in_band[..., None], entries, (r == c).astype(float)[..., None])
        return pt.moveaxis(entries, -1, 0)

    t = np.arange(times)
    padding = pt.zeros((blocks.count, times * width - size))
    right = pt.concatenate([gradient, padding], axis=1).reshape((blocks.count, times, width))
    return matrices(t, t), matrices(t[:-1], t[1:]), right, times
