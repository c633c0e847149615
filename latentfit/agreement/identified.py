"""Which parameters verdicts rest on: those that are identified, or deterministics that are."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from latentfit.agreement._reflections import Reflection
from latentfit.agreement.tree import stack_draws
from latentfit.bayes.maxima import Identification
from latentfit.declaration import Params, Space, labels

# Number of draws by which entries of an array that are always equal are recognised.
_DRAWS_COMPARED = 20


@dataclass(frozen=True)
class Judged:
    """Which parameters the verdicts of a comparison rest on.

    Attributes
    ----------
    names : tuple of str
        EM's parameters; if some of them are not identified, also the deterministics that are.
    rows : frozenset of str
        Labels of the scalars among them that are listed.
    judged : frozenset of str
        Labels of those that are identified.
    missing : tuple of str
        EM's parameters, or entries of them, that are not identified.
    directions : int
        Number of directions along which the likelihood is constant.
    signs : tuple of str
        Parameters that can change sign without changing the likelihood, and were aligned.
    """

    names: tuple[str, ...]
    rows: frozenset[str]
    judged: frozenset[str]
    missing: tuple[str, ...]
    directions: int
    signs: tuple[str, ...]

    @property
    def stand_ins(self) -> tuple[str, ...]:
        """Names of the variables that are judged."""
        found = {label.partition("[")[0] for label in self.judged}
        return tuple(name for name in self.names if name in found)


def find_judged(
    space: Space,
    names: Sequence[str],
    identification: Identification,
    reflections: Sequence[Reflection],
    posterior: xr.Dataset,
) -> Judged:
    """Find the parameters that verdicts can rest on.

    Parameters
    ----------
    space : Space
    names : sequence of str
        EM's parameters.
    identification : Identification
    reflections : sequence of Reflection
    posterior : Dataset
        Draws, with components renumbered and signs aligned.
    """
    identified = {name: np.array(value) for name, value in identification.identified.items()}
    for reflection in reflections:
        if not reflection.prior_distinguishes:
            for name, sign in reflection.signs.items():
                identified[name] &= sign != 0
    own = {label for name in names for label in labels(name, space.shapes[name])}
    judged = _labelled(space, names, identified)
    remaining = Identification(identification.directions, identified, identification.constant)
    missing = remaining.missing(names)
    others: tuple[str, ...] = ()
    if missing:
        others = tuple(n for n in space.shapes if n not in {*names, *space.parameters})
        usable = {
            n: identified[n] & ~identification.constant[n] & _distinct(posterior, n) for n in others
        }
        judged |= _labelled(space, others, usable)
        others = tuple(n for n in others if usable[n].any())
    signs = tuple(
        r.label
        for r in reflections
        if not r.prior_distinguishes
        and any(np.any((r.signs[n] == -1) & identified[n]) for n in names)
    )
    return Judged(
        (*names, *others),
        frozenset(own | judged),
        frozenset(judged),
        missing,
        identification.directions,
        signs,
    )


def _labelled(space: Space, names: Sequence[str], mask: Params) -> set[str]:
    return {
        label
        for name in names
        for label, wanted in zip(labels(name, space.shapes[name]), mask[name].ravel(), strict=True)
        if wanted
    }


def _distinct(posterior: xr.Dataset, name: str) -> np.ndarray:
    """Entries that differ from every earlier entry, unlike those of a symmetric matrix."""
    draws = stack_draws(posterior[[name]])[name].values[:_DRAWS_COMPARED]
    flat = draws.reshape(len(draws), -1)
    new = [
        not any(np.allclose(flat[:, earlier], flat[:, entry], atol=0) for earlier in range(entry))
        for entry in range(flat.shape[1])
    ]
    return np.reshape(new, draws.shape[1:])
