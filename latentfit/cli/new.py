"""The command ``latentfit new``."""

from importlib import resources
from pathlib import Path

import click

from latentfit.cli._options import Common, common
from latentfit.cli._output import check_json_path, write_json
from latentfit.cli._streams import print_text
from latentfit.declaration.source import catalogue_name
from latentfit.errors import InputError


@click.command("new")
@click.argument("name")
@common(random=False)
def command(options: Common, name: str) -> None:
    """Write a model file, NAME.py, in the current folder.

    It holds a complete model, a mixture of two exponential lifetimes, to be changed into yours.
    """
    check_json_path(options.json)
    path = _model_path(name)
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
    if options.prints_text:
        print_text(f"{path}: a mixture of two exponential lifetimes, to be changed into your model")
        model = catalogue_name(path) or path
        for line in (
            f"  latentfit fit {model}      run its E and M steps without PyMC",
            f"  latentfit check {model}    check that they are the EM algorithm of its model",
            f"  latentfit compare {model}  compare their estimates with those of PyMC",
        ):
            print_text(line)


def _model_path(name: str) -> Path:
    stem = name.removesuffix(".py").replace("-", "_")
    # The catalogue does not list files whose names begin with an underscore.
    if not stem.isidentifier() or stem.startswith("_"):
        raise InputError(
            f"{name!r} cannot be the name of a model: use letters, digits, - and _, and start with "
            f"a letter"
        )
    return Path(f"{stem}.py")
