"""What holds for all tests."""

import os
import signal
import sys

import pytest

# Workers run side by side, and threads within one would wait for those of the others. In place
# before they start: NumPy asks once.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

# A shell that starts the tests in the background has them ignore interrupts, and with them every
# process that they start; some are about just that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module", params=["numpy", "compiled"])
def implementation(request):
    """Compute all primitives by NumPy, or all by compiled kernels, whatever the table sizes."""
    from latentfit.em.primitives import _dispatch

    threshold = sys.maxsize if request.param == "numpy" else 0
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MIN_COMPILED_ENTRIES", "MIN_COMPILED_RECURSION_STEPS"):
            patch.setattr(_dispatch, name, threshold)
        yield request.param
