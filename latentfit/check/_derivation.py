"""The derivation that was handed in, with starts that the model can have."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from latentfit.bayes import Density
from latentfit.check.possible_data import impossible_at
from latentfit.check.result import Check, Finding, Outcome, Severity, Status
from latentfit.declaration import Params
from latentfit.em.calls import brief
from latentfit.em.layout import parameter_arrays
from latentfit.errors import DeclarationError, LatentfitError


@dataclass(frozen=True)
class Derivation:
    """A derivation as it was handed in.

    Attributes
    ----------
    name : str
    objective : {"likelihood", "posterior"}
        What its M step maximises.
    e_step, m_step : callable
    log_likelihood : callable or None
    expectations : mapping
        ``{entry: function of (latents, data)}``: the entries of the E step other than latents.
    to_model : callable
        Converts its params to values of the model's variables.
    starts : sequence of dict
        Starting values of its params.
    problem : str or None
        Why `starts` are not those of the derivation's own ``initial``; None if they are.
    """

    name: str
    objective: str
    e_step: Callable[..., Mapping[str, Any]]
    m_step: Callable[..., Mapping[str, Any]]
    log_likelihood: Callable[..., Any] | None
    expectations: Mapping[str, Callable[..., Any]]
    to_model: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    starts: Sequence[Params]
    problem: str | None = None


def with_usable_starts(
    derivation: Derivation, density: Density, seed: int
) -> tuple[Derivation, Outcome]:
    """Return the derivation with starts inside the support, and what was wrong with its own.

    The starts become arrays in double precision, as EM passes them to the steps. Starts that cannot
    be used are left out. If none can be, random starts take their place.

    Raises
    ------
    DeclarationError
        No start can be used, and random starts cannot be converted by `Derivation.to_model`.
    """
    usable, problem, impossible = [], derivation.problem, None
    for given in derivation.starts:
        try:
            params = parameter_arrays(given, "initial")
            point = density.space.locate(derivation.to_model(params))
        except LatentfitError as error:
            problem = problem or f"initial: {error}"
            continue
        if density.tractable and impossible_at(density, point):
            # EM has nothing to increase there. Other starts show whether the steps are right.
            values = ", ".join(f"{name} = {brief(value)}" for name, value in params.items())
            impossible = f"initial: log p(x | θ) is minus infinity at {values}"
            continue
        usable.append(params)
    if problem is None and impossible is None:
        return replace(derivation, starts=usable), Outcome()
    severity: Severity = "error" if problem else "warning"
    finding = Finding("contract", "initial", severity, problem or impossible or "")
    if not usable:
        rngs = np.random.default_rng(seed).spawn(max(len(derivation.starts), 1))
        usable = [density.space.random(rng) for rng in rngs]
        try:
            for params in usable:
                density.space.locate(derivation.to_model(params))
        except LatentfitError as error:
            # In a parameterisation of the derivation's own, only its own `initial` can start EM.
            raise DeclarationError(finding.message) from error
    detail = f"{finding.message}; {len(usable)} other starts are used"
    status: Status = "fail" if problem else "warn"
    return replace(derivation, starts=usable), Outcome(
        (Check("contract.initial", status, detail),), (finding,)
    )
