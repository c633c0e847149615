"""The M step alone: fed the right expectations, does it maximise Q?

At every θ' that is tried, the M step is given the declaration's own conditional expectations, so
that nothing wrong with the E step can be blamed on it. What it returns, θ⁺, is compared entry by
entry with the declaration's own maximiser of Q(· | θ'), the *oracle*, found by Newton's method.

A parameter that differs may be at fault itself, or may only follow from one that is. At fault
are those in whose direction Q(· | θ') still has a slope at θ⁺, everything else being as the M
step left it.

An M step that does not maximise Q is still a generalised EM step if it increases Q for every θ'
(Dempster, Laird & Rubin 1977, section 1), so that at the maximum of the likelihood, where Q is
as high as it can be already, it stays where it is. That passes, with a note.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from latentfit import bayes
from latentfit.bayes import DRAWS, Maximum, maximise, pairs_of
from latentfit.check._explain import close, explain, orders
from latentfit.check._mistakes_m_step import STALE, estimates
from latentfit.check._result import Check, Finding, Outcome
from latentfit.check._subject import Subject, Trial
from latentfit.declaration import Params, labels
from latentfit.errors import LatentfitError

# A difference counts if it is more than this share of the standard error that the parameter
# would have if nothing were missing. An n - 1 for an n of fifty million is more; rounding is
# less, in single precision too.
_SAME = 1e-4
_ROUNDING = 1e-10

# At how many θ' a hypothesis has to reproduce the numbers.
_TELLING = 3


@dataclass(frozen=True)
class _Step:
    """The M step and the oracle at one θ'.

    Attributes
    ----------
    trial : Trial
    given, expected, errors : dict
        What the M step returned, what maximises Q, and the complete-data standard errors.
    point : ndarray or None
        What it returned, unconstrained; None if that is outside the support.
    oracle : Maximum
    exact : bool
        Whether Q is; otherwise it is a mean over the draws from which the expectations come.
    """

    trial: Trial
    given: Params
    expected: Params
    errors: Params
    point: np.ndarray | None
    oracle: Maximum
    exact: bool

    def wrong(self, name: str) -> bool:
        """Whether an entry differs by more than rounding."""
        return bool(np.any(self.excess(name) > _SAME))

    def excess(self, name: str) -> np.ndarray:
        """The differences in complete-data standard errors."""
        given, expected = self.given[name], self.expected[name]
        if given.shape != expected.shape:
            return np.array(np.inf)
        width = np.where(np.isfinite(self.errors[name]), self.errors[name], np.abs(expected))
        width = np.maximum(width, _ROUNDING / _SAME * np.max(np.abs(expected), initial=0.0))
        with np.errstate(all="ignore"):
            ratio = np.abs(given - expected) / width
        return np.where(np.isnan(ratio), np.where(given == expected, 0.0, np.inf), ratio)


def examine(
    subject: Subject,
    fed: Mapping[str, Mapping[str, Any]],
    returned: Mapping[str, Mapping[str, Any]],
) -> Outcome:
    """Compare the M step with the declaration's maximiser of Q.

    Parameters
    ----------
    subject : Subject
    fed, returned : mapping
        ``{trial.where: expectations}`` given to the M step and ``{trial.where: params}`` that it
        returned for them.
    """
    steps = [
        step
        for trial in subject.trials
        if trial.where in returned
        if (step := _step(subject, trial, returned[trial.where])) is not None
    ]
    if not steps:
        return Outcome((Check("m_step.maximum", "skip", "the oracle found no maximum of Q"),))
    if not any(step.wrong(name) for step in steps for name in step.expected):
        return _passed(subject, steps)
    if (note := _relabelled(steps)) is not None:
        return Outcome((Check("m_step.maximum", "pass", note),))
    other = subject.objective == "posterior"
    if _all_match(subject, steps, prior=not other):
        return _other_objective(steps, prior=not other)
    names = _culprits(subject, steps)
    hints = _hints(subject, steps[-_TELLING:], names)
    # A known mistake is one even where it happens to increase Q.
    if not set(hints) - {None, STALE}:
        generalised = _generalised(subject, steps, STALE if STALE in hints else None)
        if generalised is not None:
            return generalised
    return _at_fault(steps, names, hints)


def _step(subject: Subject, trial: Trial, returned: Mapping[str, Any]) -> _Step | None:
    space = subject.density.space
    try:
        params = {n: np.asarray(v, float) for n, v in subject.to_model(returned).items()}
    except Exception:  # a conversion of the user's that cannot digest what the M step returned
        return None
    try:
        point = space.locate(params)
    except LatentfitError:
        point = None
    oracle = _oracle(subject, trial, point)
    if not oracle.reached:
        return None
    natural = space.constrain(oracle.point)
    # In the hand-in's own parameters, where the declaration has them too.
    if all(name in natural for name in returned):
        params = {name: np.asarray(value, float) for name, value in returned.items()}
    expected = {name: np.asarray(natural[name]) for name in params if name in natural}
    given = {name: params[name] for name in expected}
    _, slope = _objective(subject, trial)(oracle.point)
    bend = _curvature(subject, trial)(oracle.point)
    errors = bayes.delta_method_errors(space, oracle.point, bend, slope)
    return _Step(trial, given, expected, errors, point, oracle, subject.complete.exact)


def _oracle(subject: Subject, trial: Trial, returned: np.ndarray | None) -> Maximum:
    """The maximum of Q, sought from θ' or from what the M step returned: whichever is higher."""
    objective, start = _objective(subject, trial), trial.point
    if returned is not None and objective(returned)[0] > objective(start)[0]:
        start = returned
    prior = subject.objective == "posterior"
    return subject.complete.maximise(trial.statistics, start, prior=prior)


