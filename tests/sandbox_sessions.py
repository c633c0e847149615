"""How the tests open sandboxes."""

import pytest

from latentfit.grade.sandbox import Limits, SandboxError, open_sandbox

#: Enough for what the tests compute, and soon over for what does not end.
LIMITS = Limits(
    cpu_seconds=0.3,
    wall_seconds=30.0,
    memory_bytes=256 << 20,
    scratch_bytes=16 << 20,
    result_bytes=8 << 20,
    printed_bytes=1 << 20,
)


def opened(source, isolated_by, limits=LIMITS):
    """A session, or a skipped test where the machine does not offer the isolation."""
    try:
        return open_sandbox(source, limits=limits, isolated_by=isolated_by)
    except SandboxError as error:
        pytest.skip(str(error))
