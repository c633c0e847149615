"""The fixture that `latentfit.testing` gives to pytest."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(name="assert_em", scope="session")
def _assert_em() -> Callable[..., Any]:
    """`latentfit.testing.assert_em`: these steps are the EM algorithm of this model."""
    # Imported on use: pytest loads the plugin in every run, also of tests about other things.
    from latentfit.testing import assert_em

    return assert_em
