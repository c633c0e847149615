r"""State space models: normal latents in which each time is tied to those just before and after it.

Random walks, autoregressions, and vectors of them, seen through normal observations: log p(x, z |
θ) is quadratic in z, and its Hessian has a narrow band about the diagonal. The integral is that of
any normal conditional (`_normal`); for long series it is done by the Kalman filter
(`_chain_solve`), in time that is proportional to their length, where a full matrix would take the
cube of it.
"""

from typing import Any

import numpy as np
import pytensor
import pytensor.tensor as pt
from pymc.logprob.abstract import _logprob
from pymc_extras.model.marginal.distributions.core import MarginalRV
from pytensor.graph.replace import graph_replace

from latentfit.bayes.marginalize._blocks import Blocks
from latentfit.bayes.marginalize._chain_solve import solve_chain
from latentfit.bayes.marginalize._conjugate import ConjugateMarginalRV, fitting
from latentfit.bayes.marginalize._normal import NORMAL
from latentfit.bayes.marginalize._probe import Probe, log_joint, marginal
from latentfit.declaration import double_precision

# A shorter one is done without: its sweeps are compiled for NUTS in a minute, a matrix in seconds.
_SHORT = 200
# Neighbours on either side that an entry may be tied to.
_WIDEST = 4
_CLOSE = 1e-8


class StateSpaceMarginalRV(ConjugateMarginalRV):
    """Variables that depend on a Gaussian Markov chain, integrated out by its Kalman filter.

    Inner graph: [latent, *dependents, *rng updates].
    """

    def __init__(self, *args: Any, width: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.width = width
        self.strategy = "its conditional is normal, and a Markov chain: Kalman filter"


def build(inputs: list[Any], outputs: list[Any], **marginalized: Any) -> MarginalRV | None:
    """Integrate out a normal latent whose blocks are chains."""
    found = fitting(NORMAL, inputs, outputs[: 1 + marginalized["n_dependent_rvs"]])
    if found is None:
        return None
    blocks, probe = found
    if blocks.size < _SHORT or not blocks.full:
        return None
    width = next((w for w in range(1, _WIDEST + 1) if _within_band(probe, blocks, w)), None)
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


def _within_band(probe: Probe, blocks: Blocks, width: int) -> bool:
    """Whether no entry is tied to one further away, tried on a random direction."""
    base = probe.draws[0]
    start = probe.slope(base).ravel()

    def product(v: np.ndarray) -> np.ndarray:
        """The Hessian times a vector: of a quadratic function, a difference of slopes."""
        direction = np.zeros(base.size)
        direction[blocks.entries] = v
        moved = probe.slope(base + direction.reshape(base.shape)).ravel()
        found: np.ndarray = (moved - start)[blocks.entries]
        return found

    step = np.abs(probe.draws[1] - base).mean()
    products = [product(step * seed) / step for seed in seeds(blocks, width)]
    v = np.random.default_rng(0).uniform(0.5, 1.5, blocks.entries.shape)
    banded = np.zeros_like(v)
    for offset in range(-width, width + 1):
        rows, columns = _diagonal(blocks.size, offset)
        colour = columns % (2 * width + 1)
        column = np.stack([products[c][:, r] for c, r in zip(colour, rows, strict=True)], axis=1)
        banded[:, rows] += column * v[:, columns]
    whole = product(step * v) / step
    return bool(np.all(np.abs(whole - banded) <= _CLOSE * np.max(np.abs(whole))))


def seeds(blocks: Blocks, width: int) -> np.ndarray:
    """Vectors of which the Hessian's products hold its band, shape (2 width + 1, blocks, size)."""
    colours = 2 * width + 1
    return np.stack(
        [
            np.broadcast_to(np.arange(blocks.size) % colours == c, blocks.entries.shape)
            for c in range(colours)
        ]
    ).astype(float)


def _diagonal(size: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(max(0, -offset), min(size, size - offset))
    return rows, rows + offset


@_logprob.register(StateSpaceMarginalRV)
def _marginal_logp(op: StateSpaceMarginalRV, values: Any, *inputs: Any, **kwargs: Any) -> Any:
    inner = op.fgraph.unfreeze()
    latent, *dependents = inner.outputs[: 1 + op.n_dependent_rvs]
    blocks = op.blocks
    value, others, terms = log_joint(latent, dependents)
    with double_precision():
        sums, rest = blocks.sums(terms)
        gradient: Any = pytensor.grad(sums.sum(), value, disconnected_inputs="ignore")
        origin: dict[Any, Any] = {value: pt.zeros(blocks.shape)}
        slope, *products = graph_replace(
            [
                blocks.gather(gradient.reshape((-1,))),
                *(_product(gradient, value, blocks, seed) for seed in seeds(blocks, op.width)),
            ],
            origin,
            strict=False,
        )
        diagonal, beside, right, times = _as_chain(pt.stack(products), slope, blocks, op.width)
        state, log_determinant = solve_chain(diagonal, beside, right, times, op.width)
        mean = state.reshape((blocks.count, times * op.width))[:, : blocks.size]
        there: dict[Any, Any] = {value: blocks.scatter(mean).astype(value.dtype)}
        height, *rest = graph_replace([sums, *rest], there, strict=False)
        each = height + blocks.size * (0.5 * np.log(2 * np.pi)) - 0.5 * log_determinant
        found: Any = pt.concatenate([each, *rest]) if rest else each
    return marginal(found, [*inner.inputs, *others], [*inputs, *values], values)


def _product(gradient: Any, value: Any, blocks: Blocks, seed: np.ndarray) -> Any:
    """The Hessian times a vector, block by block."""
    flat = np.zeros(blocks.entries.size)
    flat[blocks.entries] = seed
    weighted = pt.sum(gradient * flat.reshape(blocks.shape))
    found: Any = pytensor.grad(weighted, value, disconnected_inputs="ignore")
    return blocks.gather(found.reshape((-1,)))


def _as_chain(products: Any, slope: Any, blocks: Blocks, width: int) -> tuple[Any, Any, Any, int]:
    """The band as a block tridiagonal matrix, filled up with ones on the diagonal at its end."""
    size, colours = blocks.size, 2 * width + 1
    times = -(-size // width)
    own = np.arange(width)

    def part(first: np.ndarray, second: np.ndarray) -> Any:
        r, c = np.broadcast_arrays(
            first[:, None, None] * width + own[:, None], second[:, None, None] * width + own
        )
        known = (np.abs(r - c) <= width) & (r < size) & (c < size)
        r_, c_ = (np.where(known, one, 0) for one in (r, c))
        found = -products[c_ % colours, :, r_]
        found = pt.switch(known[..., None], found, (r == c).astype(float)[..., None])
        return pt.moveaxis(found, -1, 0)

    t = np.arange(times)
    filled = pt.zeros((blocks.count, times * width - size))
    right = pt.concatenate([slope, filled], axis=1).reshape((blocks.count, times, width))
    return part(t, t), part(t[:-1], t[1:]), right, times
