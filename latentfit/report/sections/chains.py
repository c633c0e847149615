"""Section: diagnostics of the chains, and the posterior predictive check."""

from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report.numbers import two_digits, with_decimals
from latentfit.report.parameter_draws import ParameterDraws, parameter_draws
from latentfit.report.pictures import (
    GREY,
    HEIGHT,
    INK,
    LIGHT_GREY,
    WIDTH,
    Picture,
    encode_picture,
    hide_y_axis,
    new_axes,
)
from latentfit.report.section import ReportSection
from latentfit.report.sections._arviz import (
    chain_dataset,
    only_curves,
    plot_on,
    replicate_dataset,
)
from latentfit.report.tables import ReportTable, parameter_table
from latentfit.report.templating import render

if TYPE_CHECKING:
    import xarray as xr

    from latentfit.agreement import Comparison

POSITION = 90

_MAX_DRAWN_REPLICATES = 50
# With fewer distinct values than this, a density estimate would mostly show its own smoothing.
_MIN_VALUES_FOR_DENSITY = 20
# With fewer values than this, each value is drawn as a line.
_MIN_VALUES_FOR_CURVE = 5

_TEMPLATE = """
{{ draw.table(table) }}
{% if ranks %}
<figure class="panels">
{% for picture in ranks %}{{ draw.image(picture) }}{% endfor %}
<figcaption>Distribution of the ranks of each chain's draws among the draws of all chains, minus the
uniform distribution. Lines near zero show that the chains sample the same distribution; p is the
p-value of a test of uniformity.</figcaption>
</figure>
{% endif %}
{% if predictive %}
<figure class="panels">
{% for picture in predictive %}{{ draw.image(picture) }}{% endfor %}
<figcaption>Posterior predictive check: the observed data (dark) and data sets that are drawn from
the posterior predictive distribution (grey).</figcaption>
</figure>
{% endif %}
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show convergence diagnostics, ranks of the chains, and observed beside replicated data."""
    tree = comparison.tree
    observed = tree["observed_data"].to_dataset()
    replicated = tree["posterior_predictive"].to_dataset()
    several = tree["posterior"].sizes["chain"] > 1
    content = render(
        _TEMPLATE,
        table=_diagnostics(comparison),
        ranks=[
            draw_ranks(one)
            for one in (parameter_draws(comparison) if several else ())
            if one.varies
        ],
        predictive=[
            draw_predictive(str(name), observed[name], replicated[name])
            for name in observed.data_vars
            if name in replicated.data_vars
        ],
    )
    return ReportSection("chains", "Chains", "The chains", content)


def _diagnostics(comparison: "Comparison") -> ReportTable:
    """Make the table of convergence diagnostics (Vehtari et al. 2021, Bayesian Analysis 16(2))."""
    return parameter_table(
        comparison,
        ("R-hat", "rank-normalised split R-hat", lambda p: with_decimals(p.rhat, 4)),
        ("bulk ESS", "effective draws in the bulk", lambda p: with_decimals(p.ess_bulk, 0)),
        ("tail ESS", "effective draws in the tails", lambda p: with_decimals(p.ess_tail, 0)),
        ("MCSE", "Monte Carlo standard error of the mean", lambda p: two_digits(p.mcse_mean)),
    )


def draw_ranks(parameter: ParameterDraws) -> Picture:
    """Draw the distribution of the ranks of each chain, minus the uniform distribution."""
    import arviz_stats
    from arviz_plots import plot_rank

    stats: Any = arviz_stats
    # The test of uniformity assumes independent draws (Säilynoja, Bürkner & Vehtari 2022).
    draws = chain_dataset(stats.thin(parameter.draws))
    figure, axes = new_axes(WIDTH, HEIGHT * 0.75)
    chains = len(parameter.draws)
    plot_rank(
        draws,
        backend="matplotlib",
        plot_collection=plot_on(
            axes,
            figure,
            draws,
            aes={"color": ["chain"], "overlay": ["chain"]},
            color=[_chain_color(chain, chains) for chain in range(chains)],
        ),
        visuals={"title": False, "xlabel": False, "remove_axis": False},
    )
    axes.set(xlabel="fractional rank", ylabel="")
    axes.set_title(parameter.row.name)
    axes.locator_params(nbins=5)
    return encode_picture(
        figure,
        f"Distribution of the fractional ranks of {parameter.row.name} minus the uniform "
        f"distribution, a line for each of {chains} chains; R-hat {parameter.row.rhat:.4f}.",
    )


def draw_predictive(name: str, observed: "xr.DataArray", replicated: "xr.DataArray") -> Picture:
    """Draw the observed data and data sets from the posterior predictive distribution.

    Many continuous values are drawn as densities. Counts and fewer values are drawn as empirical
    distribution functions, since a density estimate would mostly show its own smoothing. Very few
    values are drawn as lines over a histogram of all replicated values.

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
    if len(values) < _MIN_VALUES_FOR_CURVE:
        return _draw_few_values(name, values, sets.ravel())
    shown = np.linspace(0, len(sets) - 1, _MAX_DRAWN_REPLICATES).round().astype(int)
    sets = sets[np.unique(shown)]
    discrete = np.issubdtype(observed.dtype, np.integer) or observed.dtype == bool
    enough = min(len(np.unique(values)), sets.shape[1]) >= _MIN_VALUES_FOR_DENSITY
    smooth = not discrete and enough
    figure, axes = new_axes()
    for data, style in (
        (sets, {"color": GREY, "alpha": 0.35, "width": 0.8}),
        (values[None], {"color": INK, "width": 2.0}),
    ):
        dataset = replicate_dataset(data.astype(float))
        plot_dist(
            dataset,
            kind="kde" if smooth else "ecdf",
            sample_dims=["value"],
            backend="matplotlib",
            plot_collection=plot_on(axes, figure, dataset, aes={"overlay": ["replicate"]}),
            visuals=only_curves(style),
        )
    axes.set(xlabel=name, ylabel="" if smooth else "share of values up to here")
    if smooth:
        axes.set_ylim(bottom=0)
        hide_y_axis(axes)
    form = "densities" if smooth else "distribution functions"
    return encode_picture(
        figure,
        f"The {len(values)} observed values of {name} and {len(sets)} replicated data sets, as "
        f"{form}.",
    )


def _draw_few_values(name: str, values: np.ndarray, replicated: np.ndarray) -> Picture:
    # The most extreme values of a heavy tail would compress the rest of the histogram.
    low, high = np.nanquantile(replicated, [0.005, 0.99])
    low, high = min(low, *values), max(high, *values)
    shown = replicated[(replicated >= low) & (replicated <= high)]
    figure, axes = new_axes()
    axes.hist(shown, bins=40, density=True, color=LIGHT_GREY)
    for value in values:
        axes.axvline(value, color=INK, linewidth=2)
    axes.set(xlabel=name)
    hide_y_axis(axes)
    return encode_picture(
        figure,
        f"{len(values)} observed value{'' if len(values) == 1 else 's'} of {name} over a histogram "
        f"of {len(replicated)} replicated values, drawn from {low:.3g} to {high:.3g}.",
    )


def _chain_color(position: int, count: int) -> tuple[float, float, float]:
    """Return a grey-blue between dark and light: chains have an order but no meaning."""
    share = position / max(count - 1, 1)
    dark, light = np.array([0.16, 0.25, 0.36]), np.array([0.62, 0.72, 0.83])
    red, green, blue = (1 - share) * dark + share * light
    return float(red), float(green), float(blue)
