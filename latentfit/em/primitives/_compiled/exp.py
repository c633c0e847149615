"""Exponential function of non-positive numbers, in a form that compilers vectorise.

With n the integer nearest to x / log 2 and r = x - n log 2, exp(x) = 2ⁿ exp(r) and
|r| <= (log 2) / 2. log 2 is split into a number of 42 bits, whose product with n is exact, and a
remainder (Cody and Waite 1980). On the short interval

    exp(r) = 1 + r + r² q(r),

where q is the polynomial of degree 9 that interpolates (exp(r) - 1 - r) / r² at the Chebyshev
nodes. The relative error of this sum is 1.3e-17, a sixteenth of a unit in the last place. Adding
1.5 · 2⁵² to x / log 2 rounds it to an integer and leaves this integer in the last bits of the
sum; shifted to the position of the exponent, these bits are 2ⁿ. The function has no branch, no
table and no conversion of types, so that a loop over rows processes as many rows at once as a
register holds.

References
----------
W. J. Cody and W. Waite (1980). *Software Manual for the Elementary Functions*. Prentice-Hall.
"""

import numpy as np

from latentfit.em.primitives._compiled.jit import jit_fma

_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_LOG2_HIGH = float.fromhex("0x1.62e42fefa3800p-1")
_LOG2_LOW = float.fromhex("0x1.ef35793c76730p-45")
_ROUNDING_SHIFT = 1.5 * 2.0**52
# exp(x) would be a subnormal number for smaller x; it is returned as 0.
_UNDERFLOW_X = -708.396

_Q0 = float.fromhex("0x1.0000000000001p-1")
_Q1 = float.fromhex("0x1.5555555555556p-3")
_Q2 = float.fromhex("0x1.5555555553d63p-5")
_Q3 = float.fromhex("0x1.11111111109b3p-7")
_Q4 = float.fromhex("0x1.6c16c1788bd90p-10")
_Q5 = float.fromhex("0x1.a01a01a7c41d5p-13")
_Q6 = float.fromhex("0x1.a019b90d2ae7ap-16")
_Q7 = float.fromhex("0x1.71de0dae63bb3p-19")
_Q8 = float.fromhex("0x1.289185613a3d6p-22")
_Q9 = float.fromhex("0x1.af38a9b0ec855p-26")


@jit_fma
def exp(x: float) -> float:
    """Compute exp(x) for x <= 0 to one unit in the last place; 0 below -708.396; NaN for NaN."""
    shifted = x * _LOG2_E + _ROUNDING_SHIFT
    n = shifted - _ROUNDING_SHIFT
    r = (x - n * _LOG2_HIGH) - n * _LOG2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (_Q0 + _Q1 * r) + (_Q2 + _Q3 * r) * r2
    high = (_Q4 + _Q5 * r) + (_Q6 + _Q7 * r) * r2
    q = low + r4 * (high + r4 * (_Q8 + _Q9 * r))
    bits = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52)
    return 0.0 if x < _UNDERFLOW_X else (1.0 + (r + r2 * q)) * bits.view(np.float64)
