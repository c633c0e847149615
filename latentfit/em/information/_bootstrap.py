"""Standard errors by the parametric bootstrap (Efron & Tibshirani 1993, An Introduction to the
Bootstrap, section 6.5).

Draw data from the model at the estimates, run EM on them, and do so B times: the standard deviation
of the B estimates is the standard error. It needs no derivatives and no large sample, only that the
model holds; and it takes B runs of EM. Its own Monte Carlo error, by the delta method from the
fourth central moment m₄ of the estimates, is

    sd(se) = sqrt((m₄ - se⁴) / B) / (2 se)

which for normal estimates is se / sqrt(2 B): 5 % for 200 replicates.

Not every sample has an estimate. In some a component collapses or is left without observations, in
some EM does not arrive. They are part of what the model does, and the standard deviation without
them is that of samples which have an estimate: so they are counted and named. Every replicate
begins at the estimates, which is where its own lies nearby; components thus keep their numbers as
long as they are apart.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from latentfit.em.calls import call
from latentfit.em.executors import each
from latentfit.em.information._functions import OnStep, counted
from latentfit.em.information._result import StandardErrors, every_label, named
from latentfit.em.layout import Layout, Params
from latentfit.em.results import Solution
from latentfit.errors import InputError, LatentfitError

# A share of replicates without an estimate that changes what the others stand for.
_MANY = 0.05


@dataclass(frozen=True)
class Replicate:
    """One sample and what EM made of it.

    Attributes
    ----------
    params : dict of ndarray or None
        Natural scale; where EM ended. None where a function raised an error.
    converged : bool
        Whether this is an estimate.
    outcome : str
        The name of its `Stop`, in lower case, or ``"error"``.
    message : str
    """

    params: Mapping[str, np.ndarray] | None
    converged: bool
    outcome: str
    message: str


@dataclass(frozen=True)
class Bootstrap:
    """What the replicates say.

    Attributes
    ----------
    standard_errors : StandardErrors
        From those that converged.
    bias : dict of ndarray
        Mean of the estimates less the parameters at which they were drawn, natural scale.
    monte_carlo : dict of ndarray
        Standard error of each standard error.
    replicates : tuple of Replicate
        All of them, in order.
    seed : int
        That gives the same ones again.
    """

    standard_errors: StandardErrors
    bias: Mapping[str, np.ndarray]
    monte_carlo: Mapping[str, np.ndarray]
    replicates: tuple[Replicate, ...] = field(repr=False)
    seed: int

    @property
    def outcomes(self) -> dict[str, int]:
        """How many replicates ended how."""
        return dict(Counter(replicate.outcome for replicate in self.replicates))

    def interval(self, level: float = 0.95) -> Params:
        """Percentile intervals (Efron & Tibshirani 1993, section 13.3), shapes (2, ...).

        Of the replicates that converged; NaN where fewer than two did.

        Raises
        ------
        InputError
            `level` is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise InputError(f"level is between 0 and 1, not {level!r}")
        tails = [(1 - level) / 2, (1 + level) / 2]
        kept = [r.params for r in self.replicates if r.converged and r.params is not None]
        if len(kept) < 2:
            shapes = {name: np.shape(value) for name, value in self.bias.items()}
            return {name: np.full((2, *shape), np.nan) for name, shape in shapes.items()}
        return {
            name: np.quantile([params[name] for params in kept], tails, axis=0)
            for name in self.bias
        }


def bootstrap(
    simulate: Callable[[Params, np.random.Generator], Any],
    refit: Callable[[Any, Params], Solution],
    params: Mapping[str, Any],
    *,
    replicates: int = 200,
    seed: int | None = None,
    on_replicate: OnStep | None = None,
    executor: Any = None,
) -> Bootstrap:
    """Standard errors from EM on simulated data.

    Parameters
    ----------
    simulate : callable
        ``simulate(params, rng)`` returns new data, of the size and with the covariates of those
        that were analysed.
    refit : callable
        ``refit(data, start)`` runs EM: ``em.run(e_step, m_step, data, start)``.
    params : mapping
        ``{name: array_like}``, natural scale: the estimates.
    replicates : int
        Number of samples, 2 at least.
    seed : int, optional
        Settles all samples; each has a generator of its own, spawned from it.
    on_replicate : callable, optional
        ``on_replicate(done, total)``, after each replicate.
    executor : Executor or Dask client, optional
        Where EM runs on the samples, which are drawn here: see `em.each`. The result is the same.

    Returns
    -------
    Bootstrap

    Raises
    ------
    InputError
        There are fewer than two replicates.
    StepError
        `simulate` raised an error; or every single run did, and this is the first.
    ClusterError
        The executor lost its workers.
    """
    if replicates < 2:
        raise InputError(f"the bootstrap needs at least 2 replicates, not {replicates}")
    layout = Layout.of(params)
    packed = layout.pack(params, "params")
    natural = layout.unpack(packed)
    seed = secrets.randbits(31) if seed is None else seed
    advance = counted(on_replicate, replicates)
    rngs = np.random.default_rng(seed).spawn(replicates)
    samples = (call(simulate, "simulate", natural, rng) for rng in rngs)

    def replicate(data: Any) -> tuple[Replicate, LatentfitError | None]:
        try:
            solution = refit(data, natural)
        except LatentfitError as error:
            return Replicate(None, False, "error", str(error)), error
        stop = solution.stop
        outcome = stop.name.lower()
        return Replicate(solution.params, stop.converged, outcome, solution.message), None

    found, first_error = [], None
    for one, error in each(replicate, samples, executor):
        found.append(one)
        first_error = first_error or error
        advance()
    if first_error is not None and all(r.params is None for r in found):
        raise first_error
    kept = [layout.pack(r.params, "EM") for r in found if r.converged and r.params is not None]
    return _summary(natural, packed, np.array(kept).reshape(-1, packed.size), found, seed)


def _summary(
    natural: Params,
    packed: np.ndarray,
    estimates: np.ndarray,
    found: list[Replicate],
    seed: int,
) -> Bootstrap:
    count, total = len(estimates), len(found)
    nothing = np.full(packed.size, np.nan)
    bias = errors = blur = nothing
    covariance = np.full((packed.size, packed.size), np.nan)
    if count > 1:
        apart = estimates - estimates.mean(axis=0)
        bias = estimates.mean(axis=0) - packed
        covariance = apart.T @ apart / (count - 1)
        errors = np.sqrt(np.diag(covariance))
        spread = np.mean(apart**4, axis=0) - np.mean(apart**2, axis=0) ** 2
        with np.errstate(all="ignore"):
            blur = np.sqrt(np.maximum(spread, 0) / count) / (2 * errors)
    with np.errstate(all="ignore"):
        relative = blur / errors
    known = relative[np.isfinite(relative)]
    lost = Counter(replicate.outcome for replicate in found if not replicate.converged)
    told = ", ".join(f"{number} {outcome}" for outcome, number in lost.items())
    notes = (f"{count} of {total} replicates have an estimate ({told})",) if lost else ()
    problem = ""
    if count < 2:
        problem = "no standard errors: fewer than two replicates have an estimate"
    elif total - count > _MANY * total:
        problem = (
            f"{(total - count) / total:.0%} of the samples have no estimate: the numbers stand for "
            f"samples that have one"
        )
    result = StandardErrors(
        "bootstrap",
        natural,
        named(errors, natural),
        every_label(natural),
        covariance,
        None,
        np.nan,
        float(known.max()) if known.size else np.nan,
        problem=problem,
        notes=notes,
    )
    return Bootstrap(result, named(bias, natural), named(blur, natural), tuple(found), seed)
