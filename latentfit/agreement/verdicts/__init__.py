"""The verdicts of a comparison, one module each.

A module of this folder defines ``POSITION``, its place on the report, and
``verdict(evidence) -> Verdict | None``; None means that there is nothing to report. It is found by
being here: a new verdict is one new file, ``verdicts/NAME.py``, and its test. Verdicts that
compare with posterior draws set ``NEEDS_DRAWS = True``; they are withheld if the chains did not
converge.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from functools import cache
from types import ModuleType

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.results import Verdict

# The verdicts on whether EM reached the maximum of its objective.
_EM_VS_MAXIMUM = frozenset({"em_vs_mle", "em_vs_map"})


def all_verdicts(evidence: Evidence) -> tuple[Verdict, ...]:
    """Give every verdict that applies, in the order of the report.

    Verdicts that rest on posterior draws are withheld if the chains did not converge.
    """
    found = [
        (module, verdict)
        for module in _modules()
        if (verdict := module.verdict(evidence)) is not None
    ]
    failed = any(one.id == "chains" and one.status == "fail" for _, one in found)
    return tuple(
        withheld(verdict) if failed and getattr(module, "NEEDS_DRAWS", False) else verdict
        for module, verdict in found
    )


def agreement(verdicts: Sequence[Verdict]) -> bool | None:
    """Return whether EM agrees with direct optimisation and the posterior; None if withheld.

    False needs a verdict that failed, with the numbers that contradict each other. Agreement is
    withheld if the chains cannot be trusted, unless the derivation fails its check, and if EM could
    not be compared with the maximum of its objective.
    """
    failed = {verdict.id for verdict in verdicts if verdict.status == "fail"}
    if "chains" in failed and "check" not in failed:
        return None
    if failed:
        return False
    not_compared = any(v.status == "skip" and v.id in _EM_VS_MAXIMUM for v in verdicts)
    return None if not_compared else True


def withheld(verdict: Verdict) -> Verdict:
    """Withhold a verdict, because the chains did not converge."""
    return Verdict(
        verdict.id,
        "skip",
        "No verdict against the posterior",
        "withheld, because the chains cannot be trusted: more tuning, more draws or a tighter "
        "prior may help",
    )


@cache
def _modules() -> tuple[ModuleType, ...]:
    modules = [
        importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules(__path__)
        if not info.name.startswith("_")
    ]
    return tuple(sorted(modules, key=lambda module: module.POSITION))
