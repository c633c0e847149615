"""EM written in the primitives beside other packages: same data, same start, same iterations."""
