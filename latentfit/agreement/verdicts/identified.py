"""Verdict: which parameters the data identify, and so which ones agreement is judged on."""

from latentfit.agreement.evidence import Evidence
from latentfit.agreement.identified import Judged
from latentfit.agreement.results import Verdict
from latentfit.agreement.verdicts._words import listed

POSITION = 20


def verdict(evidence: Evidence) -> Verdict | None:
    """Say what agreement is judged on; None if that is all parameters as they are."""
    return of_judged(evidence.judged)


def of_judged(judged: Judged) -> Verdict | None:
    """The verdict from what is identified."""
    signs = (
        f"{listed(judged.signs)} can change sign without changing log p(x | θ): MLE, MAP and "
        f"draws are given the sign of EM's estimate"
        if judged.signs
        else ""
    )
    if not judged.missing:
        if not signs:
            return None
        return Verdict("identified", "pass", "The parameters are identified up to sign", signs)
    several = "s" if judged.directions > 1 else ""
    plural = len(judged.missing) > 1
    free = f"{listed(judged.missing)} {'are' if plural else 'is'} not determined"
    where = (
        f"log p(x | θ) is constant along {judged.directions} direction{several} through its "
        f"maximum, so that {free}"
        if judged.directions
        else f"log p(x | θ) does not change when signs change, so that {free}"
    )
    rest = (
        f"agreement is judged on {listed(judged.stand_ins)}"
        if judged.judged
        else "only log-likelihoods are compared; an identified Deterministic in the declaration "
        "would be compared too"
    )
    return Verdict(
        "identified",
        "warn",
        "Not every parameter is identified",
        "; ".join(filter(None, (where, rest, signs))),
    )