def _passed(subject: Subject, steps: list[_Step]) -> Outcome:
    largest = max(
        float(step.excess(name).max(initial=0.0)) for step in steps for name in step.expected
    )
    objective = "Q plus the log prior" if subject.objective == "posterior" else "Q"
    detail = (
        f"what it returns maximises {objective} at {len(steps)} values of θ', "
        f"to {largest:.1g} standard errors"
        + ("" if steps[0].exact else f" (Q from {DRAWS} draws, expectations from the same)")
    )
    return Outcome((Check("m_step.maximum", "pass", detail),))


def _all_match(subject: Subject, steps: list[_Step], *, prior: bool) -> bool:
    """Whether the M step maximises the other objective than the file says."""
    for step in steps:
        found = subject.complete.maximise(step.trial.statistics, step.oracle.point, prior=prior)
        natural = subject.density.space.constrain(found.point)
        if not found.reached or not all(
            close(value, natural[name]) for name, value in step.given.items()
        ):
            return False
    return True


def _other_objective(steps: list[_Step], *, prior: bool) -> Outcome:
    step, name = _worst(steps)
    does, says = ("Q plus the log prior", "likelihood") if prior else ("Q", "posterior")
    hint = (
        "the prior is counted; leave it out, or say objective = 'posterior'"
        if prior
        else "the prior is not counted; count it, or say objective = 'likelihood'"
    )
    message = (
        f"the M step maximises {does}, where the file says objective = '{says}'; "
        f"{_difference(step, name)}"
    )
    finding = Finding("M", name, "error", message, hint, _evidence(step, name))
    return Outcome((Check("m_step.objective", "fail", message),), (finding,))


def _relabelled(steps: list[_Step]) -> str | None:
    """A renumbering of all components together changes nothing."""
    for step in steps:
        sizes = {v.shape[-1] for v in step.expected.values() if v.ndim}
        if len(sizes) != 1:
            return None
        (size,) = sizes
        if not any(
            all(
                close(step.given[n], v[..., list(order)] if v.ndim else v)
                for n, v in step.expected.items()
            )
            for order in orders(size)
        ):
            return None
    return "it maximises Q and renumbers the components, all parameters alike"


