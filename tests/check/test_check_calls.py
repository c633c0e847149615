"""Calls of functions of model files."""

import re
import sys

import numpy as np
import pytest

from latentfit.check.calls import Failure, attempt, on_copies


class TestAttempt:
    def test_an_exit_is_a_failure_and_an_interrupt_is_not(self):
        assert attempt(sys.exit, "m_step", 3) == Failure("m_step raised SystemExit: 3")

        def interrupted():
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            attempt(interrupted, "m_step")

    def test_a_wrong_number_of_arguments_has_no_line_number(self):
        failure = attempt(lambda one: one, "m_step", 1, 2)
        assert re.fullmatch(r"m_step raised TypeError: .* 2 were given", failure.message)

    def test_calls_on_copies_keep_the_originals(self):
        x = np.ones(2)
        assert on_copies(lambda x: x.__isub__(1).sum())(x) == 0
        np.testing.assert_array_equal(x, 1)
