"""The EM algorithm that follows from a declaration, and wrong versions of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from latentfit.check import Reference

Params = Mapping[str, np.ndarray]
# Change of an entry of an E step or M step, relative to its size.
CHANGE_RELATIVE = 0.07


@dataclass(frozen=True)
class Steps:
    """An E step and an M step.

    Attributes
    ----------
    reference : Reference
        The declaration's views, from which the steps are computed.
    changed : str or None
        The entry that is changed, ``"E"`` or ``"M"`` and its name, such as ``"M sd"``.
    """

    reference: Reference
    changed: str | None = None

    def e_step(self, params: Params, data: Any) -> dict[str, np.ndarray]:
        """Compute the conditional probabilities, or means, of the latents."""
        statistics = self._statistics(params)
        return {name: self._altered("E", name, statistics[name]) for name in self.latents}

    def m_step(self, expectations: Params, data: Any, params: Params) -> dict[str, np.ndarray]:
        """Maximise Q(· | params)."""
        space, complete = self.reference.density.space, self.reference.complete
        statistics = dict(self._statistics(params))
        if complete.discrete:
            statistics |= {name: np.asarray(expectations[name]) for name in self.latents}
        maximum = complete.maximise(statistics, space.locate(params))
        found = space.constrain(maximum.point)
        return {name: self._altered("M", name, found[name]) for name in params}

    @property
    def latents(self) -> tuple[str, ...]:
        """Names of the latents."""
        return self.reference.complete.latents

    def _statistics(self, params: Params) -> Mapping[str, np.ndarray]:
        point = self.reference.density.space.locate(params)
        return self.reference.complete.statistics(point, np.random.default_rng(0))

    def _altered(self, step: str, name: str, value: np.ndarray) -> np.ndarray:
        value = np.asarray(value, float)
        if self.changed != f"{step} {name}":
            return value
        sums_to_one = value.ndim and np.allclose(value.sum(axis=-1), 1)
        if sums_to_one:
            mixed = (1 - CHANGE_RELATIVE) * value
            mixed[..., 0] += CHANGE_RELATIVE
            return mixed
        return value * (1 + CHANGE_RELATIVE)


def declared_steps(reference: Reference) -> Steps:
    """The right steps."""
    return Steps(reference)


def change(reference: Reference, params: Params, rng: np.random.Generator) -> Steps:
    """Steps of which one entry, drawn at random, is wrong."""
    entries = [
        *(f"E {name}" for name in reference.complete.latents),
        *(f"M {name}" for name in params),
    ]
    return Steps(reference, str(rng.choice(entries)))
