"""Calls under a time limit."""

import signal
import threading
import time

import pytest

from latentfit.check.time_limits import Timeout, limited


def forever():
    while True:
        pass


def stubborn():
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


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

    @pytest.mark.parametrize("slow", [forever, stubborn, lambda: time.sleep(30)])
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
