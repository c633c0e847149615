r"""The range of counts over which a latent without an upper bound is summed.

The terms of the sum over a count, p(N | θ) p(x | N, θ), increase up to their largest one and
decrease after it. They are evaluated on a grid of counts, each about a fifth larger than the one
before. The sum goes from the last grid point below all terms that count to the first one above
them: a term counts if its logarithm is at least that of the largest one minus `_TAIL`. It is
computed for each θ, so that neither a prior nor an upper bound chosen by hand truncates the
likelihood.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytensor.tensor as pt
from pytensor.compile.builders import OpFromGraph
from pytensor.gradient import disconnected_grad
from pytensor.graph.replace import _vectorize_node
from pytensor.tensor.random.basic import (
    BetaBinomialRV,
    BinomialRV,
    GeometricRV,
    HyperGeometricRV,
    NegBinomialRV,
    PoissonRV,
)

# Distributions whose values are counts, of which an E step returns the expectation.
COUNTS = (
    PoissonRV,
    NegBinomialRV,
    GeometricRV,
    BinomialRV,
    BetaBinomialRV,
    HyperGeometricRV,
)

# Natural logarithm of the largest term divided by the smallest one that is not neglected.
_TAIL = 60.0
# Largest count of the grid.
_LARGEST_COUNT = 2**17
# Counts up to this one are all in the grid, and later ones are in this ratio to one another.
_DENSE_COUNTS = 16
_GRID_RATIO = 1.2
# How much wider the range is that tests whether the range is wide enough.
_WIDER_TAIL = 2.0
_WIDER_COUNT = 8

_WIDER = ContextVar("wider", default=False)


@contextmanager
def wider_count_ranges() -> Iterator[None]:
    """Build observed views with wider ranges of counts within the ``with`` block.

    The difference of two log-likelihoods is then the error by the counts that are left out.
    """
    token = _WIDER.set(True)
    try:
        yield
    finally:
        _WIDER.reset(token)


@dataclass(frozen=True)
class CountRange:
    """How the range of a count is found.

    Attributes
    ----------
    tail : float
        Natural logarithm of the largest term divided by the smallest one that is not neglected.
    largest : int
        Largest count of the grid.
    """

    tail: float
    largest: int

    @property
    def strategy(self) -> str:
        """A phrase for reports."""
        return (
            f"summed over its counts, without terms below e^-{self.tail:.0f} times the largest one"
        )

    def counts(self, log_terms: Callable[[Any], Any]) -> Any:
        """Build the vector of the counts over which to sum.

        Parameters
        ----------
        log_terms : callable
            From a vector of counts, shape (counts,), to the logarithms of the terms of every
            block, shape (counts, blocks).
        """
        grid = self._grid()
        terms = disconnected_grad(log_terms(pt.constant(grid)))
        near = pt.ge(terms, pt.max(terms, axis=0) - self.tail)
        counted = pt.any(near, axis=1)
        first, last = pt.argmax(counted), len(grid) - 1 - pt.argmax(counted[::-1])
        low = pt.constant(grid)[pt.maximum(first - 1, 0)]
        high = pt.constant(grid)[pt.minimum(last + 1, len(grid) - 1)]
        return _all_counts(low, high)

    def _grid(self) -> np.ndarray:
        number = np.log(self.largest / _DENSE_COUNTS) / np.log(_GRID_RATIO)
        ratios = np.geomspace(_DENSE_COUNTS, self.largest, 1 + int(np.ceil(number)))
        return np.unique(np.concatenate([np.arange(_DENSE_COUNTS), ratios.round()])).astype(int)


def count_range() -> CountRange:
    """Make the range, a wider one within `wider_count_ranges`."""
    if _WIDER.get():
        return CountRange(_WIDER_TAIL * _TAIL, _WIDER_COUNT * _LARGEST_COUNT)
    return CountRange(_TAIL, _LARGEST_COUNT)


class CountVector(OpFromGraph):
    """All integers from one number to another.

    For several pairs of numbers at once, such as those of several draws of θ, the range is the
    smallest one that contains all of theirs.
    """


def _all_counts(low: Any, high: Any) -> Any:
    first, last = pt.lscalar("first"), pt.lscalar("last")
    op = CountVector([first, last], [pt.arange(first, last + 1)])
    return op(low.astype("int64"), high.astype("int64"))


@_vectorize_node.register(CountVector)
def _vectorize_count_vector(op: CountVector, node: Any, low: Any, high: Any) -> Any:
    counts: Any = _all_counts(pt.min(low), pt.max(high))
    batch = pt.broadcast_shape(low, high)
    return [pt.broadcast_to(counts, (*batch, counts.shape[0]))]
