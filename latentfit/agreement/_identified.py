"""What agreement is judged on: what is identified, and what stands in for what is not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from latentfit.agreement import _tree
from latentfit.agreement._signs import Reflection
from latentfit.bayes import Identification
from latentfit.declaration import Params, Space, labels

# Draws by which two entries of an array are seen to be always the same.
_FEW = 20


@dataclass(frozen=True)
class Ground:
    """The ground on which agreement is judged.

    Attributes
    ----------
    names : tuple of str
        Those of EM's parameters; and where some of them are not identified, those of
        deterministics that are.
    rows : frozenset of str
        Labels of the scalars among them that are shown.
    judged : frozenset of str
        Labels of those that are identified.
    missing : tuple of str
        What of EM's parameters is not identified, in words.
    directions : int
        In which the likelihood is the same.
    signs : tuple of str
        What can change sign without changing the likelihood, and was aligned.
    """

    names: tuple[str, ...]
    rows: frozenset[str]
    judged: frozenset[str]
    missing: tuple[str, ...]
    directions: int
    signs: tuple[str, ...]

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Names of what is judged."""
        found = {label.partition("[")[0] for label in self.judged}
        return tuple(name for name in self.names if name in found)


def ground(
    space: Space,
    names: Sequence[str],
    known: Identification,
    reflections: Sequence[Reflection],
    posterior: xr.Dataset,
) -> Ground:
    """What can be judged.

    Parameters
    ----------
    space : Space
    names : sequence of str
        EM's parameters.
    known : Identification
    reflections : sequence of Reflection
    posterior : Dataset
        Draws, reflected and renumbered.
    """
    identified = {name: np.array(value) for name, value in known.identified.items()}
    for reflection in reflections:
        if not reflection.by_prior:
            for name, sign in reflection.signs.items():
                identified[name] &= sign != 0
    own = {label for name in names for label in labels(name, space.shapes[name])}
    judged = _chosen(space, names, identified)
    left = Identification(known.directions, identified, known.constant).missing(names)
    others: tuple[str, ...] = ()
    if left:
        others = tuple(n for n in space.shapes if n not in {*names, *space.parameters})
        telling = {n: identified[n] & ~known.constant[n] & _distinct(posterior, n) for n in others}
        judged |= _chosen(space, others, telling)
        others = tuple(n for n in others if telling[n].any())
    signs = tuple(
        r.label
        for r in reflections
        if not r.by_prior and any(np.any((r.signs[n] == -1) & identified[n]) for n in names)
    )
    return Ground(
        (*names, *others),
        frozenset(own | judged),
        frozenset(judged),
        left,
        known.directions,
        signs,
    )


def _chosen(space: Space, names: Sequence[str], mask: Params) -> set[str]:
    return {
        label
        for name in names
        for label, wanted in zip(labels(name, space.shapes[name]), mask[name].ravel(), strict=True)
        if wanted
    }


def _distinct(posterior: xr.Dataset, name: str) -> np.ndarray:
    """Entries that no earlier one always equals, as those of a covariance on one side."""
    draws = _tree.stacked(posterior[[name]])[name].values[:_FEW]
    flat = draws.reshape(len(draws), -1)
    new = [
        not any(np.allclose(flat[:, earlier], flat[:, entry], atol=0) for earlier in range(entry))
        for entry in range(flat.shape[1])
    ]
    return np.reshape(new, draws.shape[1:])
