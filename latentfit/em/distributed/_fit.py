"""EM on data in parts: the loop is `em.run`, the E step a sum over the cluster."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em._call import brief
from latentfit.em._layout import Params
from latentfit.em._loop import run as run_here
from latentfit.em._result import Fit, Solution, ranked_best
from latentfit.em._stop import Stopping
from latentfit.em._travel import packed
from latentfit.em.distributed._cluster import over_chunks
from latentfit.em.distributed._part import Parts
from latentfit.em.distributed._survey import Survey
from latentfit.em.distributed._task import Sums, Work, add, evaluate, evaluated, part_of
from latentfit.errors import ClusterError, DeclarationError, InputError

Step = Callable[..., Mapping[str, Any]]

# θ at which the sums are remembered: the loop asks for the log-likelihood where it has asked for the
# E step, and for both where an extrapolation was tried.
_REMEMBERED = 8
# Statistics of two halves that add up, relative: their rounding errors are far below.
_ADDS = 1e-6


class Whole:
    """The data as EM sees them: sums over all chunks at θ, each evaluated once.

    Parameters
    ----------
    parts : Parts
    survey : Survey
    client : distributed.Client
    e_step, statistics : callable
    log_likelihood : callable, optional
    """

    def __init__(
        self,
        parts: Parts,
        survey: Survey,
        client: Any,
        e_step: Step,
        statistics: Step,
        log_likelihood: Callable[..., float] | None = None,
    ) -> None:
        masked = frozenset(name for name, (count, _) in survey.holes.items() if count)
        self._work = Work(parts.load, e_step, statistics, log_likelihood, parts.whole, masked)
        self._packet = packed(self._work)
        self._parts = parts
        self._survey = survey
        self._client = client
        self._found: OrderedDict[bytes, Sums] = OrderedDict()
        self._gone: ClusterError | None = None
        self.measured = log_likelihood is not None

    @property
    def data(self) -> "Kept":
        """What the M step is given as data: what is not split."""
        return Kept(self._parts.whole, self._survey)

    def e_step(self, params: Params, data: Any = None) -> dict[str, np.ndarray]:
        """The statistics of all chunks."""
        return self._at(params).statistics

    def log_likelihood(self, params: Params, data: Any = None) -> float:
        """The log-likelihood of all chunks."""
        height = self._at(params).log_likelihood
        assert height is not None
        return height

    def known(self, params: Params) -> float | None:
        """The log-likelihood, if it has been evaluated there."""
        found = self._found.get(_key(params))
        return found.log_likelihood if found is not None else None

    def verify(self, params: Mapping[str, Any]) -> None:
        """Whether what the sample gives is what its even and its odd rows add up to.

        Raises
        ------
        DeclarationError
            It is not: what the steps return is no sum over rows.
        """
        rows = next(iter(self._survey.sample.values()))
        start = {name: np.asarray(value, dtype=float) for name, value in params.items()}
        if len(rows) < 4:
            return
        try:
            whole, *halves = (
                evaluated(
                    self._work,
                    start,
                    part_of(
                        {name: array[cut] for name, array in self._survey.sample.items()},
                        self._work.whole,
                        self._work.masked,
                    ),
                )
                for cut in (slice(None), slice(0, None, 2), slice(1, None, 2))
            )
        except Exception:  # said when it is evaluated in earnest
            return
        for name, value in _entries(whole).items():
            a, b = (_entries(half).get(name) for half in halves)
            if a is None or b is None or not _same(value, a, b):
                raise DeclarationError(
                    f"{name} of the rows together is not the sum of that of their parts: "
                    f"data in chunks can only be fitted where it is"
                )

    def _at(self, params: Params) -> Sums:
        key = _key(params)
        if key in self._found:
            self._found.move_to_end(key)
            return self._found[key]
        if self._gone is not None:
            # Nobody comes back while the loop tries something else.
            raise self._gone
        plain = {name: np.array(value) for name, value in params.items()}
        try:
            found = over_chunks(self._client, _evaluate, _add, self._packet, plain, self._parts)
        except ClusterError as error:
            self._gone = error
            raise
        if found is None:
            raise InputError("the data have no rows any more")
        self._found[key] = found
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return found


class Kept(dict[str, Any]):
    """The data that the M step is given: the arguments that are not split.

    Attributes
    ----------
    size : int
        How many numbers there are on the cluster and here.
    """

    def __init__(self, whole: Mapping[str, np.ndarray], survey: Survey) -> None:
        super().__init__(whole)
        self._split = tuple(survey.sample)
        self.size = survey.values

    def __missing__(self, name: str) -> Any:
        if name in self._split:
            raise DeclarationError(
                f"m_step asks for data[{name!r}], whose rows are on the cluster: what it needs of "
                f"them, their number too, belongs into statistics"
            )
        raise KeyError(name)


def run(
    whole: Whole,
    m_step: Step,
    start: Mapping[str, Any],
    *,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Solution:
    """Run EM from one start.

    Parameters
    ----------
    whole : Whole
    m_step : callable
        ``m_step(statistics, data)`` or ``m_step(statistics, data, params)``; its data are the
        arguments that are not split.
    start, stopping, accelerate, on_iteration
        As in `em.run`.

    Returns
    -------
    Solution
        Its `expectations` are the statistics.

    Raises
    ------
    ClusterError
        The cluster went away. Its `params` are those after the last iteration, from which EM can
        go on: the message says which that was.
    InputError, DeclarationError, StepError
        As in `em.run`.
    """
    latest: tuple[int, Mapping[str, Any]] = (0, start)

    def keep(iteration: int, params: Params) -> None:
        nonlocal latest
        latest = iteration, params
        if on_iteration is not None:
            on_iteration(iteration, params)

    try:
        return run_here(
            whole.e_step,
            m_step,
            whole.data,
            start,
            log_likelihood=whole.log_likelihood if whole.measured else None,
            stopping=stopping,
            accelerate=accelerate,
            on_iteration=keep,
        )
    except ClusterError as error:
        iteration, params = latest
        values = ", ".join(f"{name} = {brief(value)}" for name, value in params.items())
        stands = f"still standing: iteration {iteration}, {values}" if iteration else (
            "not one iteration was completed"
        )
        height = whole.known(params) if iteration else None
        at = f", log-likelihood {height:.10g}" if height is not None else ""
        raise ClusterError(f"{error}; {stands}{at}", params=params) from error


def fit(
    whole: Whole,
    m_step: Step,
    starts: Iterable[Mapping[str, Any]],
    *,
    stopping: Stopping = Stopping(),  # noqa: B008 - frozen
    accelerate: str = "auto",
    on_start: Callable[[int, int], object] | None = None,
    on_iteration: Callable[[int, Params], object] | None = None,
) -> Fit:
    """Run EM from every start, one after the other: each has the whole cluster.

    Parameters
    ----------
    whole, m_step, stopping, accelerate, on_iteration
        As in `run`.
    starts, on_start
        As in `em.fit`.

    Raises
    ------
    ClusterError
        As in `run`; its `fit` is that of the starts that had ended.
    InputError, DeclarationError, StepError
        As in `em.fit`.
    """
    starts = list(starts)
    if not starts:
        raise InputError("EM needs at least one start")
    whole.verify(starts[0])
    solutions: list[Solution] = []
    for number, start in enumerate(starts, 1):
        try:
            solution = run(
                whole,
                m_step,
                start,
                stopping=stopping,
                accelerate=accelerate,
                on_iteration=on_iteration,
            )
        except ClusterError as error:
            raise _stranded(error, solutions, len(starts)) from error
        solutions.append(solution)
        if on_start is not None:
            on_start(number, len(starts))
    return _fit_of(solutions)


def _stranded(error: ClusterError, solutions: Sequence[Solution], total: int) -> ClusterError:
    if not solutions:
        return error
    ended = _fit_of(solutions)
    height = ended.log_likelihood
    best = "" if height is None else f", the best at log-likelihood {height:.10g}"
    message = f"{error}, from start {len(solutions) + 1} of {total}; the {len(solutions)} before"
    return ClusterError(f"{message} had ended{best}", params=error.params, fit=ended)


def _fit_of(solutions: Sequence[Solution]) -> Fit:
    return Fit(tuple(solutions), ranked_best(tuple(solutions)))


def _evaluate(packet: bytes, params: Params, label: str, chunk: Any, number: int) -> Sums | None:
    return evaluate(packet, params, label, chunk)


def _add(params: Params, found: Sequence[Sums | None]) -> Sums | None:
    return add(found)


def _entries(found: Sums) -> dict[str, np.ndarray]:
    named = {f"statistics[{name!r}]": value for name, value in found.statistics.items()}
    if found.log_likelihood is not None:
        named["log_likelihood"] = np.asarray(found.log_likelihood)
    return named


def _same(value: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    if not value.shape == a.shape == b.shape:
        return False
    scale = np.max(np.abs(a) + np.abs(b), initial=0.0)
    return bool(np.allclose(value, a + b, rtol=0, atol=_ADDS * scale, equal_nan=True))


def _key(params: Mapping[str, Any]) -> bytes:
    return b"".join(np.asarray(value, dtype=float).tobytes() for value in params.values())
