"""A selection as an HTML page: one table and one picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report.numbers import typeset
from latentfit.report.pictures import (
    CATEGORY_COLORS,
    MUTED,
    WIDTH,
    Picture,
    encode_picture,
    new_axes,
    report_style,
)
from latentfit.report.templating import render_file, style

if TYPE_CHECKING:
    from latentfit.selection import Selection

# Error bars extend so many standard errors of a difference in elpd_loo to either side.
_STANDARD_ERRORS_SHOWN = 2
_MARKERS = {"aic": "^", "bic": "s", "icl": "D", "loo": "o"}
# Deviance. Differences up to this matter for the choice and are drawn on a linear axis, larger
# differences on a logarithmic axis.
_MAX_LINEAR_DEVIANCE = 10.0


def page(selection: "Selection", reports: Mapping[int, str]) -> str:
    """Make the page, with links to the reports on single values.

    Parameters
    ----------
    selection : Selection
    reports : dict
        ``{value: address}``.
    """
    return render_file(
        "selection.html.jinja", **_content(selection, reports), style=style("report.css")
    )


def fragment(selection: "Selection") -> str:
    """Make the fragment, see `latentfit.report.selection_fragment`."""
    return render_file(
        "selection-fragment.html.jinja", **_content(selection, {}), style=style("fragment.css")
    )


def _content(selection: "Selection", reports: Mapping[int, str]) -> Mapping[str, Any]:
    columns = selection.columns()
    rows = [
        {
            "link": reports.get(candidate.value),
            "cells": [typeset(column.cells[place]) for column in columns],
            "remarks": candidate.remarks,
        }
        for place, candidate in enumerate(selection.candidates)
    ]
    with report_style():
        picture = _draw_criteria(selection)
    return {
        "selection": selection,
        "columns": columns,
        "rows": rows,
        "picture": picture,
        "max_linear_deviance": f"{_MAX_LINEAR_DEVIANCE:g}",
    }


def _draw_criteria(selection: "Selection") -> Picture | None:
    """Draw each criterion minus its smallest value, on the deviance scale."""
    from latentfit.selection import LABELS

    if len(selection.candidates) < 2 or not selection.criteria:
        return None
    values = [candidate.value for candidate in selection.candidates]
    figure, axes = new_axes(WIDTH * 1.5)
    for name, color in zip(selection.criteria, CATEGORY_COLORS, strict=False):
        scale = -2.0 if name == "loo" else 1.0
        found = [candidate.criterion(name) for candidate in selection.candidates]
        deviances = scale * np.array([np.nan if one is None else one for one in found])
        differences = deviances - np.nanmin(deviances)
        label, marker = LABELS[name], _MARKERS[name]
        axes.plot(values, differences, color=color, marker=marker, markersize=5, label=label)
        if name == "loo":
            errors = [
                2 * _STANDARD_ERRORS_SHOWN * candidate.loo.difference_se
                if candidate.loo
                else np.nan
                for candidate in selection.candidates
            ]
            axes.errorbar(
                values, differences, errors, fmt="none", ecolor=color, elinewidth=1, capsize=2
            )
    axes.set_yscale("symlog", linthresh=_MAX_LINEAR_DEVIANCE, linscale=1)
    upper = axes.get_ylim()[1]
    ticks = [0.0, 2.0, 5.0, *(base * 10**power for power in range(1, 9) for base in (1, 3))]
    axes.set_yticks([tick for tick in ticks if tick <= upper])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_ylim(bottom=min(-0.5, axes.get_ylim()[0]))
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.set_xticks(values)
    axes.set(xlabel=selection.option, ylabel="above the smallest (deviance)")
    axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return encode_picture(
        figure,
        f"Criteria minus their smallest values, for {selection.option} {values[0]} to "
        f"{values[-1]}, on the deviance scale. Preferred: {selection.sentence}.",
    )
