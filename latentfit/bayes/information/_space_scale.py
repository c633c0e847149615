"""A declaration's parameter space as a free scale for the methods of `latentfit.em.information`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from latentfit.declaration import Params, Space


@dataclass(frozen=True)
class SpaceScale:
    """PyMC's unconstrained scale as a `latentfit.em.information.ParameterScale`.

    Attributes
    ----------
    space : Space
    """

    space: Space

    @property
    def bounded(self) -> np.ndarray:
        """Coordinates along which a bound of the range lies at infinity, bool, shape (size,)."""
        return self.space.bounded

    def params(self, point: np.ndarray) -> Params:
        """Return parameters and deterministics on the natural scale.

        Parameters
        ----------
        point : ndarray, shape (size,)
        """
        return self.space.constrain(point)

    def on_boundary(self, natural: Mapping[str, np.ndarray]) -> list[str]:
        """Return labels of the parameters that are at a bound of their range.

        Parameters
        ----------
        natural : dict of ndarray
            As returned by `params`.
        """
        return self.space.on_boundary(natural)
