"""Section: EM, MLE, MAP and posterior of every scalar parameter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report.numbers import to_uncertainty, two_digits, with_decimals
from latentfit.report.parameter_draws import MAX_DRAWN, ParameterDraws, parameter_draws
from latentfit.report.pictures import (
    ESTIMATE_STYLES,
    HEIGHT,
    INK,
    MUTED,
    PALE,
    WIDTH,
    Picture,
    encode_picture,
    hide_y_axis,
    new_axes,
)
from latentfit.report.section import ReportSection
from latentfit.report.sections._arviz import chain_dataset, only_curves, plot_on
from latentfit.report.tables import ReportTable, if_identified, parameter_table
from latentfit.report.templating import render
from latentfit.report.wording import row_name

if TYPE_CHECKING:
    from latentfit.agreement import Comparison

POSITION = 30

# Posterior standard deviations. Estimates further from the posterior mean than this are drawn at
# this distance, with the true distance written beside them.
_MAX_DRAWN_DISTANCE_SD = 6.0
_MIN_AXIS_LIMIT_SD = 2.5

_TEMPLATE = """
<p>All estimates are on the natural scale of the model's variables.
{% if objective == "likelihood" %}
EM maximises the likelihood, so EM's estimate and the MLE must coincide; the MAP also depends on the
prior.
{% else %}
The M step maximises the log prior density too, so EM's estimate and the MAP must coincide.
{% endif %}
The MLE and the MAP are computed with the latents marginalised.</p>
{{ draw.table(table) }}
<p class="note">EM − MLE and MAP − MLE are in posterior standard deviations; se is the standard
error of EM's estimate, from the curvature of EM's objective; 2.5 % and 97.5 % are the ends of the
equal-tailed posterior interval; tail is the two-sided posterior tail probability of EM's estimate.
{% if unidentified %}Parameters that are not identified can change without changing the likelihood,
so their estimates and draws need not agree.{% endif %}</p>

{% if intervals %}
<figure>
{{ draw.image(intervals) }}
<figcaption>{{ draw.estimate_key() }}<br>Each parameter in units of its posterior standard
deviation: 95 % interval (thin line), central 50 % (thick line), and the three estimates: EM a disc,
MLE a square, MAP a triangle.</figcaption>
</figure>
{% endif %}

