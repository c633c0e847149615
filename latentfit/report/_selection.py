"""A selection as a page: one table, one picture."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report import _picture
from latentfit.report._numbers import typeset
from latentfit.report._page import style, templates
from latentfit.report._picture import CATEGORIES, MUTED, WIDTH, Picture, picture, sheet

if TYPE_CHECKING:
    from latentfit.selection import Selection

# Two standard errors of a difference in elpd, either way.
_ERRORS = 2
_MARKERS = {"aic": "^", "bic": "s", "icl": "D", "loo": "o"}
# Below this the picture is linear, above it logarithmic: of what matters is little, and of what
# does not, much.
_LINEAR = 10.0


def page(selection: "Selection", reports: Mapping[int, str]) -> str:
    """The page, with links to reports on single values.

    Parameters
    ----------
    selection : Selection
    reports : dict
        ``{value: address}``.
    """
    template = templates().get_template("selection.html.jinja")
    return template.render(**_content(selection, reports), style=style("report.css"))


def fragment(selection: "Selection") -> str:
    """See `latentfit.report.selection_fragment`."""
    template = templates().get_template("selection-fragment.html.jinja")
    return template.render(**_content(selection, {}), style=style("fragment.css"))


def _content(selection: "Selection", reports: Mapping[int, str]) -> Mapping[str, Any]:
    found = selection.columns()
    rows = [
        {
            "link": reports.get(candidate.value),
            "cells": [typeset(column.cells[place]) for column in found],
            "remarks": candidate.remarks,
        }
        for place, candidate in enumerate(selection.candidates)
    ]
    with _picture.drawing():
        drawn = _above_the_best(selection)
    return {"selection": selection, "columns": found, "rows": rows, "picture": drawn}


def _above_the_best(selection: "Selection") -> Picture | None:
    """How far each criterion is above its least value, on the deviance scale."""
    from latentfit.selection import LABELS

    if len(selection.candidates) < 2 or not selection.criteria:
        return None
    values = [candidate.value for candidate in selection.candidates]
    figure, axes = sheet(WIDTH * 1.5)
    for name, color in zip(selection.criteria, CATEGORIES, strict=False):
        scale = -2.0 if name == "loo" else 1.0
        found = [candidate.criterion(name) for candidate in selection.candidates]
        heights = scale * np.array([np.nan if one is None else one for one in found])
        above = heights - np.nanmin(heights)
        label, marker = LABELS[name], _MARKERS[name]
        axes.plot(values, above, color=color, marker=marker, markersize=5, label=label)
        if name == "loo":
            loo = [candidate.loo for candidate in selection.candidates]
            errors = [2 * _ERRORS * one.difference_se if one else np.nan for one in loo]
            axes.errorbar(values, above, errors, fmt="none", ecolor=color, elinewidth=1, capsize=2)
    axes.set_yscale("symlog", linthresh=_LINEAR, linscale=1)
    top = axes.get_ylim()[1]
    ticks = [0.0, 2.0, 5.0, *(base * 10**power for power in range(1, 9) for base in (1, 3))]
    axes.set_yticks([tick for tick in ticks if tick <= top])
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.set_ylim(bottom=min(-0.5, axes.get_ylim()[0]))
    axes.axhline(0, color=MUTED, linewidth=0.6)
    axes.set_xticks(values)
    axes.set(xlabel=selection.option, ylabel="above the best (deviance)")
    axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    return picture(
        figure,
        f"Criteria above their least value for {selection.option} {values[0]} to {values[-1]}, "
        f"on the deviance scale. Preferred: {selection.sentence}.",
    )
