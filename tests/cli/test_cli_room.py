"""Room on the stack of Python's frames."""

import sys

import pytest

from latentfit.cli._room import with_room


def test_it_returns_what_the_work_returns():
    assert with_room(lambda: 7) == 7


def test_errors_pass_through():
    with pytest.raises(ZeroDivisionError):
        with_room(lambda: 1 / 0)


def test_a_deep_recursion_fits():
    def down(n):
        return n and down(n - 1)

    assert with_room(lambda: down(sys.getrecursionlimit() // 2)) == 0