def _generalised(subject: Subject, steps: list[_Step], hint: str | None) -> Outcome | None:
    """Whether Q never falls, and stays where it is at the maximum."""
    gains = []
    for step in steps:
        if step.point is None:
            return None
        before, _ = _objective(subject, step.trial)(step.trial.point)
        after, _ = _objective(subject, step.trial)(step.point)
        gain = after - before
        if not gain >= -1e-9 * (1 + abs(before)):
            return None
        gains.append(gain)
    still = [s for s in steps if s.trial.where == subject.trials[-1].where]
    if subject.maximum is None or not still:
        return None
    for step in still:
        natural = subject.density.space.constrain(subject.maximum)
        if not all(close(v, natural[n]) for n, v in step.given.items()):
            return None
    step, name = _worst(steps)
    message = (
        f"the M step increases Q at every θ' but does not maximise it "
        f"({_difference(step, name)}): a generalised EM algorithm, right but slower"
    )
    finding = Finding("M", name, "warning", message, hint, _evidence(step, name))
    return Outcome((Check("m_step.maximum", "warn", message),), (finding,))


def _at_fault(steps: list[_Step], names: Sequence[str], hints: Sequence[str | None]) -> Outcome:
    findings = []
    for name, hint in zip(names, hints, strict=True):
        step = max(steps, key=lambda s: float(np.max(s.excess(name))))
        findings.append(
            Finding("M", name, "error", _difference(step, name), hint, _evidence(step, name))
        )
    followers = sorted({n for s in steps for n in s.expected if s.wrong(n)} - set(names))
    detail = findings[0].message
    if followers:
        detail += f"; {', '.join(followers)} follow{'s' if len(followers) == 1 else ''} from it"
    return Outcome((Check("m_step.maximum", "fail", detail),), tuple(findings))


def _culprits(subject: Subject, steps: list[_Step]) -> list[str]:
    """Parameters in whose direction Q still has a slope, or if none stands out, all that differ."""
    names = [name for name in steps[0].expected if any(step.wrong(name) for step in steps)]
    blocks = _blocks(subject)
    if len(names) == 1 or not all(name in blocks for name in names):
        return names
    sloping = set()
    for step in steps:
        if step.point is None:
            return names
        _, gradient = _objective(subject, step.trial)(step.point)
        hessian = _curvature(subject, step.trial)(step.point)
        for name in names:
            part = blocks[name]
            if step.wrong(name) and not _flat(gradient[part], hessian[part, part]):
                sloping.add(name)
    return [name for name in names if name in sloping] or names


def _flat(gradient: np.ndarray, hessian: np.ndarray) -> bool:
    try:
        step = cho_solve(cho_factor(-hessian), gradient)
    except (LinAlgError, ValueError):
        return False
    return bool(np.sqrt(max(gradient @ step, 0.0)) <= _SAME)


def _blocks(subject: Subject) -> dict[str, slice]:
    """Where each parameter lies in the unconstrained vector."""
    found, position = {}, 0
    space = subject.density.space
    for name, (_, shape) in zip(space.parameters, space.layout, strict=True):
        size = int(np.prod(shape))
        found[name] = slice(position, position + size)
        position += size
    return found


def _hints(subject: Subject, steps: list[_Step], names: list[str]) -> list[str | None]:
    predictions: dict[str, list[Mapping[str, np.ndarray]]] = {name: [] for name in names}
    for step in steps:
        natural = subject.density.space.constrain
        alone = _one_at_a_time(subject, step)
        prior = subject.complete.maximise(step.trial.statistics, step.oracle.point, prior=True)
        with_prior = natural(prior.point) if prior.reached else None
        hardened = _hardened(subject, step)
        counts, moves = _counts(subject, step.trial), _moves(subject, step.trial)
        for name in names:
            predictions[name].append(
                estimates(
                    name, step.trial, step.expected, alone, with_prior, hardened, counts, moves
                )
            )
    return [explain([step.given[name] for step in steps], predictions[name]) for name in names]


