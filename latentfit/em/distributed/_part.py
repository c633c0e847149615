"""Data in parts, by rows: what a task is given, and how it makes arrays of that."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from latentfit.declaration import Data


@dataclass(frozen=True)
class Parts:
    """Data in parts.

    Attributes
    ----------
    chunks : tuple
        What a task for each part is given, a Dask `Delayed` or plain values.
    labels : tuple of str
        What messages call them.
    load : callable
        From one of `chunks`, computed, to ``{argument: array}``; it goes to the workers.
    whole : dict
        The arguments that are not split, which every task is given.
    """

    chunks: tuple[Any, ...]
    labels: tuple[str, ...]
    load: Callable[[Any], Data]
    whole: Data
