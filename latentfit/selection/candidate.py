"""The result of a selection at one value of the option."""

from dataclasses import dataclass, field

from latentfit.em import Fit
from latentfit.selection.criteria import Criteria
from latentfit.selection.cross_validation import Loo

LABELS = {"aic": "AIC", "bic": "BIC", "icl": "ICL", "loo": "LOO"}


@dataclass(frozen=True)
class Candidate:
    """The result at one value of the option.

    Attributes
    ----------
    value : int
    criteria : Criteria or None
        None if EM has no estimate.
    fit : Fit or None
        None if the fit failed.
    loo : Loo or None
        None if there is no posterior, or its chains cannot be trusted.
    agree : bool or None
        As `Comparison.agree`; None if there is no comparison.
    judged : bool
        Whether EM converged to a maximum, so that AIC, BIC and ICL may be compared.
    remarks : tuple of str
        Errors and warnings.
    """

    value: int
    criteria: Criteria | None = None
    fit: Fit | None = field(default=None, repr=False)
    loo: Loo | None = None
    agree: bool | None = None
    judged: bool = False
    remarks: tuple[str, ...] = ()

    def criterion(self, name: str) -> float | None:
        """Return ``"aic"``, ``"bic"``, ``"icl"`` or ``"loo"``; None if it cannot be compared."""
        if name == "loo":
            return self.loo.elpd if self.loo else None
        value: float | None = getattr(self.criteria, name) if self.judged else None
        return value
