"""The catalogue at a glance: every model compared on its example data, a row and a picture each.

    python validation/gallery.py             all models
    python validation/gallery.py NAME...     these rows; the others stay as they are
    python validation/gallery.py --drawn     pictures and text again, from reports already written

Full reports go to ``reports/<name>/``. In ``reports/`` are written ``gallery.json``, the figures
that the index shows; ``gallery-<name>.png``, the pictures; and ``README.md``, the index, which is
made from ``gallery.json`` alone.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from html import escape
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import latentfit
from latentfit.declaration import labels

HERE = Path(__file__).resolve().parents[1] / "reports"
SEED = 0
# Of a table that is to be read in passing; the report has every parameter.
LEADING = 8

_KEPT = (
    "name", "em", "em_se", "mle", "map", "posterior_mean", "posterior_sd", "eti",
    "mcse_mean", "ess_bulk", "ess_tail",
)  # fmt: skip
_SAMPLING = ("starts", "draws", "tune", "chains")
_WIDTH, _HEIGHT, _DPI = 480, 170, 72
_COLOURS = 64
_TOGETHER = "\N{NO-BREAK SPACE}"
_FEW_VALUES = 12


def main(arguments: list[str] | None = None) -> int:
    """Build rows and write the index; 1 where a comparison could not be made."""
    entries = {entry.name: entry for entry in latentfit.catalogue()}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="a model; by default all")
    parser.add_argument("--drawn", action="store_true", help="use the reports already written")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.names if name not in entries]
    if unknown:
        parser.error(f"not in the catalogue: {', '.join(unknown)}")
    store = HERE / "gallery.json"
    kept = chosen.names and store.exists()
    known = json.loads(store.read_text(encoding="utf-8")) if kept else {}
    for name in chosen.names or entries:
        known[name] = row = build(name, HERE, compare=not chosen.drawn)
        rows = {name: known[name] for name in entries if name in known}
        text = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False)
        store.write_text(text + "\n", encoding="utf-8")
        (HERE / "README.md").write_text(index(rows), encoding="utf-8")
        print(f"{name}: {row.get('error') or row['headline']}", flush=True)
    for picture in HERE.glob("gallery-*.png"):
        if picture.stem.removeprefix("gallery-") not in entries:
            picture.unlink()
    return int(any("error" in known[name] for name in chosen.names or entries))


# A row.


def build(name: str, folder: Path, *, compare: bool = True) -> dict[str, Any]:
    """Compare one model as ``latentfit compare NAME`` does, and draw its picture.

    Parameters
    ----------
    name : str
        Of the catalogue.
    folder : Path
        Takes the picture, and the report in a folder of its own.
    compare : bool
        Otherwise the report is taken as it stands there.

    Returns
    -------
    dict
        The row's figures, plain enough for JSON.
    """
    import xarray as xr

    from latentfit import report

    model = latentfit.load(name)
    if compare:
        try:
            comparison = model.compare(seed=SEED)
        except latentfit.LatentfitError as error:
            return {"title": model.title, "error": str(error)}
        report.write(comparison, folder / name)
    figures = json.loads((folder / name / "comparison.json").read_text(encoding="utf-8"))
    with xr.open_datatree(folder / name / "comparison.nc") as tree:
        image, seen = _picture(figures, tree, model.example_data())
    (folder / f"gallery-{name}.png").write_bytes(image)
    # What the data do not identify is in the report; a verdict says so.
    parameters = [p for p in figures["parameters"] if p.get("identified", True)]
    return {
        "title": model.title,
        "picture": seen,
        "agree": figures["agree"],
        **_words(figures),
        "parameters": [{key: p[key] for key in _KEPT} for p in parameters[:LEADING]],
        "parameter_count": len(parameters),
        "log_likelihood": figures["log_likelihood"],
        "verdicts": figures["verdicts"],
        "iterations": figures["em"]["iterations"],
        "timings": figures["timings"],
        "seed": figures["seed"],
        "sampling": {key: figures["settings"][key] for key in _SAMPLING},
        "options": {k: v for k, v in figures["settings"].items() if k not in _SAMPLING},
        "versions": figures["versions"],
        "cores": os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count(),
    }


# Its picture: the data on the left, marginal posteriors with the estimates on the right.


def _picture(
    figures: Mapping[str, Any], tree: Any, example: Mapping[str, Any]
) -> tuple[bytes, str]:
    from matplotlib.figure import Figure

    from latentfit.report._picture import drawing

    shown = _telling(figures, tree)
    with drawing():
        size = (_WIDTH / _DPI, _HEIGHT / _DPI)
        figure = Figure(figsize=size, layout="constrained")
        widths = [2.0] + [2.4 / len(shown)] * len(shown)
        first, *others = figure.subplots(1, 1 + len(shown), width_ratios=widths)
        for axes in (first, *others):
            axes.tick_params(labelsize=8.5)
            axes.xaxis.label.set_size(9)
        seen = _data(first, tree, example)
        first.title.set_size(9.5)
        for axes, (row, draws) in zip(others, shown, strict=True):
            _marginal(axes, row, draws)
        _legend(others[-1])
        image = BytesIO()
        figure.savefig(image, format="png", dpi=2 * _DPI, metadata={"Software": None})
    names = " and ".join(row["name"] for row, _ in shown)
    return _smaller(image), f"{seen}; marginal posterior of {names} with EM, MLE and MAP"


def _telling(figures: Mapping[str, Any], tree: Any) -> list[tuple[Mapping[str, Any], Any]]:
    """Two scalar parameters, locations and rates before probabilities that sum to one."""
    rows = {row["name"]: row for row in figures["parameters"] if row.get("identified", True)}
    posterior, free, bound = tree["posterior"], [], []
    for name, value in tree["em"].data_vars.items():
        draws = posterior[name].transpose("chain", "draw", ...).values
        sums = value.ndim > 0 and value.shape[-1] > 1 and np.allclose(value.sum(axis=-1), 1)
        for label, place in zip(labels(name, value.shape), np.ndindex(value.shape), strict=True):
            if label not in rows:
                continue
            # Of two probabilities the second says what the first has said.
            again = sums and place[-1] > 0 and value.shape[-1] == 2
            pair = (rows[label], draws[(..., *place)])
            if not again:
                (bound if sums else free).append(pair)
    return (free or bound)[:2]


def _marginal(axes: Any, row: Mapping[str, Any], draws: np.ndarray) -> None:
    from arviz_stats.base import array_stats

    from latentfit.report._picture import INK, MARKS, MUTED, PALE, without_y

    grid, density, _ = array_stats.kde(draws.ravel())
    axes.fill_between(grid, density, color=PALE, alpha=0.7, linewidth=0)
    axes.plot(grid, density, color=MUTED, linewidth=1.2)
    axes.plot(row["eti"], [0, 0], color=INK, linewidth=3.5, clip_on=False)
    for mark in MARKS:
        if row[mark.key] is not None:
            axes.axvline(row[mark.key], color=mark.color, **mark.line)
    low, high = np.quantile(draws, [0.001, 0.999])
    points = [row[mark.key] for mark in MARKS if row[mark.key] is not None]
    low, high = min(low, *points), max(high, *points)
    pad = 0.04 * (high - low)
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(bottom=0)
    axes.set_title(row["name"], fontsize=9.5)
    axes.locator_params(axis="x", nbins=3)
    without_y(axes)


def _legend(axes: Any) -> None:
    from matplotlib.lines import Line2D

    from latentfit.report._picture import MARKS

    lines = [Line2D([], [], color=m.color, label=m.label, **m.line) for m in reversed(MARKS)]
    axes.figure.legend(
        handles=lines, loc="outside lower right", ncols=3, fontsize=8.5, handlelength=1.4,
        columnspacing=1.2, borderaxespad=0.0,
    )  # fmt: skip


def _data(axes: Any, tree: Any, example: Mapping[str, Any]) -> str:
    """The observed data, coloured by latent category, among what the posterior predicts."""
    name, values = next(iter(tree["observed_data"].data_vars.items()))
    replicated = tree["posterior_predictive"][name].transpose("chain", "draw", ...).values
    replicated = replicated.reshape(-1, *values.shape)
    shares = _shares(tree["posterior"], values)
    x = values.values
    axes.set_title(name)
    covariate = _covariate(example, name, x)
    if covariate is not None:
        _scatter(axes, np.ravel(example[covariate]), x, shares)
        axes.set(xlabel=covariate)
        return f"{name} against {covariate}"
    if values.dims == ("time",):
        axes.plot(x, color="#9aa1ac", linewidth=0.7)
        _scatter(axes, np.arange(len(x)), x, shares)
        axes.set(xlabel="time")
        return f"The series {name}, by latent state"
    if x.ndim == 2 and x.dtype.kind == "f" and x.shape[1] == 2:
        _scatter(axes, x[:, 0], x[:, 1], shares)
        return f"The two columns of {name}, by latent category"
    if x.ndim == 2 and x.dtype.kind in "iu" and set(np.unique(x)) <= {0, 1}:
        rates = (replicated == 1).sum(axis=1)
        _bars(axes, np.arange(x.shape[1]), (x == 1).astype(float), shares, rates)
        axes.set(xlabel="column", ylabel="ones")
        return f"How often each column of {name} is one"
    if x.size == 1:
        return _single(axes, float(x.ravel()[0]), replicated.ravel())
    if x.dtype.kind in "iu" and x.ndim == 1 and len(x) <= _FEW_VALUES:
        low, high = np.quantile(replicated, [0.025, 0.975], axis=0)
        axes.vlines(np.arange(len(x)), low, high, color="#9aa1ac", linewidth=1.2)
        _scatter(axes, np.arange(len(x)), x, shares, size=7)
        axes.set(xlabel=values.dims[0])
        axes.locator_params(integer=True, nbins=5)
        return f"Each value of {name}, with the interval that the posterior predicts"
    if x.dtype.kind in "iu":
        return _counts(axes, name, x, replicated, shares, tree)
    return _histogram(axes, name, x.ravel(), replicated.reshape(len(replicated), -1), shares)


def _counts(
    axes: Any, name: str, x: np.ndarray, replicated: np.ndarray, shares: Any, tree: Any
) -> str:
    top = int(min(x.max(), np.quantile(x, 0.995) + 5))
    places = np.arange(int(x.min()), top + 1)
    indicator = (x.reshape(len(x), -1)[:, None, :] == places[:, None]).sum(axis=-1)
    flat = replicated.reshape(len(replicated), -1)
    predicted = np.stack([(flat == place).sum(axis=1) for place in places], axis=1)
    base = name.removesuffix("_observed")
    hidden = tree["posterior"].get(f"{base}_unobserved") if base != name else None
    if hidden is None:
        _bars(axes, places, indicator.astype(float), shares, predicted)
        axes.set(ylabel="count")
        return f"How often each value of {name} occurs, by latent category"
    from latentfit.report._picture import CATEGORIES

    draws = hidden.values.reshape(-1, hidden.shape[-1])
    added = [(draws == place).sum(axis=1).mean() for place in places]
    seen = indicator.sum(axis=0)
    axes.bar(places, seen, color="#b9c0cb", width=0.8, label="observed")
    axes.bar(places, added, bottom=seen, color=CATEGORIES[1], width=0.8, label="recovered")
    axes.set_title(base)
    axes.legend(fontsize=8, handlelength=1)
    axes.set_xticks(places)
    return f"Counts of {base}, with the missing ones as the posterior recovers them"


def _histogram(axes: Any, name: str, x: np.ndarray, replicated: np.ndarray, shares: Any) -> str:
    from latentfit.report._picture import INK

    edges = np.linspace(x.min(), x.max(), 25)
    which = np.clip(np.digitize(x, edges) - 1, 0, len(edges) - 2)
    indicator = (which[:, None] == np.arange(len(edges) - 1)).astype(float)
    middle, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    predicted = np.stack([np.histogram(one, edges)[0] for one in replicated])
    _bars(axes, middle, indicator, shares, None, width=width)
    axes.plot(middle, predicted.mean(axis=0), color=INK, linewidth=1.4)
    axes.set(ylabel="count")
    return f"Histogram of {name} by latent category, with the posterior's prediction"


def _bars(
    axes: Any, places: Any, indicator: np.ndarray, shares: Any, predicted: Any, width: float = 0.8
) -> None:
    """Totals of `indicator` (object, place), stacked by the categories of the objects."""
    from latentfit.report._picture import CATEGORIES, INK

    if shares is None:
        axes.bar(places, indicator.sum(axis=0), width=width, color="#b9c0cb")
    else:
        floor = np.zeros(indicator.shape[1])
        for k, share in enumerate(shares.T):
            height = share @ indicator
            colour = CATEGORIES[k % len(CATEGORIES)]
            axes.bar(places, height, width=width, bottom=floor, color=colour, alpha=0.75)
            floor += height
    if predicted is not None:
        low, high = np.quantile(predicted, [0.025, 0.975], axis=0)
        axes.vlines(places, low, high, color=INK, linewidth=1.4)
    axes.locator_params(axis="x", integer=width == 0.8, nbins=6)
    axes.locator_params(axis="y", nbins=4)


def _scatter(axes: Any, x: Any, y: Any, shares: Any, size: float = 3.5) -> None:
    from latentfit.report._picture import CATEGORIES, INK

    which = np.zeros(len(y), int) if shares is None else shares.argmax(axis=1)
    for k in np.unique(which):
        colour = INK if shares is None else CATEGORIES[k % len(CATEGORIES)]
        mine = which == k
        axes.plot(x[mine], y[mine], "o", color=colour, markersize=size, markeredgewidth=0)
    axes.locator_params(nbins=4)


def _single(axes: Any, value: float, replicated: np.ndarray) -> str:
    from latentfit.report._picture import INK, without_y

    # A heavy tail would leave no room for the rest.
    top = max(np.quantile(replicated, 0.9), 1.5 * value)
    axes.hist(replicated[replicated <= top], bins=30, color="#b9c0cb")
    axes.axvline(value, color=INK, linewidth=1.6)
    without_y(axes)
    return "The one observed value upon the posterior predictive histogram"


def _shares(posterior: Any, observed: Any) -> np.ndarray | None:
    """Posterior probability of each category for each observation, where they correspond."""
    size = observed.shape[0]
    for draws in posterior.data_vars.values():
        if draws.dtype.kind in "iu" and draws.ndim == 3 and draws.shape[-1] == size:
            flat = draws.values.reshape(-1, size)
            return np.stack([(flat == k).mean(axis=0) for k in range(flat.max() + 1)], axis=1)
    return None


def _covariate(example: Mapping[str, Any], name: str, x: np.ndarray) -> str | None:
    """A single column of real numbers beside the observed one."""
    if name not in example or x.dtype.kind != "f" or x.ndim != 1:
        return None
    return next((k for k, v in example.items() if k != name and np.size(v) == len(x)), None)


def _smaller(image: BytesIO) -> bytes:
    """The same picture with a palette: a quarter of the bytes."""
    from PIL import Image

    # A few green dots are a mark; the other ways to choose a palette would lose them.
    palette = {
        "method": Image.Quantize.MAXCOVERAGE, "kmeans": 2, "dither": Image.Dither.NONE,
    }  # fmt: skip
    smaller = BytesIO()
    quantized = Image.open(image).convert("RGB").quantize(_COLOURS, **palette)
    quantized.save(smaller, format="png", optimize=True)
    return smaller.getvalue()


# The index.


def index(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """``README.md`` of the rows."""
    parts = [_HEAD, _overall(rows), *(_section(name, row) for name, row in rows.items())]
    parts.append("## How these were made\n\n" + "\n\n".join(_circumstances(rows)))
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Gallery

<!-- Made by validation/gallery.py: change that, not this. -->

Every model of the catalogue, compared on its example data: the EM algorithm of the model file
beside the direct maximum likelihood estimate (MLE), the mode of the posterior (MAP) and the
posterior itself, all from one declaration. In each picture the data stand on the left, coloured by
the latent category that they most probably belong to or shared out among the categories; black
bars and lines are what the posterior predicts. On the right is the marginal posterior of one or two
parameters with its 95 % interval and the three estimates. `latentfit compare NAME` writes the
full report."""


