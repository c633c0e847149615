"""Errors of PyMC and PyTensor in the words of the model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from latentfit.errors import DeclarationError, LatentfitError, reason_of

if TYPE_CHECKING:
    from latentfit.workflow.bound_model import BoundModel


@contextmanager
def library_errors_explained(bound: "BoundModel") -> Iterator[None]:
    """Within the block, an error of PyMC or PyTensor becomes one that names the model's variables.

    Other exceptions propagate.

    Raises
    ------
    DeclarationError
        PyMC or a package below it raised an error.
    """
    try:
        yield
    except LatentfitError:
        raise
    except Exception as error:
        explained = explain(bound, error)
        if explained is None:
            raise
        raise DeclarationError(explained) from error


def explain(bound: "BoundModel", error: Exception) -> str | None:
    """Return a sentence about an error of PyMC or PyTensor; None for any other error."""
    from latentfit.declaration.words import explain_library_error, is_library_error

    if isinstance(error, LatentfitError) or not is_library_error(error):
        return None
    try:
        declared = bound.declaration
    except Exception:  # the model itself cannot be built, which the error says
        return reason_of(error)
    return explain_library_error(declared.model, declared.latents, error)
