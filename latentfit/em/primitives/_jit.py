"""How all kernels are compiled.

They hold no reference to Python, so that several run side by side without its lock; division by
zero follows IEEE 754, as in NumPy, and machine code is kept from process to process.

`fused` lets a product and a sum become one instruction with one rounding, which changes no
special value. `reordered` lets sums over rows be taken in several lanes at once besides; without
that no loop that sums is vectorised. The order is then that of the machine code, the same in every
call. Neither presumes that there are no NaN or infinities. The range reduction of `exp`, which
adds and subtracts one large number, must not be reordered and is `fused` alone: the permission
belongs to each instruction, and stays what it is where `exp` is inlined elsewhere.
"""

from numba import njit

fused = njit(fastmath={"contract"}, nogil=True, cache=True, error_model="numpy")
reordered = njit(fastmath={"contract", "reassoc"}, nogil=True, cache=True, error_model="numpy")