<figure class="panels">
{% for picture in marginals %}{{ draw.image(picture) }}{% endfor %}
<figcaption>{{ draw.estimate_key() }}<br>Marginal posterior densities, with the 95 % interval along
the axis.
{% if count > max_drawn %}The first {{ max_drawn }} of {{ count }} parameters are drawn here and
below; the tables list all of them.{% endif %}
</figcaption>
</figure>
"""


def section(comparison: "Comparison") -> ReportSection:
    """Show the table of estimates, all parameters in one picture, and the marginal posteriors."""
    drawn = parameter_draws(comparison)
    varying = [one for one in drawn if one.varies]
    content = render(
        _TEMPLATE,
        objective=comparison.objective,
        table=estimates_table(comparison),
        unidentified=not all(parameter.identified for parameter in comparison.parameters),
        intervals=draw_intervals(varying) if varying else None,
        marginals=[draw_marginal(one) for one in drawn],
        count=len(comparison.parameters),
        max_drawn=MAX_DRAWN,
    )
    return ReportSection("estimates", "Estimates", "The estimates side by side", content)


def estimates_table(comparison: "Comparison") -> ReportTable:
    """Make the table of EM, MLE, MAP and posterior of every scalar parameter, natural scale."""
    unit = "in posterior standard deviations"
    return parameter_table(
        comparison,
        ("EM", "EM's estimate", lambda p: to_uncertainty(p.em, p.posterior_sd)),
        (
            "se",
            "standard error of EM's estimate, from the curvature of EM's objective",
            lambda p: to_uncertainty(p.em_se, p.posterior_sd),
        ),
        ("MLE", "maximiser of log p(x | θ)", lambda p: to_uncertainty(p.mle, p.posterior_sd)),
        (
            "MAP",
            "mode of p(θ | x) on the natural scale",
            lambda p: to_uncertainty(p.map, p.posterior_sd),
        ),
        ("mean", "posterior mean", lambda p: to_uncertainty(p.posterior_mean, p.posterior_sd)),
        (
            "sd",
            "posterior standard deviation",
            lambda p: to_uncertainty(p.posterior_sd, p.posterior_sd),
        ),
        (
            "2.5 %",
            "lower end of the equal-tailed 95 % posterior interval",
            lambda p: to_uncertainty(p.eti[0], p.posterior_sd),
        ),
        (
            "97.5 %",
            "upper end of the equal-tailed 95 % posterior interval",
            lambda p: to_uncertainty(p.eti[1], p.posterior_sd),
        ),
        ("EM − MLE", unit, lambda p: if_identified(p, two_digits(p.em_minus_mle))),
        (
            "MAP − MLE",
            f"effect of the prior, {unit}",
            lambda p: if_identified(p, two_digits(p.map_minus_mle)),
        ),
        (
            "tail",
            "two-sided posterior tail probability of EM's estimate",
            lambda p: if_identified(p, with_decimals(p.tail, 3)),
        ),
    )


def draw_marginal(parameter: ParameterDraws) -> Picture:
    """Draw the marginal posterior density of a parameter, its 95 % interval and the estimates."""
    from arviz_plots import plot_dist

    row = parameter.row
    figure, axes = new_axes(WIDTH, HEIGHT * 0.8)
    if parameter.varies:
        draws = chain_dataset(parameter.draws)
        plot_dist(
            draws,
            kind="kde",
            sample_dims=["chain", "draw"],
            backend="matplotlib",
            plot_collection=plot_on(axes, figure, draws),
            visuals=only_curves({"color": MUTED, "width": 1.2})
            | {"face": {"color": PALE, "alpha": 0.7}},
        )
        axes.plot(row.eti, [0, 0], color=INK, linewidth=3.5, clip_on=False)
    for style in ESTIMATE_STYLES:
        if np.isfinite(value := getattr(row, style.key)):
            axes.axvline(value, color=style.color, **style.line)
    axes.set_ylim(bottom=0)
    axes.set(xlabel="", ylabel="")
    axes.set_title(row_name(row))
    axes.locator_params(axis="x", nbins=5)
    hide_y_axis(axes)
    values = ", ".join(
        f"{style.label} {to_uncertainty(getattr(row, style.key), row.posterior_sd)}"
        for style in ESTIMATE_STYLES
    )
    low, high = (to_uncertainty(end, row.posterior_sd) for end in row.eti)
    return encode_picture(
        figure,
        f"Marginal posterior density of {row.name}, 95 % interval {low} to {high}; {values}.",
    )


def draw_intervals(parameters: Sequence[ParameterDraws]) -> Picture:
    """Draw intervals and estimates of all parameters, each in its posterior standard deviations.

    Parameters
    ----------
    parameters : sequence of ParameterDraws
        At least one, and only parameters whose draws vary.
    """
    figure, axes = new_axes(WIDTH * 1.35, 70 + 24 * len(parameters))
    limit = _MIN_AXIS_LIMIT_SD
    for level, parameter in enumerate(reversed(parameters)):
        row = parameter.row

        def standardised(value: Any, row: Any = row) -> Any:
            return (np.asarray(value) - row.posterior_mean) / row.posterior_sd

        axes.plot(standardised(row.eti), [level] * 2, color=MUTED, linewidth=1.4)
        half = standardised(np.quantile(parameter.draws, [0.25, 0.75]))
        axes.plot(half, [level] * 2, color=MUTED, linewidth=4)
        for style in ESTIMATE_STYLES:
            distance = float(standardised(getattr(row, style.key)))
            if not np.isfinite(distance):
                continue
            drawn = float(np.clip(distance, -_MAX_DRAWN_DISTANCE_SD, _MAX_DRAWN_DISTANCE_SD))
            limit = max(limit, abs(drawn) + 0.4)
            axes.plot(
                drawn,
                level,
                style.marker,
                color=style.color,
                markersize=9 if style.key == "mle" else 5.5,
                markerfacecolor="none" if style.key == "mle" else style.color,
                markeredgewidth=1.5,
                zorder=4,
            )
            if drawn != distance:
                axes.annotate(
                    f"{distance:.2g}", (drawn, level), (0, 7), textcoords="offset points",
                    ha="center", fontsize=8.5, color=style.color,
                )  # fmt: skip
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    names = [row_name(parameter.row) for parameter in reversed(parameters)]
    axes.set_yticks(range(len(parameters)), names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(-limit, limit), ylim=(-0.7, len(parameters) - 0.3))
    axes.set_xlabel("posterior standard deviations from the posterior mean")
    listed = "; ".join(
        f"{row.name}: {float((row.em - row.posterior_mean) / row.posterior_sd):.2f}"
        for row in (parameter.row for parameter in parameters)
    )
    return encode_picture(
        figure,
        f"EM's estimates in posterior standard deviations from the posterior mean: {listed}.",
    )
