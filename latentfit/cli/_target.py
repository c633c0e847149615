"""Load the model of a command."""

from pathlib import Path
from typing import TYPE_CHECKING

from latentfit.errors import InputError
from latentfit.supervision import Timeout, limited

if TYPE_CHECKING:
    from latentfit.model import LatentModel

# A file may read data or import large packages when it is imported.
IMPORT_LIMIT_S = 30.0


def load_model(
    target: str, against: str | None = None, *, seconds: float = IMPORT_LIMIT_S
) -> "LatentModel":
    """Load a model, or a derivation together with the model that it is checked against.

    Parameters
    ----------
    target : str
    against : str, optional
    seconds : float
        Time for the import of the files.

    Raises
    ------
    InputError, DeclarationError
        As `latentfit.load` and `latentfit.load_derivation`; and if an import takes too long.
    """
    import latentfit

    load = limited(latentfit.load, seconds, f"importing {Path(against or target)}")
    try:
        if against is None:
            return load(target)
        load_both = limited(latentfit.load_derivation, seconds, f"importing {Path(target)}")
        return load_both(target, against)
    except Timeout as error:
        raise InputError(
            f"{error}: what takes long belongs into a function, such as example_data, and a loop "
            f"must end"
        ) from error
