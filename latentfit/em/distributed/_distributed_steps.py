"""The E step and the log-likelihood as sums over all chunks of the data."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em.distributed._chunk_task import (
    ChunkSums,
    ChunkTask,
    chunk_arguments,
    evaluate,
    run_chunk_task,
    sum_of_chunks,
)
from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._survey import Survey
from latentfit.em.distributed._tree import reduce_chunks
from latentfit.em.layout import Params
from latentfit.em.serialization import serialized
from latentfit.errors import ClusterError, DeclarationError, InputError

Step = Callable[..., Mapping[str, Any]]

# Number of parameters whose sums are remembered. The loop asks for the log-likelihood where it has
# asked for the E step, and for both where it has tried an extrapolation.
_REMEMBERED_EVALUATIONS = 8
# Largest difference, relative, between the statistics of all rows and the sum of those of two
# halves. Rounding errors are far smaller.
_ADDITIVITY_RELATIVE = 1e-6


class DistributedSteps:
    """An E step, its statistics and the log-likelihood as sums over all chunks.

    The sums at the same parameters are evaluated once.

    Parameters
    ----------
    data : ChunkedData
    survey : Survey
        Of these data.
    client : distributed.Client
    e_step, statistics : callable
    log_likelihood : callable, optional

    Attributes
    ----------
    has_log_likelihood : bool
    """

    def __init__(
        self,
        data: ChunkedData,
        survey: Survey,
        client: Any,
        e_step: Step,
        statistics: Step,
        log_likelihood: Callable[..., float] | None = None,
    ) -> None:
        masked = frozenset(name for name, (count, _) in survey.missing.items() if count)
        self._task = ChunkTask(data.load, e_step, statistics, log_likelihood, data.shared, masked)
        self._serial_task = serialized(self._task)
        self._data = data
        self._survey = survey
        self._client = client
        self._evaluations: OrderedDict[bytes, ChunkSums] = OrderedDict()
        self._cluster_error: ClusterError | None = None
        self.has_log_likelihood = log_likelihood is not None

    @property
    def m_step_data(self) -> "SharedData":
        """The data that the M step is given: the arguments that are not split."""
        return SharedData(self._data.shared, self._survey)

    def e_step(self, params: Params, data: Any = None) -> dict[str, np.ndarray]:
        """Return the sum of the statistics of all chunks; `data` are ignored.

        Raises
        ------
        ClusterError
            The cluster disappeared.
        StepError, DeclarationError
            A function failed on a chunk.
        """
        # The caller is given copies, because a step may modify its arguments.
        return {name: value.copy() for name, value in self._sums(params).statistics.items()}

    def log_likelihood(self, params: Params, data: Any = None) -> float:
        """Return the log-likelihood of all chunks, in nats; `data` are ignored.

        Raises
        ------
        ClusterError, StepError, DeclarationError
            As in `e_step`.
        """
        value = self._sums(params).log_likelihood
        assert value is not None
        return value

    def known_log_likelihood(self, params: Mapping[str, Any]) -> float | None:
        """Return the log-likelihood if it has already been evaluated at these parameters."""
        sums = self._evaluations.get(_key(params))
        return sums.log_likelihood if sums is not None else None

    def check_additivity(self, params: Mapping[str, Any]) -> None:
        """Check on the sample that the sums of even and odd rows add up to those of all rows.

        Parameters
        ----------
        params : mapping
            ``{name: array_like}``, natural scale.

        Raises
        ------
        DeclarationError
            They do not: the statistics or the log-likelihood are not sums over rows.
        """
        rows = next(iter(self._survey.sample.values()))
        start = {name: np.asarray(value, dtype=float) for name, value in params.items()}
        if len(rows) < 4:
            return
        try:
            whole, *halves = (
                evaluate(
                    self._task,
                    start,
                    chunk_arguments(
                        {name: array[part] for name, array in self._survey.sample.items()},
                        self._task.shared,
                        self._task.masked,
                    ),
                )
                for part in (slice(None), slice(0, None, 2), slice(1, None, 2))
            )
        except Exception:
            # The same error will be raised, with its location, by the first evaluation of the run.
            return
        for name, value in _entries(whole).items():
            a, b = (_entries(half).get(name) for half in halves)
            if a is None or b is None or not _is_sum(value, a, b):
                raise DeclarationError(
                    f"{name} of all rows is not the sum of {name} of two halves of the rows: "
                    f"data in chunks need statistics and a log-likelihood that add over rows"
                )

    def _sums(self, params: Params) -> ChunkSums:
        key = _key(params)
        if key in self._evaluations:
            self._evaluations.move_to_end(key)
            return self._evaluations[key]
        if self._cluster_error is not None:
            # The cluster will not come back while the loop tries something else.
            raise self._cluster_error
        try:
            sums = self._evaluate({name: np.array(value) for name, value in params.items()})
        except ClusterError as error:
            self._cluster_error = error
            raise
        self._evaluations[key] = sums
        if len(self._evaluations) > _REMEMBERED_EVALUATIONS:
            self._evaluations.popitem(last=False)
        return sums

    def _evaluate(self, params: Params) -> ChunkSums:
        sums: ChunkSums | None = reduce_chunks(
            self._client, _run_task, _combine, self._serial_task, params, self._data
        )
        if sums is None:
            raise InputError("the data no longer have any rows")
        return sums


class SharedData(dict[str, Any]):
    """The data that the M step is given: ``{argument: array}`` of the arguments that are not split.

    Parameters
    ----------
    shared : mapping
    survey : Survey

    Attributes
    ----------
    size : int
        Number of values in all arguments, split or not.
    """

    def __init__(self, shared: Mapping[str, np.ndarray], survey: Survey) -> None:
        super().__init__(shared)
        self._split = tuple(survey.sample)
        self.size = survey.values

    def __missing__(self, name: str) -> Any:
        """Raise an error that says why an argument is not available."""
        if name in self._split:
            raise DeclarationError(
                f"m_step uses data[{name!r}], whose rows are on the cluster: compute what it needs "
                f"of them, including their number, in statistics"
            )
        raise KeyError(name)


def _run_task(
    serial_task: bytes, params: Params, label: str, chunk: Any, number: int
) -> ChunkSums | None:
    return run_chunk_task(serial_task, params, label, chunk)


def _combine(params: Params, found: Sequence[ChunkSums | None]) -> ChunkSums | None:
    return sum_of_chunks(found)


def _entries(sums: ChunkSums) -> dict[str, np.ndarray]:
    named = {f"statistics[{name!r}]": value for name, value in sums.statistics.items()}
    if sums.log_likelihood is not None:
        named["log_likelihood"] = np.asarray(sums.log_likelihood)
    return named


def _is_sum(value: np.ndarray, a: np.ndarray, b: np.ndarray) -> bool:
    if not value.shape == a.shape == b.shape:
        return False
    scale = np.max(np.abs(a) + np.abs(b), initial=0.0)
    tolerance = _ADDITIVITY_RELATIVE * scale
    return bool(np.allclose(value, a + b, rtol=0, atol=tolerance, equal_nan=True))


def _key(params: Mapping[str, Any]) -> bytes:
    return b"".join(np.asarray(value, dtype=float).tobytes() for value in params.values())
