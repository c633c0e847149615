"""Kernels for large tables, compiled by Numba when they are first used.

The modules named after a primitive prepare the arguments of its kernel and combine the results of
chunks of rows. The modules ``..._blocks`` contain the arithmetic on one block of rows, and
`chunks` distributes chunks over threads. Importing this package does not import Numba.
"""
