"""An interrupt during a callback that swallows exceptions is raised again."""

import ctypes
import signal
import time

import pytest

from latentfit.cli._interrupt import reliable_interrupts


def test_an_interrupt_in_a_callback_of_native_code_is_not_lost(capsys):
    @ctypes.CFUNCTYPE(None)
    def callback() -> None:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt), reliable_interrupts():  # noqa: PT012 - the callback swallows it
        callback()
        time.sleep(30)
    assert capsys.readouterr().err == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
