"""Data in chunks of rows, and how a task turns a chunk into arrays."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from latentfit.declaration.data import Data


@dataclass(frozen=True)
class ChunkedData:
    """Data in chunks of rows.

    Attributes
    ----------
    chunks : tuple
        What the task of each chunk is given, a Dask `Delayed` or plain values.
    labels : tuple of str
        What messages call the chunks.
    load : callable
        ``load(chunk)`` returns ``{argument: array}`` for a computed chunk; it runs on the workers.
    shared : dict
        ``{argument: array}``, the arguments that are not split, which every task is given.
    """

    chunks: tuple[Any, ...]
    labels: tuple[str, ...]
    load: Callable[[Any], Data]
    shared: Data
