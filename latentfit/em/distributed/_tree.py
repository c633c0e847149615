"""One task for each chunk on a Dask cluster, and a tree of tasks that combines their results."""

import pickle
import time
import uuid
from collections.abc import Callable
from typing import Any

from latentfit.em.distributed._chunked_data import ChunkedData
from latentfit.em.distributed._cluster import dask_distributed
from latentfit.em.executors import lost_workers
from latentfit.errors import ClusterError, InputError, LatentfitError, reason_of

# Number of results that one task of the tree combines.
_RESULTS_PER_TASK = 16
_POLL_INTERVAL_S = 1.0
# How long a cluster may be without any worker.
_MAX_TIME_WITHOUT_WORKERS_S = 60.0


def reduce_chunks(
    client: Any,
    task: Callable[..., Any],
    combine: Callable[..., Any],
    serial_functions: bytes,
    argument: Any,
    data: ChunkedData,
) -> Any:
    """Run a task on every chunk and combine the results in a tree.

    Parameters
    ----------
    client : distributed.Client
    task : callable
        ``task(serial_functions, argument, label, chunk, number)`` returns a result.
    combine : callable
        ``combine(argument, results)`` combines the results of neighbouring chunks, in order.
    serial_functions : bytes
        Passed to every task.
    argument : object
        Passed to every task and every combination.
    data : ChunkedData

    Returns
    -------
    object
        The combination of all results.

    Raises
    ------
    ClusterError
        The cluster, or all of its workers, disappeared.
    InputError
        The data could not be computed.
    LatentfitError
        As raised by a task.
    """
    from dask.delayed import Delayed
    from dask.highlevelgraph import HighLevelGraph

    # The graph is built by hand, because a thousand calls of `dask.delayed` take seconds.
    name = f"latentfit-{uuid.uuid4().hex}"
    functions_key, argument_key = f"{name}-functions", f"{name}-argument"
    graph: dict[Any, Any] = {
        functions_key: serial_functions,
        argument_key: pickle.dumps(argument),
    }
    row: list[Any] = []
    for number, (label, chunk) in enumerate(zip(data.labels, data.chunks, strict=True)):
        row.append((f"{name}-chunk", number))
        given = getattr(chunk, "key", chunk)
        graph[row[-1]] = (_run, task, functions_key, argument_key, label, given, number)
    level = 0
    while level == 0 or len(row) > 1:
        above = []
        for number, first in enumerate(range(0, len(row), _RESULTS_PER_TASK)):
            above.append((f"{name}-combination-{level}", number))
            part = row[first : first + _RESULTS_PER_TASK]
            graph[above[-1]] = (_combine, combine, argument_key, part)
        row, level = above, level + 1
    graph[name] = row[0]
    dependencies: list[Any] = [chunk for chunk in data.chunks if isinstance(chunk, Delayed)]
    delayed: Any = Delayed
    return _result(
        client,
        delayed(name, HighLevelGraph.from_collections(name, graph, dependencies=dependencies)),
    )


def _run(
    task: Callable[..., Any],
    serial_functions: bytes,
    serial_argument: bytes,
    label: str,
    chunk: Any,
    number: int,
) -> Any:
    return task(serial_functions, pickle.loads(serial_argument), label, chunk, number)


def _combine(combine: Callable[..., Any], serial_argument: bytes, results: list[Any]) -> Any:
    return combine(pickle.loads(serial_argument), results)


def _result(client: Any, delayed: Any) -> Any:
    """Compute a task on the cluster, and leave nothing of it there in any case."""
    distributed = dask_distributed()
    future = None
    without_workers_since = None
    try:
        future = client.compute(delayed, optimize_graph=False)
        while True:
            try:
                distributed.wait(future, timeout=_POLL_INTERVAL_S)
                return future.result()
            except distributed.TimeoutError:
                if future.done():
                    raise
            if client.status in ("closed", "closing"):
                raise ClusterError("the client is closed")
            if client.nthreads():
                without_workers_since = None
                continue
            without_workers_since = without_workers_since or time.monotonic()
            if time.monotonic() - without_workers_since > _MAX_TIME_WITHOUT_WORKERS_S:
                raise ClusterError(
                    f"the cluster has had no workers for {_MAX_TIME_WITHOUT_WORKERS_S:.0f} s"
                )
    except LatentfitError:
        raise
    except Exception as error:
        described = reason_of(error)
        raised_by_task = future is not None and future.status == "error"
        if type(error).__name__ == "KilledWorker":
            problem = (
                "a chunk killed its workers, possibly because it needs more memory than they have"
            )
        elif lost_workers(error) or (
            isinstance(error, OSError | RuntimeError) and not raised_by_task
        ):
            problem = "the connection to the cluster was lost"
        else:
            raise InputError(f"the data could not be computed ({described})") from error
        raise ClusterError(f"{problem} ({described})") from error
    finally:
        if future is not None and client.status == "running":
            future.cancel()
