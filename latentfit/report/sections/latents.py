"""Section: EM's expectations of the latents beside their posterior."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from latentfit.declaration import labels
from latentfit.report.numbers import to_uncertainty
from latentfit.report.pictures import (
    CATEGORY_COLORS,
    EM_COLOR,
    GREY,
    MUTED,
    WIDTH,
    Picture,
    encode_picture,
    new_axes,
)
from latentfit.report.section import ReportSection
from latentfit.report.tables import ReportTable, numeric_table
from latentfit.report.templating import render

if TYPE_CHECKING:
    import xarray as xr

    from latentfit.agreement import Comparison, Latent

POSITION = 60

# With at most so many entries, a continuous latent is shown as a table instead of a picture.
_MAX_LISTED_ENTRIES = 12
_MAX_DRAWN_POINTS = 2000
_MAX_ERROR_BARS = 200
# An assignment is called uncertain if EM's largest category probability is below this.
_CERTAIN_PROBABILITY = 0.9

_TEMPLATE = """
<p>EM's expectations are conditional on EM's estimate of the parameters. The posterior expectations
also average over the uncertainty about the parameters, so small differences are to be expected.
{% if unidentified %}Latents that change together with parameters that are not identified, as
factors rotate with their loadings, also differ for that reason.{% endif %}</p>
{% for one in latents %}
{% set latent = one.latent %}
<h3>{{ latent.name }}</h3>
{% if latent.kind == "discrete" %}
<p>The probabilities differ by at most {{ latent.largest_difference|two_digits }}, and by
{{ latent.mean_difference|two_digits }} on average. Hard assignment gives each of the
{{ one.count }} values its most probable category; the partitions by EM and by the posterior have an
adjusted Rand index of {{ latent.adjusted_rand|with_decimals(3) }}. For {{ one.uncertain }} of
{{ one.count }} values, EM's probability of the most probable category is below
{{ certain_probability }}.</p>
<div class="scroll" tabindex="0" role="group"
aria-label="Sizes of the categories of {{ latent.name }}">
<table class="numbers">
<thead><tr><th scope="col">category</th><th scope="col">EM, soft</th>
<th scope="col">posterior, soft</th><th scope="col">EM, hard</th>
<th scope="col">posterior, hard</th></tr></thead>
<tbody>
{% for size in one.sizes %}
<tr><th scope="row">{{ size.label }}</th><td>{{ size.soft_em|with_decimals(2) }}</td>
<td>{{ size.soft_posterior|with_decimals(2) }}</td><td>{{ size.hard_em }}</td>
<td>{{ size.hard_posterior }}</td></tr>
{% endfor %}
</tbody>
</table>
</div>
{% else %}
<p>The means differ by at most {{ latent.largest_difference|two_digits }} posterior standard
deviations, and by {{ latent.mean_difference|two_digits }} on average, over {{ one.count }}
value{{ "" if one.count == 1 else "s" }}.</p>
{% if one.table %}{{ draw.table(one.table) }}{% endif %}
{% endif %}
{% if one.pictures %}
<figure class="panels">
{% for picture in one.pictures %}{{ draw.image(picture) }}{% endfor %}
<figcaption>Posterior expectations against EM's expectations: on the diagonal the two are equal.
{% if latent.kind == "continuous" %}Bars are one posterior standard deviation.{% endif %}
{% if one.pictures|length > 1 %}Beside it: the soft assignment of each observation.{% endif %}
</figcaption>
</figure>
{% endif %}
{% endfor %}
"""


@dataclass(frozen=True)
class CategorySize:
    """Size of a category of a discrete latent, by soft and by hard assignment.

    Attributes
    ----------
    label : str
    soft_em, soft_posterior : float
        Sum of the probabilities of the category.
    hard_em, hard_posterior : int
        Number of values whose most probable category it is.
    """

    label: str
    soft_em: float
    soft_posterior: float
    hard_em: int
    hard_posterior: int


@dataclass(frozen=True)
class _LatentView:
    latent: "Latent"
    count: int
    uncertain: int
    sizes: tuple[CategorySize, ...]
    table: ReportTable | None
    pictures: tuple[Picture, ...]


def section(comparison: "Comparison") -> ReportSection | None:
    """Show each latent; nothing if there is no latent that can be compared."""
    if not comparison.latents:
        return None
    observed = comparison.tree["observed_data"].to_dataset()
    content = render(
        _TEMPLATE,
        latents=[_lay_out(latent, observed) for latent in comparison.latents],
        unidentified=not all(parameter.identified for parameter in comparison.parameters),
        certain_probability=_CERTAIN_PROBABILITY,
    )
    return ReportSection("latents", "Latents", "The latents", content)


def category_sizes(latent: "Latent") -> tuple[CategorySize, ...]:
    """Compute the sizes of the categories of a discrete latent."""
    em, posterior = (a.reshape((-1, a.shape[-1])) for a in (latent.em, latent.posterior))
    hard_em, hard_posterior = (
        np.bincount(a.argmax(axis=1), minlength=a.shape[1]) for a in (em, posterior)
    )
    return tuple(
        CategorySize(
            str(k),
            float(em[:, k].sum()),
            float(posterior[:, k].sum()),
            int(hard_em[k]),
            int(hard_posterior[k]),
        )
        for k in range(em.shape[1])
    )


def draw_expectations(latent: "Latent") -> Picture:
    """Draw the posterior expectation of each entry against EM's expectation."""
    em, posterior = np.ravel(latent.em), np.ravel(latent.posterior)
    shown = _evenly_spaced(len(em))
    figure, axes = new_axes(WIDTH, WIDTH * 0.85)
    discrete = latent.kind == "discrete"
    low, high = (0.0, 1.0) if discrete else _finite_range(em, posterior)
    axes.plot((low, high), (low, high), color=GREY, linewidth=0.9, zorder=1)
    if latent.posterior_sd is not None and len(em) <= _MAX_ERROR_BARS:
        sds = np.ravel(latent.posterior_sd)
        axes.errorbar(
            em, posterior, sds, fmt="none", ecolor=MUTED, elinewidth=0.7, alpha=0.6, zorder=2
        )
    margin = 0.04 * (high - low)
    axes.set_xlim(low - margin, high + margin)
    axes.scatter(
        em[shown], posterior[shown], s=16, color=EM_COLOR, alpha=0.45, linewidth=0, zorder=3
    )
    quantity = "probability" if discrete else "mean"
    axes.set(xlabel=f"EM: conditional {quantity}", ylabel=f"posterior {quantity}")
    axes.set_title(latent.name)
    return encode_picture(
        figure,
        f"Posterior {quantity} of {latent.name} against EM's conditional {quantity}, {len(shown)} "
        f"points; largest difference {latent.largest_difference:.2g}.",
    )


