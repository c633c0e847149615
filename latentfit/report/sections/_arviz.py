"""Drawing with ArviZ on axes of the report, so that ArviZ opens no figure of its own."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_NOT_DRAWN = ("credible_interval", "point_estimate", "point_estimate_text", "title", "remove_axis")


def plot_on(axes: "Axes", figure: "Figure", data: "xr.Dataset", **aesthetics: Any) -> Any:
    """Make the plot collection with which ArviZ draws on the given axes."""
    import arviz_plots
    import xarray as xr

    plot_collection: Any = arviz_plots.PlotCollection
    canvas = xr.Dataset({"figure": _as_scalar(figure), "plot": _as_scalar(axes)})
    return plot_collection(data, xr.DataTree(canvas), backend="matplotlib", **aesthetics)


def only_curves(style: dict[str, Any]) -> dict[Any, Any]:
    """Return ArviZ's ``visuals`` for a distribution without intervals, points and titles."""
    return {"dist": style, **dict.fromkeys(_NOT_DRAWN, False)}


def chain_dataset(draws: np.ndarray) -> Any:
    """Return draws of shape (chain, draw) as a Dataset."""
    return _dataset(draws, "chain", "draw")


def replicate_dataset(values: np.ndarray) -> Any:
    """Return data sets of shape (replicate, value) as a Dataset."""
    return _dataset(values, "replicate", "value")


def _dataset(values: np.ndarray, first: str, second: str) -> Any:
    import xarray as xr

    return xr.Dataset(
        {"x": ((first, second), values)},
        coords={first: np.arange(values.shape[0]), second: np.arange(values.shape[1])},
    )


def _as_scalar(value: Any) -> tuple[tuple[()], np.ndarray]:
    array = np.empty((), dtype=object)
    array[()] = value
    return (), array
