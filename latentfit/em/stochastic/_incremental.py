"""Incremental EM (Neal & Hinton 1998, in Jordan, ed., Learning in Graphical Models, 355-368).

EM climbs the free energy F(q, θ) = E_q[log p(x, z | θ)] - E_q[log q(z)] in turn over q, the E step,
and over θ, the M step. Where units are independent, q is a product over blocks of them, and F also
climbs if q is brought up to date for one block b before θ moves:

    s ← s - s_b + S(b; θ),    s_b ← S(b; θ),    θ ← m_step(s).

It needs no step sizes and no random numbers, has the fixed points of EM and converges linearly like
it, in fewer passes over the data, as θ moves after every block. F never decreases; the likelihood
may, on its way. The price is memory for the statistics of every block.
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
from latentfit.em.stochastic._arguments import whole
from latentfit.em.stochastic._parts import Part, rows_of
from latentfit.em.stochastic._statistics import Sums, refuse_params
from latentfit.em.stochastic._steps import Breakdown, Steps
from latentfit.em.stopping import Stop, Stopping

_BLOCKS = 10


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
    """Run incremental EM; an iteration is a pass over all blocks.

    The first pass is an iteration of EM itself. With one block all of them are.

    Parameters
    ----------
    e_step, statistics, m_step, start, split
        As in `online`.
    data : mapping
        ``{name: array}``.
    blocks : int, optional
        Into how many consecutive runs of rows the data are divided, of sizes as equal as can be:
        10, or as many as there are rows, if it is not given.
    stopping : Stopping
        As in `latentfit.em.run`, of passes.
    on_iteration : callable, optional
        ``on_iteration(iteration, params)``, after each pass.

    Returns
    -------
    Solution
        Its `expectations` are the statistics that the last M step was given, each block's at the
        params with which that block was last visited, and its `evaluations` the passes. No
        log-likelihood is known.

    Raises
    ------
    InputError
        Data cannot be split, or not into so many blocks.
    DeclarationError, StepError
        As in `online`.
    """
    refuse_params(statistics)
    rows = rows_of(data, split)
    count = min(_BLOCKS, rows.units)
    if blocks is not None:
        count = whole("blocks", blocks, 1, rows.units)
    layout = Layout.of(start)
    bounds = np.linspace(0, rows.units, count + 1).astype(int)
    parts = [rows.part(slice(begin, end)) for begin, end in pairwise(bounds)]
    memory = _Memory(Steps(layout, e_step, m_step, statistics), layout, parts)
    solution = run(
        lambda params, data: {},
        lambda expectations, data, params: memory.visit(params),
        data,
        start,
        stopping=stopping,
        accelerate="none",
        on_iteration=on_iteration,
    )
    if solution.stop is Stop.NOT_FINITE and memory.failure:
        solution = replace(solution, message=f"{solution.stop.value} ({memory.failure})")
    return replace(solution, expectations=memory.total, evaluations=memory.passes)


class _Memory:
    """The statistics of every block, and their total."""

    def __init__(self, steps: Steps, layout: Layout, blocks: Sequence[Part]) -> None:
        self._steps = steps
        self._layout = layout
        self._blocks = blocks
        self._each: list[Sums] = []
        self.total: Sums = {}
        self.passes = 0
        self.failure = ""

    def visit(self, params: Params) -> Params:
        """One pass over all blocks; NaN where it could not be finished."""
        self.passes += 1
        try:
            return self._renewed(params) if self._each else self._filled(params)
        except Breakdown as failure:
            self.failure = str(failure)
            return {name: np.full_like(array, np.nan) for name, array in params.items()}

    def _filled(self, params: Params) -> Params:
        self._each = [self._sums(params, block) for block in self._blocks]
        self.total = _added(self._each)
        return self._maximised(params, self._blocks[0])

    def _renewed(self, params: Params) -> Params:
        last = len(self._blocks) - 1
        for number, block in enumerate(self._blocks):
            old, new = self._each[number], self._sums(params, block)
            self._each[number] = new
            # Summed anew once in a pass, so that rounding errors of differences do not pile up.
            self.total = (
                _added(self._each)
                if number == last
                else {name: self.total[name] - old[name] + new[name] for name in new}
            )
            params = self._maximised(params, block)
        return params

    def _sums(self, params: Params, block: Part) -> Sums:
        expectations = self._steps.expectations(params, block.data, self.passes)
        return dict(self._steps.sums(expectations, params, block.data, self.passes))

    def _maximised(self, params: Params, block: Part) -> Params:
        flat = self._steps.maximise(self.total, block.shared, params, self.passes)
        return self._layout.unpack(flat)


def _added(parts: Sequence[Sums]) -> Sums:
    return {name: np.sum([part[name] for part in parts], axis=0) for name in parts[0]}
