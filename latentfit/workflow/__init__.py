"""The jobs that latentfit does, one module each, which show all steps of a command on one page.

| module | job |
|---|---|
| `fit` | EM alone, on data in memory |
| `fit_chunks` | EM on a Dask cluster, on data in chunks |
| `check` | whether a derivation is right, and if not, where it is wrong |
| `compare` | EM, MLE, MAP and posterior side by side |
| `select` | one model at several values of an option |
| `standard_errors`, `bootstrap` | the uncertainty of EM's estimate |
| `draw` | new data from the model |
| `options` | settings of EM, of the sampler and of the check |
| `bound_model`, `_starts` | data and starts, which most jobs need |
| `_posterior`, `_assemble` | parts of `compare` |

Each job takes a `ModelDefinition`, data, and settings, which are the fields of the option classes
in `options` and the options of the model. Modules are imported on first use, so that `fit` runs
without PyMC.
"""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from latentfit.workflow.bootstrap import bootstrap_estimate
    from latentfit.workflow.bound_model import bind, declare, matrix_arguments, maximise
    from latentfit.workflow.check import build_reference, check_derivation
    from latentfit.workflow.compare import compare_estimates
    from latentfit.workflow.draw import draw_data
    from latentfit.workflow.fit import fit_model
    from latentfit.workflow.options import CheckOptions, FitOptions, SamplerOptions
    from latentfit.workflow.select import select_value
    from latentfit.workflow.standard_errors import observed_information_errors

__getattr__, _, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "bootstrap": ["bootstrap_estimate"],
        "bound_model": ["bind", "declare", "matrix_arguments", "maximise"],
        "check": ["build_reference", "check_derivation"],
        "compare": ["compare_estimates"],
        "draw": ["draw_data"],
        "fit": ["fit_model"],
        "options": ["CheckOptions", "FitOptions", "SamplerOptions"],
        "select": ["select_value"],
        "standard_errors": ["observed_information_errors"],
    },
)

__all__ = [
    "CheckOptions",
    "FitOptions",
    "SamplerOptions",
    "bind",
    "bootstrap_estimate",
    "build_reference",
    "check_derivation",
    "compare_estimates",
    "declare",
    "draw_data",
    "fit_model",
    "matrix_arguments",
    "maximise",
    "observed_information_errors",
    "select_value",
]
