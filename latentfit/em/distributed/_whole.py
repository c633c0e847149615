"""The data as EM sees them: sums over all chunks at θ."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from latentfit.em.distributed._cluster import over_chunks
from latentfit.em.distributed._part import Parts
from latentfit.em.distributed._survey import Survey
from latentfit.em.distributed._task import Sums, Work, add, evaluate, evaluated, part_of
from latentfit.em.layout import Params
from latentfit.em.serialization import packed
from latentfit.errors import ClusterError, DeclarationError, InputError

Step = Callable[..., Mapping[str, Any]]

# θ at which the sums are remembered: the loop asks for the log-likelihood where it has asked for
# the E step, and for both where an extrapolation was tried.
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
        # Copies, as a step may change what it is given.
        return {name: value.copy() for name, value in self._at(params).statistics.items()}

    def log_likelihood(self, params: Params, data: Any = None) -> float:
        """The log-likelihood of all chunks."""
        height = self._at(params).log_likelihood
        assert height is not None
        return height

    def known(self, params: Mapping[str, Any]) -> float | None:
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
        try:
            found = self._evaluated({name: np.array(value) for name, value in params.items()})
        except ClusterError as error:
            self._gone = error
            raise
        self._found[key] = found
        if len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return found

    def _evaluated(self, params: Params) -> Sums:
        found: Sums | None = over_chunks(
            self._client, _evaluate, _add, self._packet, params, self._parts
        )
        if found is None:
            raise InputError("the data have no rows any more")
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
