"""Linear algebra on PyTensor graphs for many small matrices at once, and for long chains."""

from latentfit.bayes.marginalize.algebra._cyclic_reduction import solve_block_tridiagonal
from latentfit.bayes.marginalize.algebra._small_matrices import (
    cholesky_factors,
    solve_positive_definite,
)

__all__ = ["cholesky_factors", "solve_block_tridiagonal", "solve_positive_definite"]
