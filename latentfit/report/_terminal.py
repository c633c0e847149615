"""The result of a comparison in a terminal."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from latentfit.report.numbers import MISSING, to_uncertainty, two_digits
from latentfit.report.wording import NOT_IDENTIFIED, STATUS_WORDS, overall

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from latentfit.agreement import Comparison
    from latentfit.check import CheckResult

_MAX_ROWS = 40
_STATUS_STYLES = {"pass": "green", "fail": "bold red", "warn": "yellow", "skip": "dim"}


def terminal(comparison: "Comparison") -> "Group":
    """Make the output, see `latentfit.report.terminal`."""
    from rich.console import Group
    from rich.text import Text

    result = overall(comparison)
    head = Text.assemble(
        (comparison.title, "bold"),
        "\n\n",
        (result.headline, _STATUS_STYLES[result.status]),
        f". {result.sentence}",
        "\n",
    )
    omitted = len(comparison.parameters) - _MAX_ROWS
    notes = [Text(f"and {omitted} more parameters: see the report", "dim")] if omitted > 0 else []
    if not all(p.identified for p in comparison.parameters):
        notes.append(Text(f"{MISSING} {NOT_IDENTIFIED}: shown, but not judged", "dim"))
    check = comparison.check
    errors = _errors(check) if check and not check.passed else ()
    return Group(head, *errors, _estimates(comparison), *notes, Text(), _verdicts(comparison))


def _errors(result: "CheckResult") -> "Iterator[Any]":
    from rich.padding import Padding
    from rich.text import Text

    for finding in result.findings:
        if finding.severity == "error":
            yield Text.assemble((finding.place, "bold"), f": {finding.message}")
            if finding.hint:
                yield Padding(Text(f"hint: {finding.hint}"), (0, 0, 0, 2))
    yield Text()


def _estimates(comparison: "Comparison") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column("", overflow="fold")
    for heading in ("EM", "(se)", "MLE", "MAP", "mean", "sd", "95 % interval"):
        table.add_column(heading, justify="right", overflow="fold")
    table.add_column("EM−MLE", justify="right", overflow="fold")
    for p in comparison.parameters[:_MAX_ROWS]:
        em, se, mle, mode, mean, sd, low, high = (
            to_uncertainty(value, p.posterior_sd)
            for value in (p.em, p.em_se, p.mle, p.map, p.posterior_mean, p.posterior_sd, *p.eti)
        )
        cells = (p.name, em, f"({se})", mle, mode, mean, sd, f"{low} {high}")
        difference = f"{two_digits(p.em_minus_mle)} sd" if p.identified else MISSING
        table.add_row(*map(Text, cells), Text(difference), style="" if p.identified else "dim")
    return table


def _verdicts(comparison: "Comparison") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for verdict in comparison.verdicts:
        detail = f": {verdict.detail}" if verdict.detail else ""
        sentence = Text.assemble((verdict.title, "bold"), detail)
        status = Text(STATUS_WORDS[verdict.status], _STATUS_STYLES[verdict.status])
        table.add_row(status, sentence)
    return table
