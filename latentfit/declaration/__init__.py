"""Declare a latent-variable model: a PyMC model, its data, and its parameters on two scales.

This package exports what users of the library need. The submodules without an underscore hold what
the other packages of latentfit use besides: `contract`, `source`, `data`, `csv_table`, `columns`
and `compilation`. PyMC is imported when a name that needs it is first used.
"""

from typing import TYPE_CHECKING, Any

import lazy_loader

from latentfit.declaration._catalogue import CatalogueEntry, catalogue
from latentfit.declaration._labels import Params, labels
from latentfit.declaration.columns import assign_columns as assign
from latentfit.declaration.columns import bind_columns as bind
from latentfit.declaration.columns import read_columns
from latentfit.declaration.contract import check_latents
from latentfit.declaration.contract import model_signature as signature
from latentfit.declaration.csv_table import read_table
from latentfit.declaration.data import Data, check_missing
from latentfit.declaration.data import by_argument as by_name
from latentfit.declaration.data import cast_like as typed
from latentfit.declaration.data import check_missing_counts as check_holes
from latentfit.declaration.data import count_missing as holes
from latentfit.declaration.data import mask_missing as masked
from latentfit.declaration.data import numeric_array as numbers
from latentfit.declaration.data import validate_data as arrays
from latentfit.declaration.source import Source, read, read_derivation

if TYPE_CHECKING:
    from latentfit.declaration._declaration import Declaration, declare
    from latentfit.declaration._parameter_space import parameter_space
    from latentfit.declaration._parameter_space import parameter_space as space
    from latentfit.declaration._sampling import DataSampler, data_sampler
    from latentfit.declaration._sampling import DataSampler as Draw
    from latentfit.declaration._sampling import data_sampler as sampler
    from latentfit.declaration._space import Space
    from latentfit.declaration.compilation import compile_function as function
    from latentfit.declaration.compilation import double_precision
    from latentfit.declaration.compilation import interpreted_compilation as interpreting
    from latentfit.declaration.compilation import interpreted_mode as interpreted
    from latentfit.declaration.compilation import stabilise as stable
    from latentfit.declaration.compilation import with_numpy_rewrites as interpretable

_public_attribute, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_declaration": ["Declaration", "declare"],
        "_parameter_space": ["parameter_space"],
        "_sampling": ["DataSampler", "data_sampler"],
        "_space": ["Space"],
    },
)

# Old names, until the callers are rewritten: to be removed with their imports above.
_OLD_NAMES = {
    "Draw": ("_sampling", "DataSampler"),
    "double_precision": ("compilation", "double_precision"),
    "function": ("compilation", "compile_function"),
    "interpretable": ("compilation", "with_numpy_rewrites"),
    "interpreted": ("compilation", "interpreted_mode"),
    "interpreting": ("compilation", "interpreted_compilation"),
    "sampler": ("_sampling", "data_sampler"),
    "space": ("_parameter_space", "parameter_space"),
    "stable": ("compilation", "stabilise"),
}


def __getattr__(name: str) -> Any:
    if name in _OLD_NAMES:
        import importlib

        module, new_name = _OLD_NAMES[name]
        return getattr(importlib.import_module(f"{__name__}.{module}"), new_name)
    return _public_attribute(name)


__all__ = [  # noqa: RUF022 - in two groups
    # Public.
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
    # For other packages of latentfit, which are to import them from the submodules.
    "Draw",
    "Source",
    "arrays",
    "assign",
    "bind",
    "by_name",
    "check_holes",
    "check_latents",
    "check_missing",
    "double_precision",
    "function",
    "holes",
    "interpretable",
    "interpreted",
    "interpreting",
    "masked",
    "numbers",
    "read",
    "read_derivation",
    "read_table",
    "sampler",
    "signature",
    "space",
    "stable",
    "typed",
]
