"""Random latent-variable models, their likelihood by brute force, and EM steps for them.

`_specification` says what a random model consists of and draws one; `_declaration` writes it as a
PyMC model; `_brute_force` computes its log-likelihood with NumPy and SciPy alone; `_steps` has the
EM algorithm that follows from a declaration, and wrong versions of it.
"""

from random_declarations._brute_force import log_likelihood
from random_declarations._declaration import declare
from random_declarations._simulation import draw_data, draw_params
from random_declarations._specification import Specification, draw_specification
from random_declarations._steps import Steps, change, declared_steps

__all__ = [
    "Specification",
    "Steps",
    "change",
    "declare",
    "declared_steps",
    "draw_data",
    "draw_params",
    "draw_specification",
    "log_likelihood",
]