def _one_at_a_time(subject: Subject, step: _Step) -> Params:
    """Each parameter where Q is highest with all the others at their old values."""
    objective, curvature = _objective(subject, step.trial), _curvature(subject, step.trial)
    old = step.trial.point
    result = dict(step.expected)
    for name, part in _blocks(subject).items():
        if name not in result:
            continue
        index = np.arange(len(old))[part]

        def inside(values: np.ndarray, index: np.ndarray = index) -> np.ndarray:
            point = old.copy()
            point[index] = values
            return point

        def height(
            values: np.ndarray, index: np.ndarray = index, inside: Callable[..., Any] = inside
        ) -> tuple[float, np.ndarray]:
            value, gradient = objective(inside(values))
            return value, gradient[index]

        def bend(
            values: np.ndarray, index: np.ndarray = index, inside: Callable[..., Any] = inside
        ) -> np.ndarray:
            return np.asarray(curvature(inside(values))[np.ix_(index, index)])

        found = maximise(height, bend, old[index], subject.density.space.bounded[index])
        if found.reached:
            result[name] = subject.density.space.constrain(inside(found.point))[name]
    return result


def _hardened(subject: Subject, step: _Step) -> Params | None:
    if subject.complete.joint is None:
        return None
    hard = {
        name: np.eye(r.shape[-1])[r.argmax(axis=-1)] for name, r in step.trial.statistics.items()
    }
    found = subject.complete.maximise(hard, step.oracle.point)
    return subject.density.space.constrain(found.point) if found.reached else None


def _counts(subject: Subject, trial: Trial) -> dict[str, np.ndarray | float]:
    counts: dict[str, np.ndarray | float] = {}
    if subject.complete.discrete and subject.complete.exact:
        for name in subject.complete.latents:
            r = trial.statistics[name]
            counts["the responsibilities' sum"] = r.reshape(-1, r.shape[-1]).sum(axis=0)
    for name, values in subject.data.items():
        if np.ndim(values):
            counts[f"n (the length of {name})"] = float(np.size(values))
            hidden = int(np.ma.count_masked(values))
            if hidden:
                counts[f"the number of observed {name}"] = float(np.size(values) - hidden)
                counts[f"the number of missing {name}"] = float(hidden)
    return counts


def _moves(subject: Subject, trial: Trial) -> tuple[np.ndarray, np.ndarray] | None:
    """Expected transitions of a Markov chain, and visits to its states."""
    if subject.complete.chain is None:
        return None
    (name,) = subject.complete.latents
    gamma, xi = trial.statistics[name], trial.statistics[pairs_of(name)]
    states = gamma.shape[-1]
    return xi.reshape(-1, states, states).sum(axis=0), gamma.reshape(-1, states).sum(axis=0)


def _objective(subject: Subject, trial: Trial) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    return partial(subject.complete.q, trial.statistics, prior=subject.objective == "posterior")


def _curvature(subject: Subject, trial: Trial) -> Callable[[np.ndarray], np.ndarray]:
    prior = subject.objective == "posterior"
    return partial(subject.complete.hessian, trial.statistics, prior=prior)


def _worst(steps: list[_Step]) -> tuple[_Step, str]:
    pairs = [(step, name) for step in steps for name in step.expected]
    return max(pairs, key=lambda pair: float(np.max(pair[0].excess(pair[1]))))


def _entry(step: _Step, name: str) -> tuple[str, float, float]:
    given, expected = step.given[name], step.expected[name]
    if given.shape != expected.shape:
        return name, float("nan"), float("nan")
    place = int(np.argmax(step.excess(name)))
    return (
        labels(name, expected.shape)[place],
        float(given.flat[place]),
        float(expected.flat[place]),
    )


def _difference(step: _Step, name: str) -> str:
    entry, given, expected = _entry(step, name)
    return (
        f"{entry} is {given:.8g} where the maximum of Q has {expected:.8g} "
        f"({step.trial.where}; {'exact' if step.exact else 'Q and expectations from one sample'})"
    )


def _evidence(step: _Step, name: str) -> dict[str, Any]:
    entry, given, expected = _entry(step, name)
    return {"entry": entry, "given": given, "expected": expected, "where": step.trial.where}
