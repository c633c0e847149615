"""Pictures of EM's way to its estimate."""

from typing import TYPE_CHECKING

import numpy as np

from latentfit.report._picture import (
    EM,
    INK,
    MUTED,
    WIDTH,
    Picture,
    on_log_scale,
    picture,
    sheet,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from latentfit.em import Fit, Solution

_MOST_STARTS = 20
MOST_LINES = 8
_MANY_ITERATIONS = 60


def gap(fit: "Fit") -> Picture | None:
    """How far below its highest end the log-likelihood still was, iteration by iteration.

    With a linear rate of convergence r the parameters approach the fixed point as r^t and the
    log-likelihood, flat at its maximum, as r^(2t) (Dempster, Laird & Rubin 1977, section 3);
    that line is drawn beside.

    Returns
    -------
    Picture or None
        None where there is no log-likelihood, or EM was at its end at once.
    """
    best = fit.best
    heights = best.trace.log_likelihood
    if heights is None or not np.isfinite(heights[-1]):
        return None
    top = float(heights[-1])
    rounding = 8 * np.finfo(float).eps * (1 + abs(top))
    gaps = top - heights
    shown = np.flatnonzero(np.isfinite(gaps) & (gaps > rounding))
    if len(shown) < 2:
        return None
    figure, axes = sheet(WIDTH * 1.35)
    for solution in fit.solutions[:_MOST_STARTS]:
        other = solution.trace.log_likelihood
        if solution is best or other is None:
            continue
        below = np.where(top - other > rounding, top - other, np.nan)
        axes.plot(below, color="#9aa1ac", linewidth=0.9)
    axes.plot(shown, gaps[shown], color=EM, linewidth=1.8, marker="o", markersize=2.5)
    if 0 < best.rate < 1:
        middle = shown[len(shown) // 2]
        line = gaps[middle] * best.rate ** (2.0 * (shown - middle))
        visible = (line > rounding) & (line <= gaps[shown].max())
        axes.plot(shown[visible], line[visible], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    on_log_scale(axes)
    axes.set(xlabel="iteration", ylabel="log-likelihood still to gain")
    return picture(
        figure,
        f"Gap between the log-likelihood and its final value over {best.iterations} iterations "
        f"of EM, on a logarithmic scale, from {gaps[shown[0]]:.2g} to {gaps[shown[-1]]:.2g}.",
    )


def paths(solution: "Solution") -> tuple[Picture, ...]:
    """The way of each parameter, a picture for each name, natural scale."""
    return tuple(
        _path(name, np.asarray(values), solution.iterations)
        for name, values in solution.trace.params.items()
        if len(values) > 1
    )


def _path(name: str, values: np.ndarray, iterations: int) -> Picture:
    lines = values.reshape((len(values), -1))
    drawn = lines[:, :MOST_LINES]
    figure, axes = sheet(WIDTH, 190)
    iteration = np.arange(len(lines))
    # Most of the way is covered in the first steps.
    many = len(lines) > _MANY_ITERATIONS
    axes.plot(iteration + many, drawn, color=EM, linewidth=1.4)
    if many:
        axes.set_xscale("log")
        on_log_scale(axes, "x")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if values.ndim > 1:
        indices = [",".join(map(str, index)) for index in np.ndindex(values.shape[1:])]
        name_ends(axes, drawn[-1], [f"[{index}]" for index in indices[:MOST_LINES]])
    hidden = lines.shape[1] - drawn.shape[1]
    axes.set_title(f"{name} (first {MOST_LINES} of {lines.shape[1]})" if hidden else name)
    axes.set_xlabel("iteration (logarithmic, from 1)" if many else "iteration")
    axes.locator_params(axis="y", nbins=5)
    return picture(figure, f"Path of {name} over {iterations} iterations of EM.")


def name_ends(axes: "Axes", ends: np.ndarray, names: list[str]) -> None:
    """Write each line's name where it ends, pushed apart where ends are close."""
    low, high = axes.get_ylim()
    order = np.argsort(ends)
    heights = (ends - low) / (high - low)
    spacing = 0.085
    placed = heights[order].copy()
    for k in range(1, len(placed)):
        placed[k] = max(placed[k], placed[k - 1] + spacing)
    placed -= max(0.0, placed[-1] - 1.0) if len(placed) else 0.0
    for k in range(len(placed) - 2, -1, -1):
        placed[k] = min(placed[k], placed[k + 1] - spacing)
    for position, k in zip(placed, order, strict=True):
        axes.annotate(
            names[k], (1, position), (4, 0), xycoords="axes fraction",
            textcoords="offset points", va="center", fontsize=9, color=MUTED,
            annotation_clip=False,
        )  # fmt: skip
