"""Calls from a frame that reserves stack memory for the calls below it."""

import sys

import pytest

from latentfit.cli._large_frame import call_in_large_frame


def test_it_returns_what_the_work_returns():
    assert call_in_large_frame(lambda: 7) == 7


def test_errors_pass_through():
    with pytest.raises(ZeroDivisionError):
        call_in_large_frame(lambda: 1 / 0)


def test_a_deep_recursion_fits():
    def down(n):
        return n and down(n - 1)

    assert call_in_large_frame(lambda: down(sys.getrecursionlimit() // 2)) == 0
