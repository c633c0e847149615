"""The picture of a row: the data on the left, marginal posteriors and estimates on the right."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np
from arviz_stats.base import array_stats
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from latentfit.declaration import labels
from latentfit.report.pictures import (
    CATEGORY_COLORS,
    ESTIMATE_STYLES,
    GREY,
    INK,
    LIGHT_GREY,
    MUTED,
    PALE,
    hide_y_axis,
    report_style,
)

WIDTH, HEIGHT, PIXELS_PER_INCH = 480, 170, 72
_PALETTE_SIZE = 64
# With at most so many counts, each is drawn as a point; more counts are drawn as a bar chart.
_MAX_POINTS_OF_COUNTS = 12


def draw_row(result: Mapping[str, Any], tree: Any, example: Mapping[str, Any]) -> tuple[bytes, str]:
    """Draw the picture of a row.

    Parameters
    ----------
    result : mapping
        The content of ``comparison.json``.
    tree : DataTree
        The content of ``comparison.nc``.
    example : mapping
        The example data of the model.

    Returns
    -------
    image : bytes
        PNG.
    description : str
        What the picture shows, in words.
    """
    shown = _shown_parameters(result, tree)
    with report_style():
        size = (WIDTH / PIXELS_PER_INCH, HEIGHT / PIXELS_PER_INCH)
        figure = Figure(figsize=size, layout="constrained")
        widths = [2.0] + [2.4 / len(shown)] * len(shown)
        first, *others = figure.subplots(1, 1 + len(shown), width_ratios=widths)
        for axes in (first, *others):
            axes.tick_params(labelsize=8.5)
            axes.xaxis.label.set_size(9)
        description = _draw_data(first, tree, example)
        first.title.set_size(9.5)
        for axes, (row, draws) in zip(others, shown, strict=True):
            _draw_marginal(axes, row, draws)
        _draw_legend(others[-1])
        image = BytesIO()
        figure.savefig(image, format="png", dpi=2 * PIXELS_PER_INCH, metadata={"Software": None})
    names = " and ".join(row["name"] for row, _ in shown)
    return (
        _with_palette(image),
        f"{description}; marginal posterior of {names} with EM, MLE and MAP",
    )


def _shown_parameters(
    result: Mapping[str, Any], tree: Any
) -> list[tuple[Mapping[str, Any], np.ndarray]]:
    """Choose two scalar parameters: others before probabilities that sum to one."""
    rows = {row["name"]: row for row in result["parameters"] if row.get("identified", True)}
    posterior, free, constrained = tree["posterior"], [], []
    for name, value in tree["em"].data_vars.items():
        draws = posterior[name].transpose("chain", "draw", ...).values
        sums = value.ndim > 0 and value.shape[-1] > 1 and np.allclose(value.sum(axis=-1), 1)
        for label, place in zip(labels(name, value.shape), np.ndindex(value.shape), strict=True):
            if label not in rows:
                continue
            # The second of two probabilities is one minus the first.
            redundant = sums and place[-1] > 0 and value.shape[-1] == 2
            pair = (rows[label], draws[(..., *place)])
            if not redundant:
                (constrained if sums else free).append(pair)
    return (free or constrained)[:2]


def _draw_marginal(axes: Any, row: Mapping[str, Any], draws: np.ndarray) -> None:
    grid, density, _ = array_stats.kde(draws.ravel())
    axes.fill_between(grid, density, color=PALE, alpha=0.7, linewidth=0)
    axes.plot(grid, density, color=MUTED, linewidth=1.2)
    axes.plot(row["eti"], [0, 0], color=INK, linewidth=3.5, clip_on=False)
    estimates = [style for style in ESTIMATE_STYLES if row[style.key] is not None]
    for style in estimates:
        axes.axvline(row[style.key], color=style.color, **style.line)
    low, high = np.quantile(draws, [0.001, 0.999])
    points = [row[style.key] for style in estimates]
    low, high = min(low, *points), max(high, *points)
    margin = 0.04 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.set_ylim(bottom=0)
    axes.set_title(row["name"], fontsize=9.5)
    axes.locator_params(axis="x", nbins=3)
    hide_y_axis(axes)


def _draw_legend(axes: Any) -> None:
    lines = [
        Line2D([], [], color=style.color, label=style.label, **style.line)
        for style in reversed(ESTIMATE_STYLES)
    ]
    axes.figure.legend(
        handles=lines, loc="outside lower right", ncols=3, fontsize=8.5, handlelength=1.4,
        columnspacing=1.2, borderaxespad=0.0,
    )  # fmt: skip


def _draw_data(axes: Any, tree: Any, example: Mapping[str, Any]) -> str:
    """Draw the observed data, coloured by latent category, and the posterior's predictions.

    Returns a description in words.
    """
    name, values = next(iter(tree["observed_data"].data_vars.items()))
    replicated = tree["posterior_predictive"][name].transpose("chain", "draw", ...).values
    replicated = replicated.reshape(-1, *values.shape)
    probabilities = _category_probabilities(tree["posterior"], values)
    x = values.values
    axes.set_title(name)
    covariate = _covariate(example, name, x)
    if covariate is not None:
        _scatter(axes, np.ravel(example[covariate]), x, probabilities)
        axes.set(xlabel=covariate)
        return f"{name} against {covariate}"
    if values.dims == ("time",):
        axes.plot(x, color=GREY, linewidth=0.7)
        _scatter(axes, np.arange(len(x)), x, probabilities)
        axes.set(xlabel="time")
        return f"The series {name}, by latent state"
    if x.ndim == 2 and x.dtype.kind == "f" and x.shape[1] == 2:
        _scatter(axes, x[:, 0], x[:, 1], probabilities)
        return f"The two columns of {name}, by latent category"
    if x.ndim == 2 and x.dtype.kind in "iu" and set(np.unique(x)) <= {0, 1}:
        predicted = (replicated == 1).sum(axis=1)
        ones = (x == 1).astype(float)
        _draw_bars(axes, np.arange(x.shape[1]), ones, probabilities, predicted)
        axes.set(xlabel="column", ylabel="ones")
        return f"How often each column of {name} is one"
    if x.size == 1:
        return _draw_single_value(axes, float(x.ravel()[0]), replicated.ravel())
    if x.dtype.kind in "iu" and x.ndim == 1 and len(x) <= _MAX_POINTS_OF_COUNTS:
        low, high = np.quantile(replicated, [0.025, 0.975], axis=0)
        axes.vlines(np.arange(len(x)), low, high, color=GREY, linewidth=1.2)
        _scatter(axes, np.arange(len(x)), x, probabilities, size=7)
        axes.set(xlabel=values.dims[0])
        axes.locator_params(integer=True, nbins=5)
        return f"Each value of {name}, with the interval that the posterior predicts"
    if x.dtype.kind in "iu":
        return _draw_counts(axes, name, x, replicated, probabilities, tree)
    flat = replicated.reshape(len(replicated), -1)
    return _draw_histogram(axes, name, x.ravel(), flat, probabilities)


def _draw_counts(
    axes: Any, name: str, x: np.ndarray, replicated: np.ndarray, probabilities: Any, tree: Any
) -> str:
    largest = int(min(x.max(), np.quantile(x, 0.995) + 5))
    places = np.arange(int(x.min()), largest + 1)
    indicator = (x.reshape(len(x), -1)[:, None, :] == places[:, None]).sum(axis=-1)
    flat = replicated.reshape(len(replicated), -1)
    predicted = np.stack([(flat == place).sum(axis=1) for place in places], axis=1)
    base = name.removesuffix("_observed")
    missing = tree["posterior"].get(f"{base}_unobserved") if base != name else None
    if missing is None:
        _draw_bars(axes, places, indicator.astype(float), probabilities, predicted)
        axes.set(ylabel="count")
        return f"How often each value of {name} occurs, by latent category"
    draws = missing.values.reshape(-1, missing.shape[-1])
    recovered = [(draws == place).sum(axis=1).mean() for place in places]
    observed = indicator.sum(axis=0)
    axes.bar(places, observed, color=LIGHT_GREY, width=0.8, label="observed")
    axes.bar(
        places, recovered, bottom=observed, color=CATEGORY_COLORS[1], width=0.8, label="recovered"
    )
    axes.set_title(base)
    axes.legend(fontsize=8, handlelength=1)
    axes.set_xticks(places)
    return f"Counts of {base}, with the missing ones as the posterior recovers them"


def _draw_histogram(
    axes: Any, name: str, x: np.ndarray, replicated: np.ndarray, probabilities: Any
) -> str:
    edges = np.linspace(x.min(), x.max(), 25)
    which = np.clip(np.digitize(x, edges) - 1, 0, len(edges) - 2)
    indicator = (which[:, None] == np.arange(len(edges) - 1)).astype(float)
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    predicted = np.stack([np.histogram(one, edges)[0] for one in replicated])
    _draw_bars(axes, middle, indicator, probabilities, None, width=width)
    axes.plot(middle, predicted.mean(axis=0), color=INK, linewidth=1.4)
    axes.set(ylabel="count")
    return f"Histogram of {name} by latent category, with the posterior's prediction"


def _draw_bars(
    axes: Any,
    places: Any,
    indicator: np.ndarray,
    probabilities: Any,
    predicted: Any,
    width: float = 0.8,
) -> None:
    """Draw the totals of `indicator` (object, place), divided among the objects' categories."""
    if probabilities is None:
        axes.bar(places, indicator.sum(axis=0), width=width, color=LIGHT_GREY)
    else:
        bottom = np.zeros(indicator.shape[1])
        for k, probability in enumerate(probabilities.T):
            total = probability @ indicator
            color = CATEGORY_COLORS[k % len(CATEGORY_COLORS)]
            axes.bar(places, total, width=width, bottom=bottom, color=color, alpha=0.75)
            bottom += total
    if predicted is not None:
        low, high = np.quantile(predicted, [0.025, 0.975], axis=0)
        axes.vlines(places, low, high, color=INK, linewidth=1.4)
    axes.locator_params(axis="x", integer=width == 0.8, nbins=6)
    axes.locator_params(axis="y", nbins=4)


