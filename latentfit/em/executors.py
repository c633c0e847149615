"""Many runs side by side, on whatever has the interface of `concurrent.futures.Executor`."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import Any

from latentfit.em.primitives import threads
from latentfit.em.serialization import packed, unpacked
from latentfit.errors import ClusterError

# Items that are handed over before the first of them has come back.
_AHEAD = 64


def each[T, R](function: Callable[[T], R], items: Iterable[T], executor: Any = None) -> Iterator[R]:
    """``function(item)`` of every item, in their order.

    Parameters
    ----------
    function : callable
        It goes to the executor's processes by value where it cannot be imported there.
    items : iterable
        Taken from as they are needed: not many more are in memory than are being worked on.
    executor : Executor or Dask client, optional
        Such as a ``ProcessPoolExecutor``, or anything with a method ``get_executor``. Without it
        the function is called here, one item after the other.

    Yields
    ------
    object
        What `function` returned. Where it raised, so does this, and what was not begun is not.

    Raises
    ------
    ClusterError
        The executor is shut down, or lost its workers.

    Examples
    --------
    >>> import latentfit
    >>> from latentfit import em
    >>> model = latentfit.load("genetic-linkage")
    >>> drawn = model.draw({"theta": 0.5}, samples=2, seed=1)
    >>> [float(fit.params["theta"].round(2)) for fit in em.each(model.fit, drawn)]
    [0.46, 0.46]
    """
    if executor is None:
        yield from map(function, items)
        return
    pool = executor.get_executor(pure=False) if hasattr(executor, "get_executor") else executor
    packet = packed(function)
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(_submitted(pool, packet, packed(item)))
            if len(waiting) > _AHEAD:
                yield _result(waiting)
        while waiting:
            yield _result(waiting)
    finally:
        for future in waiting:
            future.cancel()


def lost(error: BaseException) -> bool:
    """Whether an error says that workers are gone, and nothing about what they were doing."""
    home = type(error).__module__.partition(".")[0]
    return isinstance(error, BrokenExecutor | CancelledError) or home == "distributed"


def _submitted(pool: Any, packet: bytes, item: bytes) -> "Future[Any]":
    try:
        future: Future[Any] = pool.submit(_applied, packet, item)
    except RuntimeError as error:  # how executors say that they have been shut down
        raise ClusterError(f"the executor takes no more work ({_brief(error)})") from error
    return future


def _result[R](waiting: "deque[Future[R]]") -> R:
    try:
        result = waiting[0].result()
    except BaseException as error:
        if lost(error):
            raise ClusterError(f"the executor has lost its workers ({_brief(error)})") from error
        raise
    waiting.popleft()
    return result


def _applied(packet: bytes, item: bytes) -> Any:
    with threads(1):
        return unpacked(packet)(unpacked(item))


def _brief(error: BaseException) -> str:
    reason = " ".join(str(error).split())
    return f"{type(error).__name__}{': ' if reason else ''}{reason[:200]}"
