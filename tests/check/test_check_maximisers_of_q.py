"""Where Q has several maximisers within rounding, each of them is a right M step."""

from types import SimpleNamespace

import numpy as np
import pytest

from latentfit.bayes.maxima import Maximum
from latentfit.check import _updates

ERRORS = {"w": np.array(np.nan), "a": np.array(np.nan), "b": np.array(np.nan), "s": np.array(0.1)}
EXPECTED = {
    name: np.array(value) for name, value in zip("wabs", (1e-100, 1.0, 2.0, 3.0), strict=True)
}


def q(point):
    """Q is maximal where the probability w is 0, the sum of a and b is 3, and s is 3."""
    w, a, b, s = point
    return 4 * np.log1p(-w) - (a + b - 3) ** 2 - (s - 3) ** 2, np.zeros(4)


SPACE = SimpleNamespace(
    parameters=tuple("wabs"),
    locate=lambda params: np.array([params[name] for name in "wabs"]),
)
EXAMINATION = SimpleNamespace(density=SimpleNamespace(space=SPACE), q=lambda trial: q)
MAXIMUM = Maximum(SPACE.locate(EXPECTED), 0.0, 0.0)


@pytest.mark.parametrize(
    ("returned", "replaced"),
    [
        ({"w": 0.0}, "w"),
        ({"w": 1e-3}, ""),
        ({"w": np.nan}, ""),
        ({"a": 0.5, "b": 2.5}, "ab"),
        ({"a": 0.5}, ""),
        ({"w": 0.0, "a": 0.5}, "w"),
        ({"s": 3 + 1e-9}, ""),
    ],
)
def test_what_the_m_step_returned_is_expected_only_where_q_is_as_large(returned, replaced):
    given = EXPECTED | {name: np.array(value) for name, value in returned.items()}
    expected = _updates._nearest_maximiser(EXAMINATION, None, MAXIMUM, EXPECTED, given, ERRORS)
    for name in "wabs":
        source = given if name in replaced else EXPECTED
        assert expected[name] == source[name]
