"""The index of the gallery in Markdown."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from gallery_content._picture import WIDTH
from latentfit.report.numbers import seconds, to_uncertainty, typeset
from latentfit.report.wording import STATUS_WORDS

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"

_HEAD = """\
# Gallery

<!-- Written by validation/gallery.py: change that program instead of this file. -->

Every model of the catalogue, compared on its example data: the EM algorithm of the model file,
the direct maximum likelihood estimate (MLE), the mode of the posterior (MAP) and the posterior,
all from one declaration. Each picture shows the data on the left, coloured by their most probable
latent category or divided among the categories; black bars and lines show the posterior's
predictions. On the right is the marginal posterior of one or two parameters, with its 95 %
interval and the three estimates. `latentfit compare NAME` writes the full report."""


def index_text(rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the content of ``README.md``.

    Parameters
    ----------
    rows : mapping
        ``{model: row}``, the content of ``gallery.json``.
    """
    parts = [_HEAD, _overview(rows), *(_section(name, row) for name, row in rows.items())]
    parts.append("## How the gallery was made\n\n" + "\n\n".join(_circumstances(rows)))
    return "\n\n".join(parts) + "\n"


def number(value: float | None, scale: float) -> str:
    """Write a number to its uncertainty, with a dash for an unknown number."""
    return typeset(to_uncertainty(float("nan") if value is None else value, scale))


def _overview(rows: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| model | verdict | log-likelihood | time |", "|---|---|--:|--:|"]
    for name, row in rows.items():
        link = f"[`{name}`](#{name})<br>{row['title']}"
        if "error" in row:
            lines.append(f"| {link} | Not compared | | |")
            continue
        # In a column of its own, the picture would be tiny on a narrow screen.
        image = f'<img src="gallery-{name}.png" width="{WIDTH // 2}" alt="">'
        log_likelihood = typeset(f"{row['log_likelihood']['em']:.4f}")
        cells = (f"{image}<br>{link}", row["headline"], log_likelihood, seconds(_duration(row)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _section(name: str, row: Mapping[str, Any]) -> str:
    file = f"models/{name.replace('-', '_')}.py"
    head = f"## {name}\n\n{row['title']}: [`{file}`](../{file})"
    if "error" in row:
        return f"{head}\n\nNot compared: {escape(row['error'], False)}"
    image = f'<img src="gallery-{name}.png" width="{WIDTH}" alt="{escape(row["picture"])}">'
    result = f"**{row['headline']}.** {row['sentence']}"
    remarks = [
        f"- {STATUS_WORDS[v['status']]}: {v['title']}"
        f"{': ' if v['detail'] else ''}{escape(v['detail'], False)}"
        for v in row["verdicts"]
        if v["status"] != "pass"
    ]
    verdict = "\n\n".join([result, *(["\n".join(remarks)] if remarks else [])])
    return "\n\n".join((head, image, _estimates(row), _log_likelihoods(row), verdict))


def _estimates(row: Mapping[str, Any]) -> str:
    lines = ["| | EM (se) | MLE | MAP | mean (sd) | 95 % interval |", "|---|--:|--:|--:|--:|--:|"]
    for p in row["parameters"]:
        em, se, mle, mode, mean, sd, low, high = (
            number(value, p["posterior_sd"])
            for value in (
                p["em"], p["em_se"], p["mle"], p["map"], p["posterior_mean"],
                p["posterior_sd"], *p["eti"],
            )
        )  # fmt: skip
        numbers = f"{em} ({se})", mle, mode, f"{mean} ({sd})", f"{low}, {high}"
        cells = (f"`{p['name']}`", *(one.replace(" ", _NO_BREAK_SPACE) for one in numbers))
        lines.append(f"| {' | '.join(cells)} |")
    more = row["parameter_count"] - len(row["parameters"])
    if more > 0:
        lines.append(f"\nand {more} more parameter{'s' if more > 1 else ''}, in the report.")
    return "\n".join(lines)


def _log_likelihoods(row: Mapping[str, Any]) -> str:
    values = ", ".join(
        f"{label} {typeset(f'{row["log_likelihood"][key]:.6f}')}"
        for key, label in (("em", "EM"), ("mle", "MLE"), ("map", "MAP"))
    )
    times = ", ".join(
        f"{label} {seconds(row['timings'][key])}"
        for key, label in (
            ("em_s", "EM"), ("mle_s", "MLE"), ("map_s", "MAP"), ("posterior_s", "NUTS"),
        )
    )  # fmt: skip
    iterations = row["iterations"]
    return (
        f"Log-likelihood: {values}. Time: {times}; {seconds(_duration(row))} in all. "
        f"EM took {iterations} iteration{'' if iterations == 1 else 's'} from its best start."
    )


def _circumstances(rows: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield seed, sampler and versions, once for all rows that share them."""
    groups: dict[str, list[str]] = {}
    for name, row in rows.items():
        if "error" in row:
            continue
        s = row["sampling"]
        packages = ", ".join(f"{k} {v}" for k, v in row["versions"].items())
        text = (
            f"Seed {row['seed']}; {s['starts']} starts of EM; {s['chains']} chains of NUTS with "
            f"{s['draws']} draws each, after {s['tune']} tuning draws; {packages}; "
            f"{row['cores']} processor cores."
        )
        groups.setdefault(text, []).append(name)
    for text, names in groups.items():
        yield text if len(groups) == 1 else f"{', '.join(names)}: {text}"
    yield (
        "Times include compilation. They depend on the machine, and only their order of magnitude "
        "can be expected elsewhere. Numbers of the posterior have Monte Carlo error. "
        "`make reports` makes the whole gallery again, `python validation/gallery.py NAME` one row."
    )


def _duration(row: Mapping[str, Any]) -> float:
    return sum(row["timings"].values())
