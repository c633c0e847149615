"""The pytest fixture ``assert_em``."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture(name="assert_em", scope="session")
def _assert_em() -> Callable[..., Any]:
    """Return `latentfit.testing.assert_em`, which asserts that steps are EM for a model."""
    # pytest loads this plugin in every run, so that importing latentfit here would slow down all.
    from latentfit.testing import assert_em

    return assert_em
