"""EM where the data are: E steps on a Dask cluster, the M step here.

EM sees the data through two functions of θ alone: the sums over the units that its M step takes,
and the log-likelihood. Both add over disjoint parts of the rows,

    T(θ) = Σ_c T(x_c, θ),    log p(x | θ) = Σ_c log p(x_c | θ),

so that each part c, a *chunk*, can be visited where it is. An evaluation at θ is one task a chunk,
in which the E step, its statistics and the log-likelihood are computed in one go, and a tree of
sums; the loop, its stopping and its acceleration are those of `em.run`. Chunks are added in their
order, however many workers there are, so that the same chunks give the same digits.

Nothing is kept on the workers that was not there before: a Parquet file is read once more in each
evaluation, a Dask collection is computed from its graph. What a worker needs in memory is a chunk
or two and what the E step makes of them. Data that fit the workers' memory are faster persisted:
``x = x.persist()``.

Knows Dask and NumPy, and nothing of PyMC. Dask is imported when it is used.
"""

from typing import TYPE_CHECKING

import lazy_loader

from latentfit.em.distributed._recognise import is_apart

if TYPE_CHECKING:
    from latentfit.em.distributed._cluster import client_of, connect, local
    from latentfit.em.distributed._fit import fit, run
    from latentfit.em.distributed._part import Parts
    from latentfit.em.distributed._parts import parts
    from latentfit.em.distributed._survey import Survey, survey
    from latentfit.em.distributed._whole import Whole

__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_cluster": ["client_of", "connect", "local"],
        "_fit": ["fit", "run"],
        "_part": ["Parts"],
        "_parts": ["parts"],
        "_survey": ["Survey", "survey"],
        "_whole": ["Whole"],
    },
)

__all__ = [
    "Parts",
    "Survey",
    "Whole",
    "client_of",
    "connect",
    "fit",
    "is_apart",
    "local",
    "parts",
    "run",
    "survey",
]
