"""Parallel evaluation with any executor that has the interface of `concurrent.futures`."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import Any

from latentfit.em.primitives import threads
from latentfit.em.serialization import deserialized, serialized
from latentfit.errors import ClusterError, reason_of

# More submitted items would only take up memory: no executor works on as many at the same time.
_MAX_PENDING_ITEMS = 64


def each[T, R](function: Callable[[T], R], items: Iterable[T], executor: Any = None) -> Iterator[R]:
    """Evaluate ``function(item)`` for every item and yield the results in the order of the items.

    Parameters
    ----------
    function : callable
        It is sent to the executor's processes by value if they cannot import it.
    items : iterable
        Consumed as needed, so that few items more than are being processed are in memory.
    executor : Executor or Dask client, optional
        For example a ``ProcessPoolExecutor``, or any object with a method ``get_executor``.
        Without an executor the function is called in this process, one item after the other.

    Yields
    ------
    object
        What `function` returned. Exceptions propagate, and items that have not been started are
        then cancelled.

    Raises
    ------
    ClusterError
        The executor was shut down or lost its workers.

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
    serial_function = serialized(function)
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(_submit(pool, serial_function, serialized(item)))
            if len(pending) > _MAX_PENDING_ITEMS:
                yield _next_result(pending)
        while pending:
            yield _next_result(pending)
    finally:
        for future in pending:
            future.cancel()


def lost_workers(error: BaseException) -> bool:
    """Whether an error means that workers disappeared, rather than that their task failed."""
    package = type(error).__module__.partition(".")[0]
    return isinstance(error, BrokenExecutor | CancelledError) or package == "distributed"


def _submit(pool: Any, serial_function: bytes, serial_item: bytes) -> "Future[Any]":
    try:
        future: Future[Any] = pool.submit(_apply, serial_function, serial_item)
    except RuntimeError as error:  # executors raise it after they have been shut down
        raise ClusterError(f"the executor accepts no more work ({reason_of(error)})") from error
    return future


def _next_result[R](pending: "deque[Future[R]]") -> R:
    try:
        result = pending[0].result()
    except BaseException as error:
        if lost_workers(error):
            raise ClusterError(f"the executor lost its workers ({reason_of(error)})") from error
        raise
    pending.popleft()
    return result


def _apply(serial_function: bytes, serial_item: bytes) -> Any:
    with threads(1):
        return deserialized(serial_function)(deserialized(serial_item))
