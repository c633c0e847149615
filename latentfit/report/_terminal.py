"""The comparison for a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from latentfit.report._numbers import MISSING, brief, to_scale
from latentfit.report._words import STATUS, UNIDENTIFIED, banner

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from latentfit.agreement import Comparison
    from latentfit.check import CheckResult

_MOST_ROWS = 40
_STYLE = {"pass": "green", "fail": "bold red", "warn": "yellow", "skip": "dim"}


def terminal(comparison: "Comparison") -> "Group":
    """See `latentfit.report.terminal`."""
    from rich.console import Group
    from rich.text import Text

    result = banner(comparison)
    head = Text.assemble(
        (comparison.title, "bold"),
        "\n\n",
        (result.headline, _STYLE[result.status]),
        f". {result.sentence}",
        "\n",
    )
    hidden = len(comparison.parameters) - _MOST_ROWS
    more = [Text(f"and {hidden} more parameters: see the report", "dim")] if hidden > 0 else []
    if not all(p.identified for p in comparison.parameters):
        more.append(Text(f"{MISSING} {UNIDENTIFIED}: shown, and not judged", "dim"))
    check = comparison.check
    errors = _errors(check) if check and not check.passed else ()
    return Group(head, *errors, _figures(comparison), *more, Text(), _checks(comparison))


def _errors(result: "CheckResult") -> "Iterator[Any]":
    from rich.padding import Padding
    from rich.text import Text

    for finding in result.findings:
        if finding.severity == "error":
            yield Text.assemble((finding.place, "bold"), f": {finding.message}")
            if finding.hint:
                yield Padding(Text(f"hint: {finding.hint}"), (0, 0, 0, 2))
    yield Text()


def _figures(comparison: "Comparison") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold")
    for heading in ("EM", "(se)", "MLE", "MAP", "mean", "sd", "95 % interval"):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("EM−MLE", justify="right", overflow="fold")
    for p in comparison.parameters[:_MOST_ROWS]:
        em, error, mle, mode, mean, sd, low, high = (
            to_scale(value, p.posterior_sd)
            for value in (p.em, p.em_se, p.mle, p.map, p.posterior_mean, p.posterior_sd, *p.eti)
        )
        cells = (p.name, em, f"({error})", mle, mode, mean, sd, f"{low} {high}")
        last = f"{brief(p.em_minus_mle)} sd" if p.identified else MISSING
        table.add_row(*map(Text, cells), Text(last), style="" if p.identified else "dim")
    return table


def _checks(comparison: "Comparison") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for verdict in comparison.verdicts:
        detail = f": {verdict.detail}" if verdict.detail else ""
        said = Text.assemble((verdict.title, "bold"), detail)
        table.add_row(Text(STATUS[verdict.status], _STYLE[verdict.status]), said)
    return table
