"""What a comparison knows of its model besides the declaration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from latentfit.agreement._alignment import Values
from latentfit.declaration import Params


@dataclass(frozen=True)
class Subject:
    """What a comparison says about its model besides figures.

    Attributes
    ----------
    name, title, derivation : str
    objective : {"likelihood", "posterior"}
    published : tuple of mapping
    to_model : callable
        From EM's parameters to values of the model's variables.
    em_map : callable
        One iteration of EM, in its own parameters.
    """

    name: str
    title: str
    derivation: str
    objective: str
    published: tuple[Mapping[str, Any], ...]
    to_model: Callable[[Values], Values]
    em_map: Callable[[Params], Values]
