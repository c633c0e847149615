"""Pictures of the posterior, with the point estimates in it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report._numbers import to_scale
from latentfit.report._picture import (
    HEIGHT,
    INK,
    MARKS,
    MUTED,
    PALE,
    WIDTH,
    Picture,
    picture,
    sheet,
    without_y,
)
from latentfit.report._scalars import Scalar
from latentfit.report._words import marked

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_REPLICATES = 50
_FEW = 20
_HANDFUL = 5
_FURTHEST = 6.0


def marginal(scalar: Scalar) -> Picture:
    """The marginal posterior density of one parameter, its 95 % interval, and the estimates."""
    from arviz_plots import plot_dist

    row = scalar.row
    figure, axes = sheet(WIDTH, HEIGHT * 0.8)
    if scalar.varies:
        draws = _labelled(scalar.draws)
        plot_dist(
            draws,
            kind="kde",
            sample_dims=["chain", "draw"],
            backend="matplotlib",
            plot_collection=_on(axes, figure, draws),
            visuals=_curves({"color": MUTED, "width": 1.2})
            | {"face": {"color": PALE, "alpha": 0.7}},
        )
        axes.plot(row.eti, [0, 0], color=INK, linewidth=3.5, clip_on=False)
    for mark in MARKS:
        if np.isfinite(value := getattr(row, mark.key)):
            axes.axvline(value, color=mark.color, **mark.line)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="", ylabel="")
    axes.set_title(marked(row))
    axes.locator_params(axis="x", nbins=5)
    without_y(axes)
    values = ", ".join(
        f"{mark.label} {to_scale(getattr(row, mark.key), row.posterior_sd)}" for mark in MARKS
    )
    low, high = (to_scale(end, row.posterior_sd) for end in row.eti)
    return picture(
        figure,
        f"Marginal posterior of {row.name}, 95 % interval {low} to {high}; {values}.",
    )


def forest(scalars: Sequence[Scalar]) -> Picture:
    """All parameters in units of their own posterior: intervals and the three estimates."""
    shown = [scalar for scalar in scalars if scalar.varies]
    figure, axes = sheet(WIDTH * 1.35, 70 + 24 * max(len(shown), 1))
    reach = 2.5
    for level, scalar in enumerate(reversed(shown)):
        row = scalar.row

        def standard(value: Any, row: Any = row) -> Any:
            return (np.asarray(value) - row.posterior_mean) / row.posterior_sd

        axes.plot(standard(row.eti), [level] * 2, color=MUTED, linewidth=1.4)
        half = standard(np.quantile(scalar.draws, [0.25, 0.75]))
        axes.plot(half, [level] * 2, color=MUTED, linewidth=4)
        for mark in MARKS:
            where = float(standard(getattr(row, mark.key)))
            if not np.isfinite(where):
                continue
            inside = float(np.clip(where, -_FURTHEST, _FURTHEST))
            reach = max(reach, abs(inside) + 0.4)
            axes.plot(
                inside,
                level,
                mark.marker,
                color=mark.color,
                markersize=9 if mark.key == "mle" else 5.5,
                markerfacecolor="none" if mark.key == "mle" else mark.color,
                markeredgewidth=1.5,
                zorder=4,
            )
            if inside != where:
                axes.annotate(
                    f"{where:.2g}", (inside, level), (0, 7), textcoords="offset points",
                    ha="center", fontsize=8.5, color=mark.color,
                )  # fmt: skip
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(shown)), [marked(scalar.row) for scalar in reversed(shown)])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(-reach, reach), ylim=(-0.7, len(shown) - 0.3))
    axes.set_xlabel("posterior standard deviations from the posterior mean")
    listed = "; ".join(
        f"{s.row.name}: EM {float((s.row.em - s.row.posterior_mean) / s.row.posterior_sd):.2f}"
        for s in shown
    )
    return picture(figure, f"EM's estimates in posterior sds from the posterior mean: {listed}.")


def ranks(scalar: Scalar) -> Picture:
    """Whether the chains explore the same distribution: their ranks against uniformity."""
    from arviz_plots import plot_rank
    from arviz_stats import thin

    # The test of uniformity takes draws for independent (Säilynoja, Bürkner & Vehtari 2022).
    draws = _labelled(thin(scalar.draws))
    figure, axes = sheet(WIDTH, HEIGHT * 0.75)
    chains = len(scalar.draws)
    plot_rank(
        draws,
        backend="matplotlib",
        plot_collection=_on(
            axes,
            figure,
            draws,
            aes={"color": ["chain"], "overlay": ["chain"]},
            color=[_shade(chain, chains) for chain in range(chains)],
        ),
        visuals={"title": False, "xlabel": False, "remove_axis": False},
    )
    axes.set(xlabel="fractional rank", ylabel="")
    axes.set_title(scalar.row.name)
    axes.locator_params(nbins=5)
    return picture(
        figure,
        f"Difference between the distribution of fractional ranks and the uniform one for "
        f"{scalar.row.name}, a line for each of {chains} chains; R-hat {scalar.row.rhat:.4f}.",
    )


def predictive(name: str, observed: "xr.DataArray", replicated: "xr.DataArray") -> Picture:
    """Observed data among data sets replicated from the posterior.

    Densities for many continuous values, empirical distribution functions otherwise: a density
    estimated from a few points, or from counts, shows its own smoothing. A handful of values
    stand as lines upon the histogram of everything replicated.

    Parameters
    ----------
    name : str
    observed : DataArray
    replicated : DataArray
        Dimensions ``chain`` and ``draw``, and those of `observed`.
    """
    from arviz_plots import plot_dist

    values = np.ravel(np.asarray(observed.values, dtype=float))
    values = values[np.isfinite(values)]
    sets = replicated.transpose("chain", "draw", ...).values
    sets = sets.reshape((sets.shape[0] * sets.shape[1], -1))
    if len(values) < _HANDFUL:
        return _handful(name, values, sets.ravel())
    sets = sets[np.unique(np.linspace(0, len(sets) - 1, _REPLICATES).round().astype(int))]
    discrete = np.issubdtype(observed.dtype, np.integer) or observed.dtype == bool
    smooth = not discrete and min(len(np.unique(values)), sets.shape[1]) >= _FEW
    figure, axes = sheet()
    for data, look in (
        (sets, {"color": "#9aa1ac", "alpha": 0.35, "width": 0.8}),
        (values[None], {"color": INK, "width": 2.0}),
    ):
        one = _replicates(data.astype(float))
        plot_dist(
            one,
            kind="kde" if smooth else "ecdf",
            sample_dims=["value"],
            backend="matplotlib",
            plot_collection=_on(axes, figure, one, aes={"overlay": ["replicate"]}),
            visuals=_curves(look),
        )
    axes.set(xlabel=name, ylabel="" if smooth else "share not above")
    if smooth:
        axes.set_ylim(bottom=0)
        without_y(axes)
    form = "densities" if smooth else "distribution functions"
    return picture(
        figure,
        f"The {len(values)} observed values of {name} against {len(sets)} replicated data sets, "
        f"as {form}.",
    )


def _handful(name: str, values: np.ndarray, replicated: np.ndarray) -> Picture:
    # A heavy tail would leave no room for the rest.
    low, high = np.nanquantile(replicated, [0.005, 0.99])
    low, high = min(low, *values), max(high, *values)
    shown = replicated[(replicated >= low) & (replicated <= high)]
    figure, axes = sheet()
    axes.hist(shown, bins=40, density=True, color="#b9c0cb")
    for value in values:
        axes.axvline(value, color=INK, linewidth=2)
    axes.set(xlabel=name)
    without_y(axes)
    return picture(
        figure,
        f"{len(values)} observed value{'' if len(values) == 1 else 's'} of {name} upon a histogram "
        f"of {len(replicated)} replicated ones, drawn from {low:.3g} to {high:.3g}.",
    )


def _curves(look: dict[str, Any]) -> dict[Any, Any]:
    """The distribution alone, of all that ArviZ would draw."""
    others = ("credible_interval", "point_estimate", "point_estimate_text", "title", "remove_axis")
    return {"dist": look, **dict.fromkeys(others, False)}


def _labelled(draws: np.ndarray) -> Any:
    import xarray as xr

    return xr.Dataset(
        {"x": (("chain", "draw"), draws)},
        coords={"chain": np.arange(draws.shape[0]), "draw": np.arange(draws.shape[1])},
    )


def _replicates(values: np.ndarray) -> Any:
    import xarray as xr

    return xr.Dataset(
        {"x": (("replicate", "value"), values)},
        coords={"replicate": np.arange(values.shape[0]), "value": np.arange(values.shape[1])},
    )


def _on(axes: "Axes", figure: "Figure", data: "xr.Dataset", **aesthetics: Any) -> Any:
    """Have ArviZ draw on axes of ours, so that it opens no figure of its own."""
    import xarray as xr
    from arviz_plots import PlotCollection

    canvas = xr.Dataset({"figure": _boxed(figure), "plot": _boxed(axes)})
    return PlotCollection(data, xr.DataTree(canvas), backend="matplotlib", **aesthetics)


def _boxed(thing: Any) -> tuple[tuple[()], np.ndarray]:
    box = np.empty((), dtype=object)
    box[()] = thing
    return (), box


def _shade(position: int, count: int) -> tuple[float, float, float]:
    """A grey-blue from dark to light: chains have an order and no meaning."""
    share = position / max(count - 1, 1)
    dark, light = np.array([0.16, 0.25, 0.36]), np.array([0.62, 0.72, 0.83])
    red, green, blue = (1 - share) * dark + share * light
    return float(red), float(green), float(blue)
