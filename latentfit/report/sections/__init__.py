"""The sections of the report, one module each.

A module of this folder defines ``POSITION``, its place in the report, and
``section(comparison) -> ReportSection | None``, with None if it has nothing to show for this
comparison. It is found by being in this folder: a new section is one new file,
``sections/NAME.py``. Its HTML comes from a template, which stands at the head of the module and is
rendered by `latentfit.report.templating.render`.
"""

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentfit.agreement import Comparison
    from latentfit.report.section import ReportSection


def all_sections(comparison: "Comparison") -> "tuple[ReportSection, ...]":
    """Make every section that has something to show, in the order of the report.

    To be called within `latentfit.report.pictures.report_style`, since sections draw pictures.
    """
    found = (module.section(comparison) for module in _modules())
    return tuple(section for section in found if section is not None)


@cache
def _modules() -> tuple[ModuleType, ...]:
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.name.startswith("_")
    ]
    return tuple(sorted(modules, key=lambda module: module.POSITION))
