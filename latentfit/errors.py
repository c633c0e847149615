"""Exceptions for mistakes in what the user passes to latentfit.

The message of each is one line that says what is wrong, where, and what was expected. The command
line prints that line and exits with status 2. In Python they are ordinary exceptions.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

# An exception's own text is shortened to this, so that a message that quotes it fits into one line.
_MAX_REASON_CHARACTERS = 200
_MAX_REPR_CHARACTERS = 80
# The longest message, which includes the name of the program that stands before it.
_MAX_MESSAGE_CHARACTERS = 500


def reason_of(error: BaseException) -> str:
    """Return the type and the text of an exception on one line.

    Parameters
    ----------
    error : BaseException
        Its text is left out if it has none, or if its ``__str__`` fails.
    """
    name = type(error).__name__[:_MAX_REASON_CHARACTERS]
    try:
        text = " ".join(str(error).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # the class may be the user's
        text = ""
    return f"{name}: {shortened(text, _MAX_REASON_CHARACTERS)}" if text else name


def message_of(error: BaseException) -> str:
    """Return what the command line says about an exception."""
    match error:
        case LatentfitError():
            return one_line(str(error))
        case KeyboardInterrupt():
            return "interrupted"
        case _:
            return one_line(f"{reason_of(error)} (unexpected; --debug shows where)")


def brief_repr(value: object) -> str:
    """Return the ``repr`` of a user's object on one line, shortened; its type if that fails."""
    try:
        text = " ".join(repr(value).split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # the class may be the user's
        text = f"an object of type {type(value).__name__}"
    return shortened(text, _MAX_REPR_CHARACTERS)


def shortened(text: str, characters: int) -> str:
    """Return a text; if it is longer than this, its beginning and its end with dots between."""
    if len(text) <= characters:
        return text
    # A message that begins with an over-long name says at its end what is wrong with it.
    end = (characters - 3) // 3
    return f"{text[: characters - 3 - end]}...{text[-end:]}"


def one_line(text: str) -> str:
    """Return a message on one line of at most 500 printable characters."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
    return shortened(line, _MAX_MESSAGE_CHARACTERS)


class LatentfitError(Exception):
    """Base class of all errors that the user's input causes, as opposed to a bug in latentfit."""


class InputError(LatentfitError):
    """Data, an option or a path that cannot be used."""


class DeclarationError(LatentfitError):
    """A model file or declaration that violates the contract.

    Examples are a latent that the model does not have, a parameter that the M step omits or adds,
    a wrong shape, and a value outside its support.
    """


class CacheWarning(UserWarning):
    """Compiled code was damaged on the disk and had to be compiled again."""


class StepError(LatentfitError):
    """An exception in a function that the user wrote.

    Parameters
    ----------
    message : str
        The line for the user: function, exception, file and line, iteration, parameters.
    step : str
        Name of the function that raised the exception: ``"e_step"``, ``"m_step"``,
        ``"initial"``, ...
    iteration : int, optional
        EM iteration in which the function was called, counted from 1.
    params : mapping, optional
        Parameters at the start of that iteration, ``{name: array}``, natural scale.
    """

    def __init__(
        self,
        message: str,
        *,
        step: str,
        iteration: int | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.step = step
        self.iteration = iteration
        self.params = params

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle all attributes, so that other processes can raise the same error here."""
        return partial(StepError, step=self.step), self.args, self.__dict__


class ClusterError(LatentfitError):
    """Workers or a whole cluster that were lost during a computation.

    Parameters
    ----------
    message : str
        The line for the user.
    params : mapping, optional
        The last parameters that EM reached, ``{name: array}``, natural scale. EM can be started
        from them again.
    fit : Fit, optional
        The results of the starts that EM had finished.
    """

    def __init__(
        self, message: str, *, params: Mapping[str, Any] | None = None, fit: Any = None
    ) -> None:
        super().__init__(message)
        self.params = params
        self.fit = fit
