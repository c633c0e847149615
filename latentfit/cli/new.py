"""The command ``latentfit new``."""

from importlib import resources
from pathlib import Path

import click

from latentfit.cli._options import Common, common
from latentfit.cli._output import check_json_path, print_text, write_json
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
        print_text(f"  latentfit fit {path}      run its E and M steps without PyMC")
        print_text(f"  latentfit check {path}    check that they are the EM algorithm of its model")
        print_text(f"  latentfit compare {path}  compare their estimates with those of PyMC")


def _model_path(name: str) -> Path:
    stem = name.removesuffix(".py").replace("-", "_")
    if not stem.isidentifier():
        raise InputError(
            f"{name!r} cannot be the name of a model: use letters, digits, - and _, and start with "
            f"a letter"
        )
    return Path(f"{stem}.py")
