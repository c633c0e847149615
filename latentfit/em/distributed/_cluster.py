"""One task a chunk and a tree above them, on the cluster that a client is connected to."""

import os
import pickle
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from latentfit.em.distributed._part import Parts
from latentfit.em.executors import lost
from latentfit.errors import ClusterError, InputError, LatentfitError

# Results that are added in one task.
_FAN = 16
# How often, in seconds, it is asked whether anybody is still there; how long nobody may be.
_GLANCE_S = 1.0
_PATIENCE_S = 60.0


def client_of(executor: Any = None) -> Any:
    """The client of Dask that is meant: this one, or the current one.

    Raises
    ------
    InputError
        There is none, or Dask is not installed.
    """
    dask = _dask()
    if executor is None:
        try:
            return dask.default_client()
        except ValueError:
            raise InputError(
                "data in chunks are fitted on a Dask cluster, and no client is connected to one: "
                "distributed.Client() connects to one of this machine's own"
            ) from None
    if not isinstance(executor, dask.Client):
        raise InputError(
            f"data in chunks are fitted through a Dask client, not a {type(executor).__name__}"
        )
    return executor


@contextmanager
def local(workers: int | None = None) -> Iterator[Any]:
    """A client of a cluster of this machine's own, for the length of a ``with`` block.

    Parameters
    ----------
    workers : int, optional
        Processes of one thread each; by default one a core.
    """
    dask = _dask()
    count = workers or len(os.sched_getaffinity(0))
    with (
        dask.LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        dask.Client(cluster) as client,
    ):
        yield client


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """A client of the cluster whose scheduler has an address, for the length of a ``with`` block.

    Raises
    ------
    InputError
        Nobody answers there.
    """
    dask = _dask()
    try:
        client = dask.Client(address)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"no scheduler of Dask answers at {address} ({reason})") from error
    with client:
        yield client


def _dask() -> Any:
    try:
        import distributed
    except ImportError:
        raise InputError(
            "data in chunks need Dask, which is not installed: pip install 'latentfit[distributed]'"
        ) from None
    return distributed


def over_chunks(
    client: Any,
    task: Callable[..., Any],
    together: Callable[..., Any],
    packet: bytes,
    argument: Any,
    parts: Parts,
) -> Any:
    """``together(argument, [...])`` of what ``task`` returns for each chunk, by a tree.

    Parameters
    ----------
    client : distributed.Client
    task : callable
        ``task(packet, argument, label, chunk, number)``.
    together : callable
        ``together(argument, results)``, of neighbours, in order.
    packet, argument
        Of every task.
    parts : Parts

    Raises
    ------
    ClusterError
        The cluster went away.
    LatentfitError
        As the tasks raise them.
    """
    from dask.delayed import Delayed
    from dask.highlevelgraph import HighLevelGraph

    # A graph by hand: a thousand calls of `dask.delayed` take seconds.
    name = f"latentfit-{uuid.uuid4().hex}"
    same, theirs = f"{name}-same", f"{name}-argument"
    graph: dict[Any, Any] = {same: packet, theirs: pickle.dumps(argument)}
    row: list[Any] = []
    for number, (label, chunk) in enumerate(zip(parts.labels, parts.chunks, strict=True)):
        row.append((f"{name}-chunk", number))
        given = getattr(chunk, "key", chunk)
        graph[row[-1]] = (_task, task, same, theirs, label, given, number)
    level = 0
    while level == 0 or len(row) > 1:
        above = []
        for number, first in enumerate(range(0, len(row), _FAN)):
            above.append((f"{name}-sum-{level}", number))
            graph[above[-1]] = (_joined, together, theirs, row[first : first + _FAN])
        row, level = above, level + 1
    graph[name] = row[0]
    needed: list[Any] = [chunk for chunk in parts.chunks if isinstance(chunk, Delayed)]
    whole = HighLevelGraph.from_collections(name, graph, dependencies=needed)
    return _result(client, Delayed(name, whole))


def _task(
    task: Callable[..., Any], packet: bytes, argument: bytes, label: str, chunk: Any, number: int
) -> Any:
    return task(packet, pickle.loads(argument), label, chunk, number)


def _joined(together: Callable[..., Any], argument: bytes, results: list[Any]) -> Any:
    return together(pickle.loads(argument), results)


def _result(client: Any, wanted: Any) -> Any:
    """What a task returns; nothing of it is left on the cluster, whatever happens."""
    distributed = _dask()
    future = None
    alone_since = None
    try:
        future = client.compute(wanted, optimize_graph=False)
        while True:
            try:
                distributed.wait(future, timeout=_GLANCE_S)
                return future.result()
            except distributed.TimeoutError:
                if future.done():
                    raise
            if client.status in ("closed", "closing"):
                raise ClusterError("the client is closed")
            if client.nthreads():
                alone_since = None
                continue
            alone_since = alone_since or time.monotonic()
            if time.monotonic() - alone_since > _PATIENCE_S:
                raise ClusterError(f"the cluster has had no workers for {_PATIENCE_S:.0f} s")
    except LatentfitError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        said = f"{type(error).__name__}{': ' if reason else ''}{reason}"
        raised = future is not None and future.status == "error"
        if type(error).__name__ == "KilledWorker":
            what = "workers died of a chunk, of which there may be more than they have memory for"
        elif lost(error) or (isinstance(error, OSError | RuntimeError) and not raised):
            what = "the cluster went away"
        else:
            raise InputError(f"the data could not be computed ({said})") from error
        raise ClusterError(f"{what} ({said})") from error
    finally:
        if future is not None and client.status == "running":
            future.cancel()
