"""Parts of pictures that show the iterates of an array, one line for each entry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from latentfit.report.pictures import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LINES = 8

# Between the centres of neighbouring names, as a share of the vertical axis.
_LINE_SPACING = 0.085


def line_names(shape: Sequence[int]) -> list[str]:
    """Return the indices of the entries that are drawn, such as ``[0,1]``."""
    indices = [f"[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]
    return indices[:MAX_LINES]


def path_title(name: str, shape: Sequence[int]) -> str:
    """Return the name of the array, and how many of its entries are drawn if not all are."""
    size = int(np.prod(shape))
    return f"{name} (first {MAX_LINES} of {size})" if size > MAX_LINES else name


def label_lines(axes: "Axes", last_values: np.ndarray, names: Sequence[str]) -> None:
    """Write each line's name beside its last value, at a distance from other names.

    Parameters
    ----------
    axes : Axes
    last_values : ndarray, shape (lines,)
    names : sequence of str
    """
    low, high = axes.get_ylim()
    order = np.argsort(last_values)
    positions = ((last_values - low) / (high - low))[order].copy()
    for k in range(1, len(positions)):
        positions[k] = max(positions[k], positions[k - 1] + _LINE_SPACING)
    positions -= max(0.0, positions[-1] - 1.0) if len(positions) else 0.0
    for k in range(len(positions) - 2, -1, -1):
        positions[k] = min(positions[k], positions[k + 1] - _LINE_SPACING)
    for position, k in zip(positions, order, strict=True):
        axes.annotate(
            names[k], (1, position), (4, 0), xycoords="axes fraction",
            textcoords="offset points", va="center", fontsize=9, color=MUTED,
            annotation_clip=False,
        )  # fmt: skip