def _scatter(axes: Any, x: Any, y: Any, probabilities: Any, size: float = 3.5) -> None:
    category = np.zeros(len(y), int) if probabilities is None else probabilities.argmax(axis=1)
    for k in np.unique(category):
        color = INK if probabilities is None else CATEGORY_COLORS[k % len(CATEGORY_COLORS)]
        members = category == k
        axes.plot(x[members], y[members], "o", color=color, markersize=size, markeredgewidth=0)
    axes.locator_params(nbins=4)


def _draw_single_value(axes: Any, value: float, replicated: np.ndarray) -> str:
    # The most extreme values of a heavy tail would compress the rest of the histogram.
    upper = max(np.quantile(replicated, 0.9), 1.5 * value)
    axes.hist(replicated[replicated <= upper], bins=30, color=LIGHT_GREY)
    axes.axvline(value, color=INK, linewidth=1.6)
    hide_y_axis(axes)
    return "The one observed value upon the posterior predictive histogram"


def _category_probabilities(posterior: Any, observed: Any) -> np.ndarray | None:
    """Return the posterior probability of each category for each observation, if there is one."""
    size = observed.shape[0]
    for draws in posterior.data_vars.values():
        if draws.dtype.kind in "iu" and draws.ndim == 3 and draws.shape[-1] == size:
            flat = draws.values.reshape(-1, size)
            return np.stack([(flat == k).mean(axis=0) for k in range(flat.max() + 1)], axis=1)
    return None


def _covariate(example: Mapping[str, Any], name: str, x: np.ndarray) -> str | None:
    """Return the name of other data with one value for each observed real number, if any."""
    if name not in example or x.dtype.kind != "f" or x.ndim != 1:
        return None
    return next((k for k, v in example.items() if k != name and np.size(v) == len(x)), None)


def _with_palette(image: BytesIO) -> bytes:
    """Reduce a PNG to a palette of colours, which takes a quarter of the bytes."""
    # Other methods would drop the colour of a mark that consists of a few pixels.
    palette = {
        "method": Image.Quantize.MAXCOVERAGE, "kmeans": 2, "dither": Image.Dither.NONE,
    }  # fmt: skip
    reduced = BytesIO()
    quantized = Image.open(image).convert("RGB").quantize(_PALETTE_SIZE, **palette)
    quantized.save(reduced, format="png", optimize=True)
    return reduced.getvalue()
