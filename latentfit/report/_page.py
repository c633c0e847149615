"""The report as a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from latentfit.report import (
    _check,
    _convergence,
    _graph,
    _latents,
    _markdown,
    _numbers,
    _picture,
    _posterior,
    _scalars,
    _tables,
    _uncertainty,
    _words,
)
from latentfit.report._picture import Picture

if TYPE_CHECKING:
    import jinja2

    from latentfit.agreement import Comparison, Latent
    from latentfit.check import CheckResult


@dataclass(frozen=True)
class _LatentSection:
    latent: "Latent"
    categories: tuple[_latents.Category, ...]
    means: _tables.Table | None
    unsure: int
    objects: int
    pictures: tuple[Picture, ...]


@dataclass(frozen=True)
class _Gallery:
    """Every picture of the page."""

    graph: Picture
    marginals: tuple[Picture, ...]
    forest: Picture | None
    ranks: tuple[Picture, ...]
    predictive: tuple[Picture, ...]
    gap: Picture | None
    paths: tuple[Picture, ...]


def page(comparison: "Comparison") -> str:
    """The whole report, see `latentfit.report.html`."""
    with _picture.drawing():
        gallery = _gallery(comparison)
        latents = [_latent_section(comparison, latent) for latent in comparison.latents]
        check = _check.section(comparison.check) if comparison.check else None
    return (
        templates()
        .get_template("report.html.jinja")
        .render(
            **_common(comparison),
            check=check,
            gallery=gallery,
            latents=latents,
            derivation=_markdown.derivation(comparison.derivation),
            diagnostics=_tables.diagnostics(comparison),
            heights=_tables.heights(comparison),
            optima=_tables.optima(comparison),
            trap=_tables.trap(comparison),
            published=_tables.published(comparison),
            timings=_tables.timings(comparison),
            unsure=_uncertainty.section(comparison),
            most=_scalars.MOST,
            style=style("report.css"),
        )
    )


def fragment(comparison: "Comparison") -> str:
    """Banner and table, see `latentfit.report.fragment`."""
    template = templates().get_template("fragment.html.jinja")
    return template.render(**_common(comparison), style=style("fragment.css"))


def check_fragment(result: "CheckResult") -> str:
    """See `latentfit.report.check_fragment`."""
    with _picture.drawing():
        check = _check.section(result)
    template = templates().get_template("check.html.jinja")
    return template.render(check=check, status=_words.STATUS, style=style("fragment.css"))


def _common(comparison: "Comparison") -> Mapping[str, Any]:
    return {
        "comparison": comparison,
        "banner": _words.banner(comparison),
        "status": _words.STATUS,
        "agreement": _tables.agreement(comparison),
        "unidentified": not all(p.identified for p in comparison.parameters),
    }


def _gallery(comparison: "Comparison") -> _Gallery:
    scalars = _scalars.scalars(comparison)
    varying = [scalar for scalar in scalars if scalar.varies]
    tree = comparison.tree
    observed = tree["observed_data"].to_dataset()
    replicated = tree["posterior_predictive"].to_dataset()
    several = tree["posterior"].sizes["chain"] > 1
    return _Gallery(
        graph=_graph.graph(comparison.model, comparison.latent_names),
        marginals=tuple(map(_posterior.marginal, scalars)),
        forest=_posterior.forest(varying) if varying else None,
        ranks=tuple(map(_posterior.ranks, varying)) if several else (),
        predictive=tuple(
            _posterior.predictive(str(name), observed[name], replicated[name])
            for name in observed.data_vars
            if name in replicated.data_vars
        ),
        gap=_convergence.gap(comparison.fit),
        paths=_convergence.paths(comparison.fit.best),
    )


def _latent_section(comparison: "Comparison", latent: "Latent") -> _LatentSection:
    means = _tables.means(latent)
    pictures = [] if means else [_latents.beside(latent)]
    if latent.kind == "discrete":
        pictures += [
            drawn
            for observed in comparison.tree["observed_data"].to_dataset().data_vars.values()
            if (drawn := _latents.responsibilities(latent, observed))
        ]
    discrete = latent.kind == "discrete"
    return _LatentSection(
        latent,
        _latents.categories(latent) if discrete else (),
        means,
        _latents.unsure(latent) if discrete else 0,
        int(np.prod(latent.em.shape[:-1] if discrete else latent.em.shape)),
        tuple(pictures),
    )


@cache
def templates() -> "jinja2.Environment":
    """Where templates are found, and the filters that they have."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "brief": lambda value: _numbers.typeset(_numbers.brief(value)),
        "fixed": lambda value, decimals: _numbers.typeset(_numbers.fixed(value, decimals)),
    }
    return environment


@cache
def style(name: str) -> str:
    """A style sheet, to be put into a page."""
    return (_folder() / name).read_text(encoding="utf-8")


def _folder() -> Path:
    return Path(__file__).parent / "templates"
