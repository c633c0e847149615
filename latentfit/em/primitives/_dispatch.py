"""Decide whether a computation is done by NumPy or by compiled kernels.

On tables below these sizes NumPy takes a few milliseconds for an iteration. Importing Numba and
loading cached machine code takes some tenths of a second, and compiling takes seconds, so small
tables are left to NumPy. The decision depends on the sizes of the arguments alone and never on
earlier calls: the same call always returns the same bits.
"""

# Rows times components times columns; for a hidden Markov chain, rows times states squared.
MIN_COMPILED_ENTRIES = 20_000
# Sum of the distinct lengths of all sequences. NumPy processes sequences of equal length together
# and needs one step of a Python loop for each time.
MIN_COMPILED_RECURSION_STEPS = 500


def use_compiled(entries: int) -> bool:
    """Return whether arithmetic on this many numbers is worth compiled kernels."""
    return entries >= MIN_COMPILED_ENTRIES


def use_compiled_recursion(steps: int) -> bool:
    """Return whether a recursion of this many steps is worth compiled kernels."""
    return steps >= MIN_COMPILED_RECURSION_STEPS
