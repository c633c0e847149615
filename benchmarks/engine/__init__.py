"""EM with the primitives and other packages: same data, same start, same number of iterations."""
