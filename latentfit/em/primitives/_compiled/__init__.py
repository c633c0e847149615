"""Primitives for large tables, compiled by Numba at their first use, several rows at once."""
