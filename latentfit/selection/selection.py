"""The result of a selection: candidates side by side, and the value each criterion prefers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from latentfit.display import HtmlDisplay
from latentfit.plain import plain
from latentfit.selection._criteria import NAMES
from latentfit.selection._table import Column, table_columns, text
from latentfit.selection.candidate import LABELS, Candidate

_SCALE = (
    "AIC, BIC and ICL are on the deviance scale, -2 log L: smaller is better, and a difference of "
    "2 corresponds to a difference of 1 in log p(x | θ)."
)
_SINGULAR = (
    "All three criteria assume a regular maximum, which does not exist with too many components "
    "or factors: BIC then penalises more than the marginal likelihood does (Drton & Plummer 2017, "
    "JRSS B 79(2)), and AIC tends to prefer too many components (McLachlan & Peel 2000, Finite "
    "Mixture Models, chapter 6)."
)
_LOO = (
    "elpd_loo is in nats: larger is better. A difference smaller than 4, or smaller than twice its "
    "standard error, is no evidence for either value (Sivula, Magnusson, Matamoros & Vehtari, "
    "arXiv:2008.10296)."
)


@dataclass(frozen=True, repr=False)
class Selection(HtmlDisplay):
    """Values of an option side by side, such as numbers of components.

    Attributes
    ----------
    name, title : str
        Of the model.
    option : str
    candidates : tuple of Candidate
        In increasing order of the values; `selection[value]` is one of them.
    posterior : bool
        Whether each candidate is a comparison, with leave-one-out cross-validation.
    counted : str
        How units and free parameters were counted.
    notes : tuple of str
        Notes that hold for all candidates.
    settings : dict
        Of the run, with the other options of the model.
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
        """Names of the criteria that at least one candidate has."""
        return tuple(
            name
            for name in LABELS
            if any(candidate.criterion(name) is not None for candidate in self.candidates)
        )

    @property
    def preferred(self) -> dict[str, int]:
        """The value that each criterion prefers, if at least two candidates have that criterion."""
        sign = {"loo": -1.0}
        found = {}
        for name in LABELS:
            values = {c.value: v for c in self.candidates if (v := c.criterion(name)) is not None}
            if len(values) > 1:
                found[name] = min(values, key=lambda value: sign.get(name, 1.0) * values[value])
        return found

    @property
    def sentence(self) -> str:
        """The preferred values in words."""
        by_value: dict[int, list[str]] = {}
        for name, value in self.preferred.items():
            by_value.setdefault(value, []).append(f"{LABELS[name]}{self._among(name)}")
        parts = [f"{value} by {_listed(names)}" for value, names in sorted(by_value.items())]
        return f"{self.option}: {'; '.join(parts) or 'no criterion compares two values'}"

    @property
    def explanation(self) -> tuple[str, ...]:
        """Scales, counts and limits, in sentences."""
        loo = (_LOO,) if self.posterior else ()
        return (_SCALE, self.counted, _SINGULAR, *loo, *self.notes)

    def columns(self) -> tuple[Column, ...]:
        """The figures as text, a column each; ``*`` marks the value that a criterion prefers."""
        return table_columns(
            self.option, self.candidates, self.criteria, self.preferred, posterior=self.posterior
        )

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
            ``{value: address}`` of the reports on single values.
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
        heading = f"{self.title or self.name}. {self.sentence}"
        return text(heading, self.option, self.candidates, self.columns(), self.explanation)

    def _among(self, name: str) -> str:
        """The values that a criterion compares, if not all."""
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
