"""Room on Python's stack, so that calls deep down do not fetch it from the system each time.

CPython keeps its frames in chunks of 16 KiB. Where a loop happens to run just at the end of one,
every call in it maps a new chunk and every return gives it back: half a million system calls in
the rewriting of one PyTensor graph have been seen, more time than everything else together.
Whether it happens is a matter of how deep the stack is, and of luck. A frame that does not fit
into a chunk is given one of twice its size at least, and what it leaves is for those it calls.
"""

from collections.abc import Callable
from types import FunctionType

# In pointers: 512 KiB, which leaves as much again.
_SIZE = 2**16


def with_room[T](work: Callable[[], T]) -> T:
    """What `work` returns, called with room for a few thousand frames in one chunk."""
    roomy = FunctionType(_call.__code__.replace(co_stacksize=_SIZE), globals())
    result: T = roomy(work)
    return result


def _call(work: Callable[[], object]) -> object:
    return work()
