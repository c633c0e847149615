"""``latentfit models``."""

import click

from latentfit.cli._options import Common, common
from latentfit.cli._output import check_json, say, write_json


@click.command("models")
@common(random=False)
def command(options: Common) -> None:
    """List the models of the catalogue."""
    from latentfit.declaration import catalogue

    check_json(options.json)
    entries = catalogue()
    if options.json:
        write_json(
            options.json,
            [{"name": e.name, "title": e.title, "path": e.path} for e in entries],
        )
    if not options.quiet and options.json != "-":
        width = max((len(entry.name) for entry in entries), default=0)
        for entry in entries:
            say(f"{entry.name:<{width}}  {entry.title}")
