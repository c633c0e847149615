"""``contract.arguments`` and ``contract.state``: a step changes nothing and remembers nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from latentfit.check.calls import Failure
from latentfit.check.contract._breaches import Breach
from latentfit.check.contract._calling import Call
from latentfit.check.contract._equality import equal
from latentfit.check.contract._words import listed

# Relative: the threads of a BLAS may add the same numbers in another order the next time.
_SAME_RESULT_RELATIVE = 1e-12


def validate_arguments(call: Call) -> Iterator[Breach]:
    """Yield a breach if the step changed its arguments."""
    if call.changed:
        function = call.function
        yield Breach(
            "arguments",
            function,
            function,
            call.trial,
            f"{function} changes its arguments: after the call {', '.join(call.changed)} "
            f"{'is' if len(call.changed) == 1 else 'are'} not what {function} was given",
            "an assignment in place, such as x -= ... or x[...] = ..., changes the caller's "
            "array: work on a copy",
        )


def validate_repetition(call: Call, second: Any) -> Iterator[Breach]:
    """Yield a breach if the same call returned a different result the second time.

    Parameters
    ----------
    call : Call
    second : object
        What the step returned when it was called again with the same arguments.
    """
    function = call.function
    if isinstance(second, Failure):
        message = (
            f"{function} fails when it is called again with the same arguments: {second.message}"
        )
    elif not (isinstance(call.result, Mapping) and isinstance(second, Mapping)):
        return
    else:
        first = call.result
        different = [
            str(name)
            for name in dict.fromkeys((*first, *second))
            if name not in first
            or name not in second
            or not equal(first[name], second[name], _SAME_RESULT_RELATIVE)
        ]
        if not different:
            return
        message = (
            f"{function} returns a different {listed(different)} when it is called again with "
            f"the same arguments"
        )
    hint = "does the function draw random numbers, or keep values from one call to the next?"
    yield Breach("state", function, function, call.trial, message, hint)
