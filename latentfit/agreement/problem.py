"""What is compared: a declaration, and EM on the same data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from latentfit.bayes import Density
from latentfit.declaration import Declaration, Params
from latentfit.em import Fit

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Problem:
    """A declaration and the solutions of a hand-written EM algorithm on the same data.

    Attributes
    ----------
    declaration : Declaration
    density : Density
        Of its observed view.
    fit : Fit
    objective : {"likelihood", "posterior"}
        What the M step maximises.
    to_model : callable
        From EM's params to values of the model's variables.
    em_map : callable
        One iteration of EM: from params to the next params, natural scale.
    """

    declaration: Declaration
    density: Density
    fit: Fit
    objective: Literal["likelihood", "posterior"]
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    em_map: Callable[[Params], Mapping[str, Any]]

    @property
    def with_prior(self) -> bool:
        """Whether EM maximises the log prior too."""
        return self.objective == "posterior"

    def locate(self, params: Mapping[str, Any]) -> np.ndarray:
        """Unconstrained coordinates, shape (size,), of EM's params."""
        return self.density.space.locate(self.to_model(params))
