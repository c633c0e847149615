"""The exponential of numbers that are not positive, in a form that is vectorised.

With n the integer nearest to x / log 2 and r = x - n log 2, exp(x) = 2ⁿ exp(r) and
|r| <= (log 2) / 2. log 2 is the sum of a number of 42 bits, whose product with n is exact, and a
remainder (Cody and Waite 1980). On the short interval

    exp(r) = 1 + r + r² q(r),

with q the polynomial of degree 9 that agrees with (exp(r) - 1 - r) / r² in the Chebyshev nodes:
the relative error of the sum is 1.3e-17, a sixteenth of a unit in the last place. Adding
1.5 · 2⁵² to x / log 2 rounds it to an integer and leaves this integer in the last bits of the sum;
moved to where the exponent is, they are 2ⁿ. No branch, no table and no conversion of types is
left, so that a loop over rows handles as many at a time as a register holds.

W. J. Cody and W. Waite (1980). *Software Manual for the Elementary Functions*. Prentice-Hall.
"""

import numpy as np

from latentfit.em.primitives._compiled.jit import fused

_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_HIGH, _LOW = float.fromhex("0x1.62e42fefa3800p-1"), float.fromhex("0x1.ef35793c76730p-45")
_ROUND = 1.5 * 2.0**52
# Below this the result would be subnormal: it is 0.
_LEAST = -708.396

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


@fused
def exp(x: float) -> float:
    """exp(x) for x <= 0, to a unit in the last place; 0 below -708.396; NaN for NaN."""
    shifted = x * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = (x - n * _HIGH) - n * _LOW
    r2 = r * r
    r4 = r2 * r2
    low = (_Q0 + _Q1 * r) + (_Q2 + _Q3 * r) * r2
    high = (_Q4 + _Q5 * r) + (_Q6 + _Q7 * r) * r2
    q = low + r4 * (high + r4 * (_Q8 + _Q9 * r))
    bits = np.int64((np.float64(shifted).view(np.int64) + 1023) << 52)
    return 0.0 if x < _LEAST else (1.0 + (r + r2 * q)) * bits.view(np.float64)
