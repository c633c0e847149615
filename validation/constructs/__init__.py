"""PyMC constructs, each with its log-likelihood by an independent computation.

Each module without a leading underscore is a theme. Each function in it is a construct: it returns
`Works` (a model, its latents, its log-likelihood with NumPy and SciPy, and values of the
parameters) or `Refused` (a model, its latents, and a regular expression that the refusal matches).
The docstring of the function is the construct's title. A new construct is a new function; nothing
else has to be changed.
"""

import sys

from constructs._construct import Construct, Refused, Works, constructs_of
from constructs._evaluate import Row, evaluate
from constructs._page import page

__all__ = ["Construct", "Refused", "Row", "Works", "all_constructs", "evaluate", "page"]


def all_constructs() -> tuple[Construct, ...]:
    """List all constructs, theme by theme."""
    return constructs_of(sys.modules[__name__])
