"""One statement of the model: what it is made of, on which data, with which parameters.

Reading a model file and naming its data need no PyMC; building the model does, and that part
is imported when it is first asked for.
"""

from typing import TYPE_CHECKING

import lazy_loader

from latentfit.declaration._arguments import (
    Data,
    arrays,
    by_name,
    check_holes,
    check_latents,
    check_missing,
    holes,
    masked,
    numbers,
    signature,
    typed,
)
from latentfit.declaration._source import Entry, Source, catalogue, read, read_derivation
from latentfit.declaration._table import Table, assign, bind, read_columns, read_table

if TYPE_CHECKING:
    from latentfit.declaration._compile import (
        double_precision,
        function,
        interpretable,
        interpreted,
        interpreting,
        stable,
    )
    from latentfit.declaration._declaration import Declaration, declare
    from latentfit.declaration._draw import Draw, sampler
    from latentfit.declaration._space import Params, Space, labels, space

__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_compile": [
            "double_precision",
            "function",
            "interpretable",
            "interpreted",
            "interpreting",
            "stable",
        ],
        "_declaration": ["Declaration", "declare"],
        "_draw": ["Draw", "sampler"],
        "_space": ["Params", "Space", "labels", "space"],
    },
)

__all__ = [
    "Data",
    "Declaration",
    "Draw",
    "Entry",
    "Params",
    "Source",
    "Space",
    "Table",
    "arrays",
    "assign",
    "bind",
    "by_name",
    "catalogue",
    "check_holes",
    "check_latents",
    "check_missing",
    "declare",
    "double_precision",
    "function",
    "holes",
    "interpretable",
    "interpreted",
    "interpreting",
    "labels",
    "masked",
    "numbers",
    "read",
    "read_columns",
    "read_derivation",
    "read_table",
    "sampler",
    "signature",
    "space",
    "stable",
    "typed",
]
