"""Incremental EM (Neal & Hinton 1998, in Jordan, ed., Learning in Graphical Models, 355-368).

EM maximises the free energy F(q, θ) = E_q[log p(x, z | θ)] - E_q[log q(z)] alternately over q, the
E step, and over θ, the M step. If units are independent, q is a product over blocks of units, and F
also increases if q is updated for one block b before θ changes:

    s ← s - s_b + S(b; θ),    s_b ← S(b; θ),    θ ← m_step(s).

The algorithm needs no step sizes and no random numbers, and has the fixed points of EM. It
converges linearly like EM, in fewer passes over the data, because θ changes after every block. F
never decreases, but the likelihood may, before the limit is reached. The price is memory for the
statistics of every block.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from latentfit.em.layout import Layout, Params
from latentfit.em.loop import run
from latentfit.em.results import Solution
from latentfit.em.stochastic._approximation import OnIteration
from latentfit.em.stochastic._arguments import whole_number
from latentfit.em.stochastic._batches import Batch, split_data
from latentfit.em.stochastic._statistics import Statistics, refuse_params
from latentfit.em.stochastic._steps import NonFiniteValue, StochasticSteps
from latentfit.em.stopping import Stop, Stopping

_DEFAULT_BLOCKS = 10


def incremental(
    e_step: Callable[..., Mapping[str, Any]],
    statistics: Callable[..., Mapping[str, Any]],
    m_step: Callable[..., Mapping[str, Any]],
    data: Mapping[str, Any],
    start: Mapping[str, Any],
    *,
    blocks: int | None = None,
    split: Sequence[str] | None = None,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    on_iteration: OnIteration | None = None,
) -> Solution:
    """Run incremental EM, in which an iteration is a pass over all blocks.

    The first pass is an EM iteration. With a single block all of them are.

    Parameters
    ----------
    e_step, statistics, m_step, start, split
        As in `online`.
    data : mapping
        ``{name: array}``.
    blocks : int, optional
        Number of blocks of consecutive rows, of sizes as equal as possible; by default 10, or the
        number of rows if that is smaller.
    stopping : Stopping
        As in `latentfit.em.run`, where an iteration is a pass.
    on_iteration : callable, optional
        ``on_iteration(iteration, params)``, called after each pass.

    Returns
    -------
    Solution
        `expectations` are the statistics that the last M step was given, each block's at the
        params at which the block was last visited. `evaluations` is the number of passes. There
        is no log-likelihood.

    Raises
    ------
    InputError
        The data cannot be split, or have fewer rows than `blocks`.
    DeclarationError, StepError
        As in `online`.
    """
    refuse_params(statistics)
    rows = split_data(data, split)
    count = min(_DEFAULT_BLOCKS, rows.units)
    if blocks is not None:
        count = whole_number("blocks", blocks, 1, rows.units)
    layout = Layout.of(start)
    bounds = np.linspace(0, rows.units, count + 1).astype(int)
    batches = [rows.batch(slice(begin, end)) for begin, end in pairwise(bounds)]
    passes = _Passes(StochasticSteps(layout, e_step, m_step, statistics), layout, batches)
    solution = run(
        lambda params, data: {},
        lambda expectations, data, params: passes.next_params(params),
        data,
        start,
        stopping=stopping,
        accelerate="none",
        on_iteration=on_iteration,
    )
    if solution.stop is Stop.NOT_FINITE and passes.failure:
        solution = replace(solution, message=f"{solution.stop.value} ({passes.failure})")
    return replace(solution, expectations=passes.total, evaluations=passes.count)


class _Passes:
    """Passes over all blocks, with the statistics of every block in memory.

    Attributes
    ----------
    total : dict of ndarray
        The sum of the statistics of all blocks.
    count : int
        Number of passes so far.
    failure : str
        A clause about the value that is not finite, if there is one.
    """

    def __init__(self, steps: StochasticSteps, layout: Layout, blocks: Sequence[Batch]) -> None:
        self._steps = steps
        self._layout = layout
        self._blocks = blocks
        self._statistics_of_blocks: list[Statistics] = []
        self.total: Statistics = {}
        self.count = 0
        self.failure = ""

    def next_params(self, params: Params) -> Params:
        """Make a pass over all blocks; the params are NaN if it could not be completed."""
        self.count += 1
        try:
            if self._statistics_of_blocks:
                return self._incremental_pass(params)
            return self._first_pass(params)
        except NonFiniteValue as failure:
            self.failure = str(failure)
            return {name: np.full_like(array, np.nan) for name, array in params.items()}

    def _first_pass(self, params: Params) -> Params:
        self._statistics_of_blocks = [self._statistics(params, block) for block in self._blocks]
        self.total = _sum(self._statistics_of_blocks)
        return self._maximise(params, self._blocks[0])

    def _incremental_pass(self, params: Params) -> Params:
        last = len(self._blocks) - 1
        for number, block in enumerate(self._blocks):
            old, new = self._statistics_of_blocks[number], self._statistics(params, block)
            self._statistics_of_blocks[number] = new
            # Summing anew once per pass keeps rounding errors of the differences from accumulating.
            self.total = (
                _sum(self._statistics_of_blocks)
                if number == last
                else {name: self.total[name] - old[name] + new[name] for name in new}
            )
            params = self._maximise(params, block)
        return params

    def _statistics(self, params: Params, block: Batch) -> Statistics:
        expectations = self._steps.expectations(params, block.data, self.count)
        return dict(self._steps.statistics(expectations, params, block.data, self.count))

    def _maximise(self, params: Params, block: Batch) -> Params:
        flat = self._steps.maximise(self.total, block.shared, params, self.count)
        return self._layout.unpack(flat)


def _sum(parts: Sequence[Statistics]) -> Statistics:
    return {name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]}
