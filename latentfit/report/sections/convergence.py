"""Section: how EM converged from the best of its starts."""

from typing import TYPE_CHECKING

import numpy as np

from latentfit.report.pictures import (
    EM_COLOR,
    GREY,
    INK,
    WIDTH,
    Picture,
    encode_picture,
    new_axes,
    set_log_scale,
)
from latentfit.report.section import ReportSection
from latentfit.report.sections._paths import MAX_LINES, label_lines, line_names, path_title
from latentfit.report.templating import render

if TYPE_CHECKING:
    from latentfit.agreement import Comparison
    from latentfit.em import Fit, Solution

POSITION = 80

_MAX_DRAWN_STARTS = 20
# With more iterations than this, the axis of the iterations is logarithmic.
_MAX_ITERATIONS_ON_LINEAR_AXIS = 60
# Differences of objectives up to so many units of rounding are rounding errors, relative to
# 1 + |objective|.
_ROUNDING_UNITS = 8

_TEMPLATE = """
<p>{% if starts == 1 -%}
EM was run from one start.
{%- else -%}
This is the best of {{ starts }} starts.
{%- endif +%}
{{ best.message }}{{ "" if best.message.endswith(".") else "." }}</p>
{% if 0 < best.rate < 1 %}
<p>Estimated rate of convergence {{ best.rate|with_decimals(4) }}: near the limit point, each
iteration multiplies the distance to it by this factor. If the M step is exact, the rate is the
largest fraction of missing information of any combination of the parameters.</p>
{% endif %}
{% if gap %}
<figure>
{{ draw.image(gap) }}
<figcaption>Final {{ objective }} of the best start minus the {{ objective }} after each iteration
(blue: the best start; grey: other starts).
{% if 0 < best.rate < 1 %}Dashed: the decrease at the estimated rate; the {{ objective }} is flat at
its maximum, so the difference shrinks by the square of the rate.{% endif %}</figcaption>
</figure>
{% endif %}
{% if paths %}
<figure class="panels">
{% for picture in paths %}{{ draw.image(picture) }}{% endfor %}
<figcaption>EM's iterates from the best start.</figcaption>
</figure>
{% endif %}
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show the objective and the parameters over the iterations, and the rate of convergence."""
    fit = comparison.fit
    objective = "log-likelihood"
    if comparison.objective == "posterior":
        objective = "log posterior density"
    content = render(
        _TEMPLATE,
        best=fit.best,
        starts=len(fit.solutions),
        objective=objective,
        gap=draw_gap(fit, objective),
        paths=draw_paths(fit.best),
    )
    return ReportSection("em", "EM", "Convergence of EM", content)


def draw_gap(fit: "Fit", objective: str) -> Picture | None:
    """Draw the final objective of the best start minus the objective after each iteration.

    With a linear rate of convergence r, the distance of the parameters to the limit point decreases
    as r^t, and the difference of the objective, which is flat at its maximum, as r^(2t) (Dempster,
    Laird & Rubin 1977, section 3). That line is also drawn.

    Parameters
    ----------
    fit : Fit
    objective : str
        Name of the objective.

    Returns
    -------
    Picture or None
        None if the objective was not recorded, or has reached its final value at once.
    """
    best = fit.best
    values = best.trace.log_likelihood
    if values is None or not np.isfinite(values[-1]):
        return None
    final = float(values[-1])
    rounding = _ROUNDING_UNITS * np.finfo(float).eps * (1 + abs(final))
    gaps = final - values
    shown = np.flatnonzero(np.isfinite(gaps) & (gaps > rounding))
    if len(shown) < 2:
        return None
    figure, axes = new_axes(WIDTH * 1.35)
    for solution in fit.solutions[:_MAX_DRAWN_STARTS]:
        other = solution.trace.log_likelihood
        if solution is best or other is None:
            continue
        axes.plot(
            np.where(final - other > rounding, final - other, np.nan), color=GREY, linewidth=0.9
        )
    axes.plot(shown, gaps[shown], color=EM_COLOR, linewidth=1.8, marker="o", markersize=2.5)
    if 0 < best.rate < 1:
        middle = shown[len(shown) // 2]
        line = gaps[middle] * best.rate ** (2.0 * (shown - middle))
        visible = (line > rounding) & (line <= gaps[shown].max())
        axes.plot(shown[visible], line[visible], color=INK, linewidth=1, linestyle=(0, (4, 3)))
    set_log_scale(axes)
    axes.set(xlabel="iteration", ylabel=f"final minus current {objective}")
    return encode_picture(
        figure,
        f"Difference between the final {objective} and the {objective} over {best.iterations} "
        f"iterations of EM, on a logarithmic scale, from {gaps[shown[0]]:.2g} to "
        f"{gaps[shown[-1]]:.2g}.",
    )


def draw_paths(solution: "Solution") -> tuple[Picture, ...]:
    """Draw the iterates of each parameter, a picture for each name, natural scale."""
    return tuple(
        _draw_path(name, np.asarray(values), solution.iterations)
        for name, values in solution.trace.params.items()
        if len(values) > 1
    )


def _draw_path(name: str, values: np.ndarray, iterations: int) -> Picture:
    lines = values.reshape((len(values), -1))[:, :MAX_LINES]
    figure, axes = new_axes(WIDTH, 190)
    # The parameters change most in the first iterations, which a linear axis would compress.
    logarithmic = len(lines) > _MAX_ITERATIONS_ON_LINEAR_AXIS
    axes.plot(np.arange(len(lines)) + logarithmic, lines, color=EM_COLOR, linewidth=1.4)
    if logarithmic:
        axes.set_xscale("log")
        set_log_scale(axes, "x")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    if values.ndim > 1:
        label_lines(axes, lines[-1], line_names(values.shape[1:]))
    axes.set_title(path_title(name, values.shape[1:]))
    axes.set_xlabel("iteration (logarithmic, from 1)" if logarithmic else "iteration")
    axes.locator_params(axis="y", nbins=5)
    return encode_picture(figure, f"Path of {name} over {iterations} iterations of EM.")
