"""EM on a Dask cluster: E steps run where the data are, the M step in this process.

EM needs the data only through two functions of θ: the sums over units that its M step takes, and
the log-likelihood. Both add over disjoint parts of the rows,

    T(θ) = Σ_c T(x_c, θ),    log p(x | θ) = Σ_c log p(x_c | θ),

so that each part c, a *chunk*, can be processed where it is. An evaluation at θ consists of one
task for each chunk, which computes the E step, its statistics and the log-likelihood, and of a tree
of tasks that adds the results. The loop with its stopping criteria and its acceleration is that of
`latentfit.em.run`. Results are added in the order of the chunks, however many workers there are, so
that the same chunks always give the same digits.

Nothing is stored on the workers: every evaluation reads a Parquet file again, and computes a Dask
collection from its graph. A worker needs memory for one or two chunks and for what the E step
computes from them. Data that fit into the workers' memory are processed faster after
``x = x.persist()``.

Dask is imported when it is first needed.
"""

from typing import TYPE_CHECKING

import lazy_loader

from latentfit.em.distributed._recognition import is_distributed

if TYPE_CHECKING:
    from latentfit.em.distributed._chunked_data import ChunkedData
    from latentfit.em.distributed._cluster import client_of, connect, local
    from latentfit.em.distributed._distributed_steps import DistributedSteps
    from latentfit.em.distributed._fit import fit, run
    from latentfit.em.distributed._sources import chunked_data
    from latentfit.em.distributed._survey import Survey, survey

__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_chunked_data": ["ChunkedData"],
        "_cluster": ["client_of", "connect", "local"],
        "_distributed_steps": ["DistributedSteps"],
        "_fit": ["fit", "run"],
        "_sources": ["chunked_data"],
        "_survey": ["Survey", "survey"],
    },
)

__all__ = [
    "ChunkedData",
    "DistributedSteps",
    "Survey",
    "chunked_data",
    "client_of",
    "connect",
    "fit",
    "is_distributed",
    "local",
    "run",
    "survey",
]