def _overall(rows: Mapping[str, Mapping[str, Any]]) -> str:
    from latentfit.report._numbers import seconds

    lines = ["| model | verdict | log-likelihood | time |", "|---|---|--:|--:|"]
    for name, row in rows.items():
        link = f"[`{name}`](#{name})<br>{row['title']}"
        if "error" in row:
            lines.append(f"| {link} | Not compared | | |")
            continue
        # In a column of its own a picture would shrink to nothing on a narrow screen.
        image = f'<img src="gallery-{name}.png" width="{_WIDTH // 2}" alt="">'
        height = _signed(f"{row['log_likelihood']['em']:.4f}")
        cells = (f"{image}<br>{link}", row["headline"], height, seconds(_duration(row)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _section(name: str, row: Mapping[str, Any]) -> str:
    file = f"models/{name.replace('-', '_')}.py"
    head = f"## {name}\n\n{row['title']}: [`{file}`](../{file})"
    if "error" in row:
        return f"{head}\n\nNot compared: {escape(row['error'], False)}"
    image = f'<img src="gallery-{name}.png" width="{_WIDTH}" alt="{escape(row["picture"])}">'
    told = [f"**{row['headline']}.** {row['sentence']}"]
    told += [
        f"- {_status(v)}: {v['title']}{': ' if v['detail'] else ''}{escape(v['detail'], False)}"
        for v in row["verdicts"]
        if v["status"] != "pass"
    ]
    verdict = told[0] + ("\n\n" + "\n".join(told[1:]) if told[1:] else "")
    return "\n\n".join((head, image, _figures(row), _heights(row), verdict))


def _figures(row: Mapping[str, Any]) -> str:
    lines = ["| | EM (se) | MLE | MAP | mean (sd) | 95 % interval |", "|---|--:|--:|--:|--:|--:|"]
    for p in row["parameters"]:
        em, error, mle, mode, mean, sd, low, high = (
            _digits(value, p["posterior_sd"])
            for value in (
                p["em"], p["em_se"], p["mle"], p["map"], p["posterior_mean"],
                p["posterior_sd"], *p["eti"],
            )
        )  # fmt: skip
        pairs = f"{em} ({error})", mle, mode, f"{mean} ({sd})", f"{low}, {high}"
        cells = (f"`{p['name']}`", *(pair.replace(" ", _TOGETHER) for pair in pairs))
        lines.append(f"| {' | '.join(cells)} |")
    more = row["parameter_count"] - len(row["parameters"])
    if more > 0:
        lines.append(f"\nand {more} more parameter{'s' if more > 1 else ''}, in the report.")
    return "\n".join(lines)


def _heights(row: Mapping[str, Any]) -> str:
    from latentfit.report._numbers import seconds

    heights = ", ".join(
        f"{label} {_signed(f'{row["log_likelihood"][key]:.6f}')}"
        for key, label in (("em", "EM"), ("mle", "MLE"), ("map", "MAP"))
    )
    times = ", ".join(
        f"{label} {seconds(row['timings'][key])}"
        for key, label in (
            ("em_s", "EM"), ("mle_s", "MLE"), ("map_s", "MAP"), ("posterior_s", "NUTS"),
        )
    )  # fmt: skip
    rounds = row["iterations"]
    return (
        f"Log-likelihood: {heights}. Time: {times}; {seconds(_duration(row))} in all. "
        f"EM took {rounds} iteration{'' if rounds == 1 else 's'} from its best start."
    )


def _circumstances(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Seed, sampler and versions, once for all rows that share them."""
    groups: dict[str, list[str]] = {}
    for name, row in rows.items():
        if "error" in row:
            continue
        s = row["sampling"]
        packages = ", ".join(f"{k} {v}" for k, v in row["versions"].items())
        text = (
            f"Seed {row['seed']}; {s['starts']} starts of EM; {s['chains']} chains of NUTS, "
            f"{s['draws']} draws each after {s['tune']} for tuning; {packages}; "
            f"{row['cores']} processor cores."
        )
        groups.setdefault(text, []).append(name)
    for text, names in groups.items():
        yield text if len(groups) == 1 else f"{', '.join(names)}: {text}"
    yield (
        "Times are those of this machine, compiling included; only their order of magnitude "
        "carries over. Posterior figures carry Monte Carlo error. `make reports` makes all of it "
        "again, `python validation/gallery.py NAME` one row."
    )


def _duration(row: Mapping[str, Any]) -> float:
    return sum(row["timings"].values())


def _words(figures: Mapping[str, Any]) -> dict[str, str]:
    """The verdict as the report words it."""
    from latentfit.report._words import banner

    said = banner(
        SimpleNamespace(
            verdicts=[SimpleNamespace(**verdict) for verdict in figures["verdicts"]],
            parameters=[SimpleNamespace(**parameter) for parameter in figures["parameters"]],
            agree=figures["agree"],
            objective=figures["objective"],
        )
    )
    return {"headline": said.headline, "sentence": said.sentence}


def _status(verdict: Mapping[str, Any]) -> str:
    from latentfit.report._words import STATUS

    return STATUS[verdict["status"]]


def _digits(value: float | None, scale: float) -> str:
    from latentfit.report._numbers import to_scale

    return _signed(to_scale(float("nan") if value is None else value, scale))


def _signed(number: str) -> str:
    from latentfit.report._numbers import typeset

    return typeset(number)


if __name__ == "__main__":
    sys.exit(main())
