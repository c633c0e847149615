"""Declare a latent-variable model: a PyMC model, its data, and its parameters on two scales.

This package exports what users of the library need. The submodules without an underscore hold what
the other packages of latentfit use besides: `contract`, `source`, `data`, `csv_table`, `columns`
and `compilation`. PyMC is imported when a name that needs it is first used.
"""

from typing import TYPE_CHECKING

import lazy_loader

from latentfit.declaration._catalogue import CatalogueEntry, catalogue
from latentfit.declaration._labels import Params, labels
from latentfit.declaration.columns import read_columns
from latentfit.declaration.data import Data

if TYPE_CHECKING:
    from latentfit.declaration._declaration import Declaration, declare
    from latentfit.declaration._parameter_space import parameter_space
    from latentfit.declaration._sampling import DataSampler, data_sampler
    from latentfit.declaration._space import Space

__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_declaration": ["Declaration", "declare"],
        "_parameter_space": ["parameter_space"],
        "_sampling": ["DataSampler", "data_sampler"],
        "_space": ["Space"],
    },
)

__all__ = [
    "CatalogueEntry",
    "Data",
    "DataSampler",
    "Declaration",
    "Params",
    "Space",
    "catalogue",
    "data_sampler",
    "declare",
    "labels",
    "parameter_space",
    "read_columns",
]
