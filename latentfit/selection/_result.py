"""The result of a selection: a row for each value of an option, and what each criterion prefers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from latentfit.em import Fit
from latentfit.plain import plain
from latentfit.selection._criteria import NAMES, Criteria
from latentfit.selection._loo import Loo

LABELS = {"aic": "AIC", "bic": "BIC", "icl": "ICL", "loo": "LOO"}

_SCALE = (
    "AIC, BIC and ICL are on the deviance scale, -2 log L: less is better, and a difference of 2 "
    "is one of 1 in log p(x | θ)."
)
_SINGULAR = (
    "All three suppose a regular maximum, and with too many components or factors there is none: "
    "BIC then penalises more than the marginal likelihood does (Drton & Plummer 2017, JRSS B "
    "79(2)), and AIC tends to too many (McLachlan & Peel 2000, Finite Mixture Models, chapter 6)."
)
_LOO = (
    "elpd_loo is in nats, and more is better. Differences smaller than 4, or than twice their "
    "standard error, do not tell values apart (Sivula, Magnusson, Matamoros & Vehtari, "
    "arXiv:2008.10296)."
)


@dataclass(frozen=True)
class Candidate:
    """What was found at one value of the option.

    Attributes
    ----------
    value : int
    criteria : Criteria or None
        None where EM has no estimate.
    fit : Fit or None
        None where it could not be tried.
    loo : Loo or None
        None where there is no posterior, or its chains cannot be trusted.
    agree : bool or None
        As `Comparison.agree`; None without a comparison, too.
    judged : bool
        Whether EM arrived at a maximum, so that AIC, BIC and ICL are those of this value.
    remarks : tuple of str
        What went wrong, or has to be known.
    """

    value: int
    criteria: Criteria | None = None
    fit: Fit | None = field(default=None, repr=False)
    loo: Loo | None = None
    agree: bool | None = None
    judged: bool = False
    remarks: tuple[str, ...] = ()

    def criterion(self, name: str) -> float | None:
        """One of ``"aic"``, ``"bic"``, ``"icl"``, ``"loo"``, where there is one to go by."""
        if name == "loo":
            return self.loo.elpd if self.loo else None
        value: float | None = getattr(self.criteria, name) if self.judged else None
        return value


@dataclass(frozen=True, repr=False)
class Selection:
    """Values of an option side by side, such as numbers of components.

    Attributes
    ----------
    name, title : str
        Of the model.
    option : str
    candidates : tuple of Candidate
        In order of the values; `selection[value]` is one of them.
    posterior : bool
        Whether there were comparisons, for LOO.
    counted : str
        What was counted as units and as free parameters.
    notes : tuple of str
        What else a reader has to know.
    settings : dict
        Of the run, and the other options of the model.
    seed : int
        The same at every value.
    """

    name: str
    title: str
    option: str
    candidates: tuple[Candidate, ...]
    posterior: bool
    counted: str
    notes: tuple[str, ...]
    settings: dict[str, Any]
    seed: int

    @property
    def criteria(self) -> tuple[str, ...]:
        """Names of the criteria that some value has."""
        return tuple(
            name
            for name in LABELS
            if any(candidate.criterion(name) is not None for candidate in self.candidates)
        )

    @property
    def preferred(self) -> dict[str, int]:
        """The value that each criterion prefers, where it can be said of more than one."""
        sign = {"loo": -1.0}
        found = {}
        for name in LABELS:
            heights = {c.value: h for c in self.candidates if (h := c.criterion(name)) is not None}
            if len(heights) > 1:
                found[name] = min(heights, key=lambda value: sign.get(name, 1.0) * heights[value])
        return found

    @property
    def sentence(self) -> str:
        """The same in words."""
        by_value: dict[int, list[str]] = {}
        for name, value in self.preferred.items():
            by_value.setdefault(value, []).append(f"{LABELS[name]}{self._among(name)}")
        parts = [f"{value} by {_listed(names)}" for value, names in sorted(by_value.items())]
        return f"{self.option}: {'; '.join(parts) or 'nothing to choose between'}"

    @property
    def explanation(self) -> tuple[str, ...]:
        """Scales, counts and limits, in sentences."""
        loo = (_LOO,) if self.posterior else ()
        return (_SCALE, self.counted, _SINGULAR, *loo, *self.notes)

    def __getitem__(self, value: int) -> Candidate:
        for candidate in self.candidates:
            if candidate.value == value:
                return candidate
        raise KeyError(value)

    def to_dict(self, reports: Mapping[int, str] | None = None) -> dict[str, Any]:
        """The figures as plain data, ready for JSON: NaN and infinities become None.

        Parameters
        ----------
        reports : dict, optional
            ``{value: address}`` of reports on single values.
        """
        links = reports or {}
        result: dict[str, Any] = plain(
            {
                "model": self.name,
                "option": self.option,
                "preferred": self.preferred,
                "values": [
                    _row(candidate) | {"report": links.get(candidate.value)}
                    for candidate in self.candidates
                ],
                "notes": self.explanation,
                "settings": self.settings,
                "seed": self.seed,
            }
        )
        return result

    def __repr__(self) -> str:
        from latentfit.selection._table import text

        return text(self)

    def _repr_html_(self) -> str:
        from latentfit import report

        return report.selection_fragment(self)

    def _among(self, name: str) -> str:
        """Of which values a criterion speaks, if not of all."""
        found = [str(c.value) for c in self.candidates if c.criterion(name) is not None]
        return "" if len(found) == len(self.candidates) else f" (of {_listed(found)})"


def _row(candidate: Candidate) -> dict[str, Any]:
    found, fit = candidate.criteria, candidate.fit
    figures = ("log_likelihood", "free_parameters", "units", "entropy", *NAMES)
    return {
        "value": candidate.value,
        **{figure: getattr(found, figure, None) for figure in figures},
        "loo": vars(candidate.loo) if candidate.loo else None,
        "converged": fit is not None and fit.converged,
        "message": fit.message if fit else None,
        "parameters": fit.params if fit else None,
        "agree": candidate.agree,
        "judged": candidate.judged,
        "remarks": candidate.remarks,
    }


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
