"""The command ``latentfit check``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from latentfit.cli._data import read_data
from latentfit.cli._options import Common, common, on_data
from latentfit.cli._output import check_json_path, render, write_json
from latentfit.cli._settings import check_settings
from latentfit.cli._streams import print_text
from latentfit.cli._target import IMPORT_LIMIT_S, load_model
from latentfit.cli._unmade_check import unmade_check
from latentfit.errors import message_of
from latentfit.supervision import note

if TYPE_CHECKING:
    from rich.table import Table

    from latentfit.check import CheckResult, Finding

_STATUS_WORDS = {"pass": "passed", "fail": "failed", "warn": "note", "skip": "skipped"}
_SEVERITY_STYLES = {"error": ("error", "bold red"), "warning": ("note", "yellow")}


@click.command("check")
@on_data
@click.option(
    "--against",
    metavar="MODEL",
    help="The model that TARGET is checked against, if TARGET has e_step and m_step only.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="S",
    help="Maximum time of one call of a step, in seconds.",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Require the maximum of Q: fail an M step that only increases Q, such as a conditional "
    "maximisation (ECM), which passes with a note otherwise.",
)
@common()
def command(
    options: Common,
    target: str,
    data: Path | None,
    columns: Sequence[str],
    against: str | None,
    timeout: float,
    strict: bool,
) -> int:
    """Check whether an E step and an M step are right, and if not, where.

    They are checked against the PyMC model in the same file, or in the file of --against: first
    each step alone, then both together. The check does not sample from the posterior.
    """
    from latentfit.workflow.options import model_keywords

    check_json_path(options.json, (data, target, against))
    with _reason_written(options, target):
        model = load_model(target, against, seconds=max(IMPORT_LIMIT_S, timeout))
        check_settings(model, options.settings)
        values = read_data(model, data, columns)
        with options.progress as progress:
            result = model.check(
                values,
                seed=options.seed,
                timeout=timeout,
                paths=False,
                strict=strict,
                progress=progress,
                **model_keywords(options.settings),
            )
    if options.json:
        write_json(options.json, result.to_dict())
    if options.prints_text:
        print_text(render(_result_text(result)))
    return 0 if result.passed else 1


@contextmanager
def _reason_written(options: Common, target: str) -> Iterator[None]:
    """Write, as the JSON result, what keeps the check in the block from being made."""
    quiet = {"quiet": "yes"} if options.quiet else {}
    note(target=target, **({"json": options.json} if options.json else {}), **quiet)
    try:
        yield
    except BaseException as error:
        if options.json:
            write_json(options.json, unmade_check(target, message_of(error)))
        raise


def _result_text(result: "CheckResult") -> Any:
    """Return the verdict, the findings and the table of checks."""
    from rich.console import Group
    from rich.text import Text

    verdict = Text(f"{result.verdict}.", "bold green" if result.passed else "bold red")
    return Group(verdict, Text(), *_findings_text(result.findings), _checks_table(result))


def _findings_text(findings: "Sequence[Finding]") -> "Iterator[Any]":
    from rich.padding import Padding
    from rich.text import Text

    for finding in findings:
        severity, style = _SEVERITY_STYLES[finding.severity]
        yield Text.assemble((severity, style), f"  {finding.place}, ", (finding.name, "bold"))
        yield Padding(Text(finding.message), (0, 0, 0, 2))
        if finding.hint:
            yield Padding(Text.assemble(("hint: ", "bold"), finding.hint), (0, 0, 0, 2))
        yield Text()


def _checks_table(result: "CheckResult") -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, show_header=False, style="dim")
    table.add_column(no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for check in result.checks:
        detail = f": {check.detail}" if check.detail else ""
        table.add_row(_STATUS_WORDS[check.status], Text(f"{check.id}{detail}"))
    return table
