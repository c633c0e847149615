"""Exceptions for mistakes in what the user passes to latentfit.

The message of each is one line that says what is wrong, where, and what was expected. The command
line prints that line and exits with status 2. In Python they are ordinary exceptions.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any


class LatentfitError(Exception):
    """Base class of all errors that the user's input causes, as opposed to a bug in latentfit."""


class InputError(LatentfitError):
    """Data, an option or a path that cannot be used."""


class DeclarationError(LatentfitError):
    """A model file or declaration that violates the contract.

    Examples are a latent that the model does not have, a parameter that the M step omits or adds,
    a wrong shape, and a value outside its support.
    """


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
