"""``latentfit new``."""

from importlib import resources
from pathlib import Path

import click

from latentfit.cli._options import Common, common
from latentfit.cli._output import check_json, say, write_json
from latentfit.errors import InputError


@click.command("new")
@click.argument("name")
@common(random=False)
def command(options: Common, name: str) -> None:
    """Write a model file to start from, NAME.py, in this folder.

    It is a whole model as it stands: a mixture of two exponential lifetimes.
    """
    check_json(options.json)
    path = _path(name)
    text = resources.files("latentfit.cli").joinpath("model_file.py.txt").read_text("utf-8")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{path}: the file exists already; choose another name") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if options.json:
        write_json(options.json, {"path": path})
    if not options.quiet and options.json != "-":
        say(f"{path}: a mixture of two exponential lifetimes, to be made into a model of yours")
        say(f"  latentfit fit {path}      its E and M steps alone")
        say(f"  latentfit check {path}    whether they are the EM algorithm of its model")
        say(f"  latentfit compare {path}  their estimates beside PyMC's")


def _path(name: str) -> Path:
    stem = name.removesuffix(".py").replace("-", "_")
    if not stem.isidentifier():
        raise InputError(f"{name!r} cannot be the name of a model: letters, digits and - or _")
    return Path(f"{stem}.py")
