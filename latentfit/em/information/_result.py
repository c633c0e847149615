"""What a route to standard errors leaves behind."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from latentfit.em.layout import Params, label

# The routes, in words.
ROUTES = {
    "observed": "the observed information",
    "louis": "Louis",
    "oakes": "Oakes",
    "supplemented": "supplemented EM",
    "bootstrap": "the bootstrap",
}
_SHOWN = 8


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors of the parameters, and what they stand for.

    Attributes
    ----------
    route : str
        How the information was found: ``"observed"``, ``"louis"``, ``"oakes"``,
        ``"supplemented"``; or ``"bootstrap"``, which needs none.
    params : dict of ndarray
        Natural scale: where.
    errors : dict of ndarray
        Standard errors, natural scale, of the shapes of `params`. NaN for what has none; `without`
        and `problem` say why.
    labels : tuple of str
        Of every entry, in the order of `covariance`: ``theta``, ``mu[0]``, ...
    covariance : ndarray, shape (p, p)
        Of the natural values; NaN in the rows and columns of entries without a standard error.
        Singular where natural values have constraints.
    missing : dict of ndarray or None
        Fraction of missing information of each entry: the share of the variance of its estimate
        that would not be there if the latents were seen. None where the route does not tell the
        complete-data information.
    rate : float or None
        The largest such fraction that any combination of parameters has: the rate at which EM
        converges (Dempster, Laird & Rubin 1977, theorem 4), but along ridges and where the
        log-likelihood has levelled off. None as `missing`.
    distance : float
        From `params` to the maximum of the parabola through them, in standard errors.
    precision : float
        Estimated relative error of the standard errors at `params`, from the differences that
        they rest on; of the bootstrap, its Monte Carlo standard error, the largest. That `params`
        are short of the maximum is not in it: on another scale errors differ by about `distance`.
    without : dict of str
        Why an entry has no standard error, by label, where others have one.
    problem : str
        Empty where `params` is a maximum and the numbers are what they are called.
    notes : tuple of str
        What else a reader has to know.
    """

    route: str
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
        return "\n".join([f"StandardErrors by {ROUTES[self.route]}", *self._lines()])

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
        told = (self.problem, *self._reasons(), *self.notes)
        return [*lines, *(f"  {text}" for text in told if text)]

    def _reasons(self) -> list[str]:
        lines = []
        for reason in dict.fromkeys(self.without.values()):
            those = [label for label, why in self.without.items() if why == reason]
            more = f" and {len(those) - _SHOWN} more" if len(those) > _SHOWN else ""
            lines.append(f"no standard error for {', '.join(those[:_SHOWN])}{more}: {reason}")
        return lines


def flat(values: Mapping[str, np.ndarray]) -> np.ndarray:
    """All entries as one vector, in the order of the names."""
    return np.concatenate([np.ravel(value) for value in values.values()])


def named(vector: np.ndarray, like: Mapping[str, np.ndarray]) -> Params:
    """The entries of a vector under names, with the shapes of `like`."""
    ends = np.cumsum([np.size(value) for value in like.values()])[:-1]
    parts = np.split(vector, ends)
    return {
        name: part.reshape(np.shape(value))
        for (name, value), part in zip(like.items(), parts, strict=True)
    }


def every_label(params: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """``theta``, ``mu[0]``, ``P[0,1]``: one for each entry."""
    return tuple(
        label(name, index)
        for name, value in params.items()
        for index in np.ndindex(np.shape(value))
    )
