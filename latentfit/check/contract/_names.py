"""``contract.names``: the E step returns every expectation, the M step exactly the parameters."""

import difflib
from collections.abc import Iterator, Sequence

from latentfit.check.contract._breaches import Breach
from latentfit.check.contract._calling import Call
from latentfit.check.contract._words import listed

# Similarity of two names, from 0 to 1 as `difflib` measures it, from which one may be meant to be
# the other.
_SIMILAR_NAMES = 0.5


def validate_expectations(call: Call, required: Sequence[str]) -> Iterator[Breach]:
    """Yield a breach for each required expectation that the E step does not return."""
    verb = "is" if len(required) == 1 else "are"
    for name in required:
        if name not in call.result:
            message = (
                f"e_step returns no expectation {name!r}: it returns {listed(call.result)}, "
                f"and {listed(required)} {verb} expected"
            )
            hint = _misspelt(name, [key for key in call.result if key not in required])
            yield Breach("names", "e_step", name, call.trial, message, hint)


def validate_params(call: Call) -> Iterator[Breach]:
    """Yield a breach for each parameter that the M step leaves out or invents."""
    params, result = call.trial.params, call.result
    expected = f"exactly {listed(params)} are expected"
    unknown = [str(name) for name in result if name not in params]
    for name in params:
        if name not in result:
            message = f"m_step returns no {name!r}: it returns {listed(result)}; {expected}"
            hint = _misspelt(name, unknown)
            yield Breach("names", "m_step", name, call.trial, message, hint)
    for name in unknown:
        message = f"m_step returns {name!r}, which is not a parameter; {expected}"
        yield Breach("names", "m_step", name, call.trial, message)


def _misspelt(name: str, others: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(name, map(str, others), n=1, cutoff=_SIMILAR_NAMES)
    meant = near or (list(others) if len(others) == 1 else [])
    return f"is {meant[0]!r} meant to be {name!r}?" if meant else None
