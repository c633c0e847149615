"""``contract.returns``: each call returns a mapping, in time and without an error."""

from collections.abc import Iterator, Mapping

from latentfit.check.contract._breaches import Breach
from latentfit.check.contract._calling import Call


def validate(call: Call) -> Iterator[Breach]:
    """Yield a breach if the call failed or returned anything but a mapping."""
    function, result = call.function, call.result
    if call.failed:
        evidence = {"raised": not call.timed_out}
        yield Breach("returns", function, function, call.trial, result.message, evidence=evidence)
    elif not isinstance(result, Mapping):
        returned = "nothing" if result is None else f"a value of type {type(result).__name__}"
        hint = "does the function have a return statement?" if result is None else None
        message = f"{function} returns {returned}; a mapping {{name: array}} is expected"
        yield Breach("returns", function, function, call.trial, message, hint)
