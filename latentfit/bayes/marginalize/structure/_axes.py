"""Which axes of the dependents belong to which axes of a latent."""

from collections.abc import Sequence
from typing import Any

from pymc_extras.model.marginal.graph_analysis import subgraph_batch_dim_connection

# For each axis of a variable, the axis of the latent that it belongs to, or None.
MatchedAxes = tuple[int | None, ...]


def axes_of_dependents(latent: Any, dependents: Sequence[Any]) -> list[MatchedAxes] | None:
    """Match the axes of the dependents with those of a latent that they use entry by entry.

    Returns
    -------
    list of tuple, or None
        One for each dependent. None if an entry of a dependent depends on several entries of the
        latent, if the graph is not understood, or if the dependents share an entry along one of
        its axes. They do so where an axis of length one is broadcast: a latent of shape (n, 1)
        whose dependents have shape (n, m) has one entry for each row, and not one for each entry
        of a row. pymc-extras matches such axes as if they had the same length.
    """
    try:
        matched: list[tuple[int | None, ...]] = subgraph_batch_dim_connection(latent, dependents)
    except (ValueError, NotImplementedError, AssertionError, AttributeError):
        # pymc-extras raises all of these for graphs that it does not cover.
        return None
    own = latent.type.shape
    for variable, axes in zip(dependents, matched, strict=True):
        lengths = dict(zip(axes, variable.type.shape, strict=True))
        lengths.pop(None, None)
        if set(lengths) != set(range(len(own))):
            return None
        if any(own[axis] == 1 and length != 1 for axis, length in lengths.items()):
            return None
    return matched
