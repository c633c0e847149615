"""What holds for all tests of the sandbox."""

import pytest

from latentfit.grade.sandbox import ISOLATIONS


@pytest.fixture(scope="module", params=ISOLATIONS)
def isolated_by(request):
    """Run a test in each kind of sandbox."""
    return request.param
