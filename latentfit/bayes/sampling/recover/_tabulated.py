"""Draws of a single continuous latent whose conditional density is tabulated.

A table is computed for each draw of θ. Entries that are identically distributed, whatever θ is,
share one table (`_identical_entries`).
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.utils import rewrite_graph

from latentfit.bayes.marginalize.distributions import TabulatedRV, tabulated_quantile
from latentfit.bayes.sampling.recover._identical_entries import (
    identically_distributed,
    take_entries,
)
from latentfit.bayes.sampling.recover._recovered import (
    LatentGroup,
    RecoveredLatent,
    Recovery,
    summarise,
)
from latentfit.bayes.views import BATCH_BYTES, VectorisedFunction, vectorise
from latentfit.declaration.compilation import double_precision

# Number of entries times draws below which the search for identically distributed entries takes
# longer than it saves.
_MIN_ENTRIES_TIMES_DRAWS = 50_000
# Identically distributed entries are first looked for among every so many-th point of the tables.
_COMPARED_TABLE_STRIDE = 16
# Memory that it takes to compute one quantile.
_BYTES_PER_QUANTILE = 64


def build(group: LatentGroup) -> Recovery | None:
    """Draw a tabulated latent; None if there are several latents or it is not tabulated."""
    if len(group.latents) != 1:
        return None
    (latent,) = group.latents
    variable = group.model[latent]
    if not isinstance(variable.owner.op, TabulatedRV):
        return None
    return _tabulated_recovery(variable, latent, group.parameters)


def _tabulated_recovery(variable: Any, latent: str, inputs: dict[str, Any]) -> Recovery:
    # Mode, width, and table of log densities of every entry.
    graphs = list(variable.owner.op.dist_params(variable.owner))
    all_entries = vectorise(graphs, inputs)

    def tables_at(draws: xr.Dataset) -> tuple[VectorisedFunction, np.ndarray | None]:
        """Choose the function that computes tables, and the table that each entry uses."""
        total, shape = draws.sizes["sample"], variable.type.shape
        if len(shape) != 1 or total * (shape[0] or 0) < _MIN_ENTRIES_TIMES_DRAWS:
            return all_entries, None
        two_draws = draws.isel(sample=[0, total // 2])
        first, group_of = identically_distributed(
            [table[..., ::_COMPARED_TABLE_STRIDE]] for _, (*_, table) in all_entries(two_draws)
        )
        if 2 * len(first) <= len(group_of):
            # Entries with the same tables at two draws may have different ones at others, on
            # the other side of a threshold. Modes and widths are compared at all draws.
            modes_and_widths = vectorise(graphs[:2], inputs)
            first, group_of = identically_distributed(
                (parts for _, parts in modes_and_widths(draws)), group_of
            )
        if 2 * len(first) > len(group_of):
            return all_entries, None
        # The graphs are rewritten as functions of placeholders, because a parameter's own node
        # would be rewritten or copied with them.
        placeholders = {name: parameter.type(name) for name, parameter in inputs.items()}
        with double_precision():
            rewritten: Any = rewrite_graph(
                clone_replace(graphs, {inputs[name]: placeholders[name] for name in inputs}),
                include=("canonicalize", "stabilize"),
            )
        some_entries = [take_entries(graph, first) for graph in rewritten]
        return vectorise(some_entries, placeholders), group_of

    def recover(draws: xr.Dataset, seed: int, each: int) -> dict[str, RecoveredLatent]:
        rng, values = np.random.default_rng(seed), []
        call, group_of = tables_at(draws)
        for _, tables in call(draws):
            entries = tables[0].shape[1:] if group_of is None else group_of.shape
            room = max(1, BATCH_BYTES // max(1, _BYTES_PER_QUANTILE * math.prod(entries)))
            # Random numbers are drawn in the order of θ, so that the draws do not depend on how
            # many of them fit into memory.
            for begin, end in _ranges(len(tables[0]), max(1, room // each)):
                mode, width, table = (part[begin:end] for part in tables)
                for first, last in _ranges(each, room):
                    share = rng.random((end - begin, last - first, *entries))
                    drawn = tabulated_quantile(
                        np.moveaxis(share, 1, 0), mode, width, table, group_of
                    )
                    values.append(np.moveaxis(drawn, 0, 1).reshape(-1, *entries))
        return {latent: summarise(np.concatenate(values), None)}

    return recover


def _ranges(total: int, step: int) -> Iterator[tuple[int, int]]:
    for begin in range(0, total, step):
        yield begin, min(begin + step, total)
