"""Which tables are worth compiled code.

NumPy takes some milliseconds for an iteration over tables of this size, and Numba some tenths of a
second to be imported and to find what it compiled before, seconds if it has to compile. Smaller
tables are therefore left to NumPy. This depends on the arguments alone, never on what was called
before: the same call has the same result, to the last bit.
"""

# Rows times components times columns, or for a chain times states twice.
ENTRIES = 20_000
# Of all sequences of different lengths: each is a step of Python's.
TIMES = 500


def compiling(entries: int) -> bool:
    """Whether arithmetic on so many numbers is left to compiled code."""
    return entries >= ENTRIES


def compiling_recursion(times: int) -> bool:
    """Whether a recursion of so many steps is left to compiled code."""
    return times >= TIMES
