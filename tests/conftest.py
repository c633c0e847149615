"""What holds for all tests."""

import os

# Workers run side by side, and threads within one would wait for those of the others. In place
# before they start: NumPy asks once.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
