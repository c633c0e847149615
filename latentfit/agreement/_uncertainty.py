"""How sure the estimates are: standard errors by several routes, and what the posterior says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from latentfit import bayes
from latentfit.agreement._comparison import Verdict
from latentfit.bayes import CompleteData, Density
from latentfit.declaration import Params, Space, labels
from latentfit.em.information import ROUTES, Bootstrap, ProfileInterval, StandardErrors
from latentfit.errors import InputError, LatentfitError

# Differentiated to rounding error or by central differences: routes agree but for this, relative.
_SAME = 1e-4

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Uncertainty:
    """Standard errors of EM's estimate, and the information that is missing.

    Attributes
    ----------
    routes : dict of StandardErrors
        ``observed``, the declaration's exact Hessian; ``louis``, its complete-data information less
        the conditional variance of the score; ``oakes``, second derivatives of its Q;
        ``supplemented``, the derivative of the hand-written EM with the declaration's complete-data
        information; ``bootstrap``. Those that were taken.
    untaken : dict of str
        Why the others were not.
    run_rate : float
        The rate of convergence that the run of EM showed; NaN if unknown, as where it was
        accelerated.
    intervals : dict of ProfileInterval
        By label, where they were asked for.
    bootstrap : Bootstrap or None
        All of it, where it was asked for.
    differences : dict of str
        By label, why a standard error is not like the posterior sd, where it is not.
    """

    routes: Mapping[str, StandardErrors]
    untaken: Mapping[str, str]
    run_rate: float
    intervals: Mapping[str, ProfileInterval] = field(default_factory=dict)
    bootstrap: Bootstrap | None = None
    differences: Mapping[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """Standard errors by route and label."""
        return {route: by_label(found.errors) for route, found in self.routes.items()}

    @property
    def missing(self) -> dict[str, float]:
        """Fraction of missing information by label: from Q, or else from EM's own map."""
        for route in ("oakes", "supplemented"):
            found = self.routes.get(route)
            if found is not None and found.missing is not None:
                return by_label(found.missing)
        return {}

    @property
    def rates(self) -> dict[str, float]:
        """EM's rate of convergence by source: a route, or the ``run`` itself."""
        told = {r: f.rate for r, f in self.routes.items() if f.rate is not None}
        return told | ({} if np.isnan(self.run_rate) else {"run": self.run_rate})

    def apart(self) -> tuple[str, str, float] | None:
        """Route, label and relative difference where a route is furthest from ``observed``.

        None where there is no other route, or none with a standard error. The bootstrap is not
        among them: it needs no large sample, and may well differ.
        """
        every = self.errors
        exact = every.pop("observed", {})
        every.pop("bootstrap", None)
        found = [
            (route, label, abs(error / exact[label] - 1))
            for route, errors in every.items()
            for label, error in errors.items()
            if exact.get(label, 0.0) > 0 and np.isfinite(error)
        ]
        return max(found, key=lambda one: one[2], default=None)

    @property
    def same(self) -> bool:
        """Whether the routes lead to the same standard errors."""
        furthest = self.apart()
        return furthest is None or furthest[2] <= _SAME

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain data."""
        return {
            "standard_errors": self.errors,
            "untaken": self.untaken,
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
        """Why an entry has no standard error, by label."""
        found = self.routes.get("observed")
        return found.without if found is not None else {}

    def with_intervals(self, intervals: Sequence[ProfileInterval]) -> "Uncertainty":
        """The same with profile likelihood intervals."""
        return replace(self, intervals={one.label: one for one in intervals})

    def with_differences(self, differences: Mapping[str, str]) -> "Uncertainty":
        """The same with reasons for differences from the posterior."""
        return replace(self, differences=differences)


def uncertainty(
    density: Density,
    complete: CompleteData | str,
    em_map: Callable[[Params], Values],
    params: Values,
    point: np.ndarray,
    *,
    to_model: Callable[[Values], Values],
    prior: bool,
    run_rate: float,
    bootstrap: Bootstrap | None = None,
) -> Uncertainty:
    """Take every route that there is.

    Parameters
    ----------
    density : Density
    complete : CompleteData or str
        The complete-data view, or why there is none.
    em_map : callable
        One iteration of the hand-written EM.
    params : mapping
        EM's estimate, its own parameters.
    point : ndarray, shape (size,)
        The same, unconstrained.
    to_model : callable
        From EM's parameters to values of the model's variables.
    prior : bool
        Whether EM maximises the log prior too.
    run_rate, bootstrap
        As in `Uncertainty`.
    """
    routes: dict[str, StandardErrors] = {}
    untaken: dict[str, str] = {}
    ways: dict[str, Callable[[], StandardErrors]] = {
        "observed": lambda: bayes.by_observed(density, point, prior=prior)
    }
    if isinstance(complete, str):
        untaken |= dict.fromkeys(("louis", "oakes", "supplemented"), complete)
    else:
        ways |= {
            "louis": lambda: bayes.by_louis(complete, point, prior=prior),
            "oakes": lambda: bayes.by_oakes(complete, point, prior=prior),
            "supplemented": lambda: bayes.by_supplement(
                complete, em_map, params, to_model=to_model, prior=prior
            ),
        }
    for route, way in ways.items():
        try:
            routes[route] = way()
        except LatentfitError as error:
            untaken[route] = str(error)
    if bootstrap is not None:
        routes["bootstrap"] = bootstrap.standard_errors
    return Uncertainty(routes, untaken, run_rate, bootstrap=bootstrap)


def profiled(entries: Sequence[str], space: Space) -> tuple[str, ...]:
    """The labels of parameters whose profile is asked for, names spelt out.

    Raises
    ------
    InputError
        There is no parameter of that label or name.
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


def verdict(found: Uncertainty) -> Verdict:
    """Whether the routes lead to the same standard errors."""
    problems = {r: f.problem for r, f in found.routes.items() if f.problem and r != "bootstrap"}
    if problems:
        route, problem = next(iter(problems.items()))
        return Verdict(
            "errors_routes", "warn", "Standard errors are not what they are called", problem
        )
    furthest = found.apart()
    if furthest is None:
        why = "; ".join(f"{ROUTES[route]}: {reason}" for route, reason in found.untaken.items())
        return Verdict("errors_routes", "skip", "One route to standard errors alone", why)
    route, label, apart = furthest
    numbers = f"{ROUTES[route]} is off by {apart:.1g} at most ({label}), relative"
    if found.same:
        names = ", ".join(ROUTES[r] for r in found.routes if r not in ("observed", "bootstrap"))
        numbers = f"{names} against the declaration's exact Hessian; {numbers}"
        return Verdict("errors_routes", "pass", "Every route leads to the same errors", numbers)
    notes = "; ".join(note for one in found.routes.values() for note in one.notes)
    return Verdict(
        "errors_routes",
        "warn",
        "Routes to standard errors differ",
        f"{numbers}{f'; {notes}' if notes else ''}",
    )
