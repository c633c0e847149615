"""Calls under a time limit."""

import contextlib
import signal
import sys
import threading
import time

import pytest

from latentfit.supervision import Timeout, limited


def forever():
    while True:
        pass


def stubborn():
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def catching_everything():
    while True:
        try:
            time.sleep(0.01)
        except BaseException:
            continue


def catching_in_a_context():
    while True:
        with contextlib.suppress(BaseException):
            catching_everything()


def continuing_in_finally():
    while True:
        try:
            forever()
        except BaseException:
            try:
                forever()
            except BaseException:
                continuing_in_finally()


def in_thread(call):
    """Return what the call returns or raises in another thread."""
    found: list = []

    def run():
        try:
            found.append(call())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    return found[0]


class TestLimited:
    @pytest.fixture(autouse=True)
    def _timer_and_handler_are_restored(self):
        before = signal.getsignal(signal.SIGALRM)
        yield
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert signal.getsignal(signal.SIGALRM) is before

    @pytest.mark.parametrize(
        "slow",
        [
            forever,
            stubborn,
            lambda: time.sleep(30),
            catching_everything,
            catching_in_a_context,
            continuing_in_finally,
        ],
    )
    def test_a_call_that_takes_too_long_is_stopped(self, slow):
        started = time.monotonic()
        with pytest.raises(Timeout, match=r"took longer than 0\.1 s"):
            limited(slow, 0.1)()
        assert time.monotonic() - started < 2

    def test_a_call_in_another_thread_is_stopped(self):
        error = in_thread(limited(lambda: time.sleep(1), 0.1, "nap"))
        assert isinstance(error, Timeout)
        assert str(error) == "nap took longer than 0.1 s"

    @pytest.mark.parametrize("run", [lambda call: call(), in_thread])
    def test_passes_on_arguments_results_and_errors(self, run):
        assert run(lambda: limited(divmod, 1)(7, 2)) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            limited(divmod, 1)(1, 0)
        assert isinstance(in_thread(lambda: limited(divmod, 1)(1, 0)), ZeroDivisionError)

    def test_what_a_call_returns_after_its_time_is_no_result(self):
        def returning_a_default():
            try:
                forever()
            except BaseException:
                return 0

        with pytest.raises(Timeout):
            limited(returning_a_default, 0.1)()

    def test_monitoring_ends_with_the_call(self):
        with pytest.raises(Timeout):
            limited(catching_everything, 0.1)()
        assert all(sys.monitoring.get_tool(tool) is None for tool in (3, 4))
        started = time.monotonic()
        while time.monotonic() - started < 0.3:  # the same lines raise nothing any more
            with contextlib.suppress(ValueError):
                pass

    def test_an_outer_limit_ends_an_inner_call_that_catches_everything(self):
        def call():
            return limited(catching_everything, 30, "inner")()

        with pytest.raises(Timeout, match=r"^outer took longer than 0\.2 s"):
            limited(call, 0.2, "outer")()

    @pytest.mark.parametrize(("inner", "outer"), [(0.1, 5), (5, 0.1), (0.1, 0.1)])
    def test_nests(self, inner, outer):
        def call():
            return limited(forever, inner, "inner")()

        shorter = "inner" if inner < outer else "outer" if outer < inner else "inner|outer"
        with pytest.raises(Timeout, match=f"^({shorter}) took"):
            limited(call, outer, "outer")()

    def test_the_outer_limit_holds_after_an_inner_call(self):
        def call():
            limited(time.sleep, 5)(0.05)
            forever()

        with pytest.raises(Timeout, match=r"^outer took longer than 0\.2 s"):
            limited(call, 0.2, "outer")()

    def test_another_timer_still_expires(self):
        alarms = []
        before = signal.signal(signal.SIGALRM, lambda *_: alarms.append(time.monotonic()))
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
            limited(time.sleep, 5)(0.35)
            inside = len(alarms)
            time.sleep(0.25)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert inside >= 2
        assert len(alarms) > inside

    def test_infinity_is_no_limit(self):
        assert limited(divmod, float("inf")) is divmod
        assert limited(divmod, 1e300) is divmod
