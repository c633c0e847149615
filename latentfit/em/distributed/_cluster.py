"""Connections to Dask clusters."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from latentfit.errors import InputError
from latentfit.supervision import interrupts_ignored

# The errors of tasks are raised in this process. What workers log when they are ended in the middle
# of a task is no news.
_QUIET_WORKERS = {
    "distributed.nanny.pre-spawn-environ.DASK_LOGGING__DISTRIBUTED": "critical",
}


def client_of(executor: Any = None) -> Any:
    """Return the Dask client through which distributed data are fitted.

    Parameters
    ----------
    executor : distributed.Client, optional
        By default the current client.

    Raises
    ------
    InputError
        There is no client, the executor is not one, or Dask is not installed.
    """
    dask = dask_distributed()
    if executor is None:
        try:
            return dask.default_client()
        except ValueError:
            raise InputError(
                "data in chunks are fitted on a Dask cluster, but no client is connected to one: "
                "distributed.Client() starts a cluster on this machine"
            ) from None
    if not isinstance(executor, dask.Client):
        raise InputError(
            f"data in chunks are fitted through a Dask client, not a {type(executor).__name__}"
        )
    return executor


@contextmanager
def local(workers: int | None = None) -> Iterator[Any]:
    """Provide a client of a cluster on this machine for the length of a ``with`` block.

    Parameters
    ----------
    workers : int, optional
        Number of processes, of one thread each; by default one for each core.

    Raises
    ------
    InputError
        Dask is not installed.
    """
    dask = dask_distributed()
    from dask import config

    count = workers or len(os.sched_getaffinity(0))
    with interrupts_ignored(), config.set(_QUIET_WORKERS):
        cluster = dask.LocalCluster(
            n_workers=count, threads_per_worker=1, processes=True, dashboard_address=None
        )
    with cluster, dask.Client(cluster) as client:
        yield client


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Provide a client of a running cluster for the length of a ``with`` block.

    Parameters
    ----------
    address : str
        Address of the scheduler, such as ``"tcp://127.0.0.1:8786"``.

    Raises
    ------
    InputError
        No scheduler answers at the address, or Dask is not installed.
    """
    dask = dask_distributed()
    try:
        client = dask.Client(address)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"no Dask scheduler answers at {address} ({reason})") from error
    with client:
        yield client


def dask_distributed() -> Any:
    """Import Dask's package `distributed`.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise InputError(
            "data in chunks need Dask, which is not installed: pip install 'latentfit[distributed]'"
        ) from None
    return distributed
