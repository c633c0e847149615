"""Standard errors of EM's estimates, the result that all methods have in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from latentfit.em.information._entries import flat

# The methods, and their names in sentences.
METHODS = {
    "observed": "the observed information",
    "louis": "Louis",
    "oakes": "Oakes",
    "supplemented": "supplemented EM",
    "bootstrap": "the bootstrap",
}
# Labels that are listed before the rest is counted.
_MAX_LISTED_LABELS = 8


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors of parameters, and under which conditions they hold.

    Attributes
    ----------
    method : str
        How they were computed, a key of `METHODS`: ``"observed"``, ``"louis"``, ``"oakes"`` or
        ``"supplemented"`` from the observed information, ``"bootstrap"`` from simulated data.
    params : dict of ndarray
        The estimates, natural scale.
    errors : dict of ndarray
        Standard errors, natural scale, of the shapes of `params`. NaN for entries without a
        standard error; `without` and `problem` give the reasons.
    labels : tuple of str
        A label for each entry, in the order of `covariance`: ``theta``, ``mu[0]``, ...
    covariance : ndarray, shape (p, p)
        Covariance matrix of the estimates, natural scale. NaN in the rows and columns of entries
        without a standard error. Singular where the parameters have constraints.
    missing : dict of ndarray or None
        Fraction of missing information of each entry: the share of the variance of its estimate
        that would vanish if the latents were observed. None where the method does not compute the
        complete-data information.
    rate : float or None
        The largest fraction of missing information of any linear combination of parameters, which
        is EM's rate of convergence (Dempster, Laird & Rubin 1977, theorem 4), apart from
        unidentified directions and directions at the boundary. None where `missing` is.
    distance : float
        Estimated distance from `params` to the maximum, in standard errors: the Newton decrement.
    precision : float
        Estimated relative error of the standard errors at `params` that finite differences cause;
        for the bootstrap the largest Monte Carlo standard error, relative to the standard error.
        The error that is caused by a distance to the maximum is not included: on another scale,
        standard errors would differ by a relative amount of about `distance`.
    without : dict of str
        For entries that have no standard error although others have one: the reason, by label.
    problem : str
        Empty where `params` is a maximum and the standard errors can be interpreted as such.
    notes : tuple of str
        Further findings, as sentences.
    """

    method: str
    params: Mapping[str, np.ndarray]
    errors: Mapping[str, np.ndarray]
    labels: tuple[str, ...]
    covariance: np.ndarray = field(repr=False)
    missing: Mapping[str, np.ndarray] | None
    distance: float
    precision: float
    rate: float | None = None
    without: Mapping[str, str] = field(default_factory=dict, repr=False)
    problem: str = ""
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join([f"Standard errors by {METHODS[self.method]}", *self._lines()])

    def _lines(self) -> list[str]:
        columns = [flat(self.params), flat(self.errors)]
        heads = ["estimate", "se"]
        if self.missing is not None:
            columns.append(flat(self.missing))
            heads.append("missing")
        width = max(map(len, self.labels))
        lines = [f"  {'':<{width}} {' '.join(f'{head:>12}' for head in heads)}"]
        for row in zip(self.labels, *columns, strict=True):
            lines.append(f"  {row[0]:<{width}} {' '.join(f'{value:12.6g}' for value in row[1:])}")
        if self.rate is not None:
            lines.append(f"  rate of convergence {self.rate:.6g}")
        if np.isfinite(self.precision):
            lines.append(f"  relative precision {self.precision:.1g}")
        sentences = (self.problem, *self._reasons(), *self.notes)
        return [*lines, *(f"  {sentence}" for sentence in sentences if sentence)]

    def _reasons(self) -> list[str]:
        lines = []
        for reason in dict.fromkeys(self.without.values()):
            labels = [label for label, why in self.without.items() if why == reason]
            listed = ", ".join(labels[:_MAX_LISTED_LABELS])
            if len(labels) > _MAX_LISTED_LABELS:
                listed += f" and {len(labels) - _MAX_LISTED_LABELS} more"
            lines.append(f"no standard error for {listed}: {reason}")
        return lines
