"""Standard errors of EM's estimate by several methods, and the missing information."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from latentfit import bayes
from latentfit.agreement.alignment import Point
from latentfit.agreement.problem import Problem
from latentfit.bayes import CompleteData
from latentfit.declaration import Space, labels
from latentfit.em.information import Bootstrap, ProfileInterval, StandardErrors
from latentfit.errors import InputError, LatentfitError

# Relative. Derivatives are exact to rounding error or central differences, so that the methods
# differ by no more.
_SAME_ERROR_RELATIVE = 1e-4

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors of EM's estimate, and the missing information.

    Attributes
    ----------
    methods : dict of StandardErrors
        The methods that could be applied: ``observed``, the declaration's exact Hessian; ``louis``,
        its complete-data information less the conditional variance of the score (Louis 1982);
        ``oakes``, second derivatives of its Q (Oakes 1999); ``supplemented``, the derivative of the
        hand-written EM with the declaration's complete-data information (Meng & Rubin 1991);
        ``bootstrap``.
    unavailable : dict of str
        ``{method: reason}`` of the methods that could not be applied.
    run_rate : float
        Rate of convergence that the iterations of EM showed; NaN if unknown, for example because
        EM was accelerated.
    intervals : dict of ProfileInterval
        Profile likelihood intervals by label, if they were asked for.
    bootstrap : Bootstrap or None
        All replicates, if they were asked for.
    differences : dict of str
        ``{label: reason}`` of the standard errors that differ from the posterior sd.
    """

    methods: Mapping[str, StandardErrors]
    unavailable: Mapping[str, str]
    run_rate: float
    intervals: Mapping[str, ProfileInterval] = field(default_factory=dict)
    bootstrap: Bootstrap | None = None
    differences: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """Standard errors by method and label."""
        return {method: by_label(found.errors) for method, found in self.methods.items()}

    @property
    def missing(self) -> dict[str, float]:
        """Fraction of missing information by label: by Oakes' method, else by supplemented EM."""
        for method in ("oakes", "supplemented"):
            found = self.methods.get(method)
            if found is not None and found.missing is not None:
                return by_label(found.missing)
        return {}

    @property
    def rates(self) -> dict[str, float]:
        """EM's rate of convergence by source: a method, or the ``run`` itself."""
        found = {m: f.rate for m, f in self.methods.items() if f.rate is not None}
        return found | ({} if np.isnan(self.run_rate) else {"run": self.run_rate})

    def furthest(self) -> tuple[str, str, float] | None:
        """Find the standard error with the largest relative difference from ``observed``.

        The bootstrap is left out: it does not rest on large samples, and may differ for that
        reason.

        Returns
        -------
        method, label : str
        difference : float
            Or None in place of all three, if no other method gives a standard error.
        """
        every = self.errors
        exact = every.pop("observed", {})
        every.pop("bootstrap", None)
        found = [
            (method, label, abs(error / exact[label] - 1))
            for method, errors in every.items()
            for label, error in errors.items()
            if exact.get(label, 0.0) > 0 and np.isfinite(error)
        ]
        return max(found, key=lambda one: one[2], default=None)

    @property
    def same(self) -> bool:
        """Whether all methods give the same standard errors."""
        furthest = self.furthest()
        return furthest is None or furthest[2] <= _SAME_ERROR_RELATIVE

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return {
            "standard_errors": self.errors,
            "untaken": self.unavailable,
            "missing_information": self.missing,
            "rate_of_convergence": self.rates,
            "profile_intervals": {
                label: {
                    "lower": one.lower,
                    "upper": one.upper,
                    "level": one.level,
                    "ends": [end.name.lower() for end in one.ends],
                    "problem": one.problem,
                }
                for label, one in self.intervals.items()
            },
            "bootstrap_outcomes": self.bootstrap.outcomes if self.bootstrap else None,
            "differences": self.differences,
        }

    @property
    def without(self) -> Mapping[str, str]:
        """``{label: reason}`` of entries without a standard error."""
        found = self.methods.get("observed")
        return found.without if found is not None else {}

    def with_intervals(self, intervals: Sequence[ProfileInterval]) -> "Uncertainty":
        """Add profile likelihood intervals."""
        return replace(self, intervals={one.label: one for one in intervals})

    def with_differences(self, differences: Mapping[str, str]) -> "Uncertainty":
        """Add reasons for differences from the posterior standard deviations."""
        return replace(self, differences=differences)


def estimate_uncertainty(
    problem: Problem,
    em: Point,
    complete: CompleteData | str,
    bootstrap: Bootstrap | None = None,
) -> Uncertainty:
    """Apply every method for standard errors that the declaration allows.

    Parameters
    ----------
    problem : Problem
    em : Point
        EM's estimate, aligned.
    complete : CompleteData or str
        The complete-data view, or why there is none.
    bootstrap : Bootstrap, optional
        From data sets drawn at EM's estimate.
    """
    density, point, prior = problem.density, em.unconstrained, problem.with_prior
    best = problem.fit.best
    params = {name: em.natural.get(name, value) for name, value in best.params.items()}
    found: dict[str, StandardErrors] = {}
    unavailable: dict[str, str] = {}
    methods: dict[str, Callable[[], StandardErrors]] = {
        "observed": lambda: bayes.information.observed_errors(density, point, prior=prior)
    }
    if isinstance(complete, str):
        unavailable |= dict.fromkeys(("louis", "oakes", "supplemented"), complete)
    else:
        methods |= {
            "louis": lambda: bayes.information.louis_errors(complete, point, prior=prior),
            "oakes": lambda: bayes.information.oakes_errors(complete, point, prior=prior),
            "supplemented": lambda: bayes.information.supplemented_errors(
                complete, problem.em_map, params, to_model=problem.to_model, prior=prior
            ),
        }
    for name, method in methods.items():
        try:
            found[name] = method()
        except LatentfitError as error:
            unavailable[name] = str(error)
    if bootstrap is not None:
        found["bootstrap"] = bootstrap.standard_errors
    return Uncertainty(found, unavailable, best.rate, bootstrap=bootstrap)


def profile_labels(entries: Sequence[str], space: Space) -> tuple[str, ...]:
    """Labels of the parameters to profile, with names replaced by the labels of their entries.

    Raises
    ------
    InputError
        The model has no parameter of that label or name.
    """
    known = {name: labels(name, space.shapes[name]) for name in space.parameters}
    found: list[str] = []
    for entry in entries:
        if entry not in known and not any(entry in some for some in known.values()):
            raise InputError(
                f"profile: the model has no parameter {entry!r}; it has {', '.join(known)}"
            )
        found += known.get(entry, [entry])
    return tuple(dict.fromkeys(found))


def by_label(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Every scalar under its label."""
    return {
        label: float(value)
        for name, array in values.items()
        for label, value in zip(labels(name, np.shape(array)), np.ravel(array), strict=True)
    }
