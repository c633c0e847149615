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
def way(request):
    """Primitives in NumPy alone, however large their tables, or compiled, however small."""
    from latentfit.em.primitives import _worth

    most = sys.maxsize if request.param == "numpy" else 0
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ENTRIES", "TIMES"):
            patch.setattr(_worth, name, most)
        yield request.param
