"""The command ``latentfit models``."""

import click

from latentfit.cli._options import Common, common
from latentfit.cli._output import check_json_path, write_json
from latentfit.cli._streams import print_text


@click.command("models")
@common(random=False)
def command(options: Common) -> None:
    """List the models of the catalogue."""
    from latentfit.declaration import catalogue

    check_json_path(options.json)
    entries = catalogue()
    if options.json:
        write_json(
            options.json,
            [{"name": e.name, "title": e.title, "path": e.path} for e in entries],
        )
    if options.prints_text:
        width = max((len(entry.name) for entry in entries), default=0)
        for entry in entries:
            print_text(f"{entry.name:<{width}}  {entry.title}")
