"""Run a function in a frame so large that the calls below it need no further stack memory.

CPython keeps its frames in chunks of 16 KiB. If a loop runs just at the end of a chunk, each call
in it maps a new chunk and each return unmaps it. The rewriting of a single PyTensor graph has made
half a million system calls this way, which took longer than everything else together. Whether that
happens depends on the depth of the stack. A frame that does not fit into a chunk gets a chunk of at
least twice its size, and the calls below it use the rest of that chunk.
"""

from collections.abc import Callable
from types import FunctionType

# Evaluation stack of the frame, in pointers of 8 bytes: 512 KiB, so that CPython allocates at
# least 1 MiB.
_STACK_SIZE_POINTERS = 2**16


def call_in_large_frame[T](work: Callable[[], T]) -> T:
    """Call `work` from a frame that leaves room for a few thousand frames in its chunk.

    Exceptions propagate.
    """
    large = FunctionType(_call.__code__.replace(co_stacksize=_STACK_SIZE_POINTERS), globals())
    result: T = large(work)
    return result


def _call(work: Callable[[], object]) -> object:
    return work()