def draw_responsibilities(latent: "Latent", observed: "xr.DataArray") -> Picture | None:
    """Draw EM's probability of each category against the observed value.

    Returns
    -------
    Picture or None
        None if observations and values of the latent do not correspond one to one, or if there are
        more categories than colours.
    """
    values = observed.values
    count = latent.em.shape[-1]
    if latent.em.shape[:-1] != values.shape or values.ndim != 1 or count > len(CATEGORY_COLORS):
        return None
    order = np.argsort(values)[_evenly_spaced(len(values))]
    figure, axes = new_axes(WIDTH, WIDTH * 0.85)
    for k in range(count):
        axes.plot(
            values[order], latent.em[order, k], "o", color=CATEGORY_COLORS[k], markersize=3.5,
            markeredgewidth=0, alpha=0.7, label=f"{k}",
        )  # fmt: skip
    axes.set(xlabel=str(observed.name), ylabel="EM: probability", ylim=(-0.04, 1.04))
    axes.set_title(f"{latent.name}, by category", pad=24)
    axes.legend(
        loc="lower left", bbox_to_anchor=(-0.02, 0.99), ncols=count, handletextpad=0.1,
        columnspacing=1.0, borderaxespad=0.0, markerscale=1.5,
    )  # fmt: skip
    return encode_picture(
        figure,
        f"EM's probability of each of the {count} categories of {latent.name} against the "
        f"observed value.",
    )


def _lay_out(latent: "Latent", observed: "xr.Dataset") -> _LatentView:
    table = _means_table(latent)
    pictures = [] if table else [draw_expectations(latent)]
    if latent.kind != "discrete":
        return _LatentView(latent, latent.em.size, 0, (), table, tuple(pictures))
    pictures += [
        picture
        for variable in observed.data_vars.values()
        if (picture := draw_responsibilities(latent, variable))
    ]
    largest = latent.em.max(axis=-1)
    uncertain = int(np.sum(largest < _CERTAIN_PROBABILITY))
    sizes = category_sizes(latent)
    return _LatentView(latent, largest.size, uncertain, sizes, table, tuple(pictures))


def _means_table(latent: "Latent") -> ReportTable | None:
    """List the entries of a continuous latent, if they are few."""
    if latent.kind != "continuous" or latent.em.size > _MAX_LISTED_ENTRIES:
        return None
    unknown = np.full(latent.em.shape, np.nan)
    sds = np.ravel(unknown if latent.posterior_sd is None else latent.posterior_sd)

    def column(values: np.ndarray) -> list[str]:
        return [to_uncertainty(value, sd) for value, sd in zip(np.ravel(values), sds, strict=True)]

    columns = {
        ("EM", "conditional mean at EM's estimate"): column(latent.em),
        ("posterior mean", ""): column(latent.posterior),
        ("posterior sd", "posterior standard deviation"): column(sds),
    }
    return numeric_table("latent", labels(latent.name, latent.em.shape), columns)


def _evenly_spaced(count: int) -> np.ndarray:
    """Return evenly spaced indices below `count`, at most as many as points are drawn."""
    places = np.linspace(0, count - 1, min(count, _MAX_DRAWN_POINTS)).round().astype(int)
    return np.unique(places)


def _finite_range(*arrays: np.ndarray) -> tuple[float, float]:
    values = np.concatenate(arrays)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
