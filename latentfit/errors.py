"""The errors that a person who uses latentfit can cause, and mend.

Each carries one clear line: what was wrong, where, and what was expected. The command line
prints that line and exits with status 2; in Python they are ordinary exceptions.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any


class LatentfitError(Exception):
    """Base of all errors that come from what was given, not from latentfit itself."""


class InputError(LatentfitError):
    """Data, an option or a path that cannot be used."""


class DeclarationError(LatentfitError):
    """A model file or a declaration that does not keep the contract.

    Raised for a latent that does not exist, a parameter that the M step forgets or invents,
    a wrong shape, or a value outside its support.
    """


class StepError(LatentfitError):
    """A hand-written function raised an error of its own.

    Parameters
    ----------
    message : str
        The line that the user reads: function, error, file and line, iteration, parameters.
    step : str
        Name of the function that raised: ``"e_step"``, ``"m_step"``, ``"initial"``, ...
    iteration : int, optional
        EM iteration at which it happened; the first iteration is 1.
    params : mapping, optional
        The parameters with which that iteration began, ``{name: array}``, natural scale.
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
        # An error in another process arrives as it was raised there.
        return partial(StepError, step=self.step), self.args, self.__dict__


class ClusterError(LatentfitError):
    """Workers, or a whole cluster, that went away while they were needed.

    Parameters
    ----------
    message : str
    params : mapping, optional
        Where EM had come to, ``{name: array}``, natural scale: a start to go on from.
    fit : Fit, optional
        The starts that had ended by then.
    """

    def __init__(
        self, message: str, *, params: Mapping[str, Any] | None = None, fit: Any = None
    ) -> None:
        super().__init__(message)
        self.params = params
        self.fit = fit
