"""Sessions: functions of a hand-in are called, and what goes wrong is explained."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sandbox_sessions import LIMITS, opened

from latentfit.grade.sandbox import Failed, FailureKind, HandInError, Limits, Returned, open_sandbox

HAND_IN = b'''"""A hand-in."""
import numpy as np
import time

def e_step(params, data):
    z = params["w"] * np.exp(-0.5 * (data["x"][:, None] - params["mu"]) ** 2)
    return {"z": z / z.sum(axis=1, keepdims=True)}

def m_step(expectations, data, *, scale=1.0):
    print("m_step", scale)
    return {"mu": scale * (expectations["z"] * data["x"][:, None]).sum(axis=0)}

def wrong(params):
    return np.log(params["missing"])

def draw():
    import random
    return [random.random(), float(np.random.random())]

def sleep(seconds):
    time.sleep(seconds)

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

def save(array):
    np.save("kept.npy", array)
    return np.load("kept.npy")

def solve(a):
    return np.linalg.solve(a, np.eye(len(a)))

def standard_library():
    import collections, dataclasses, decimal, fractions, functools, hashlib, itertools, json
    import math, operator, re, statistics, typing, zlib, sqlite3, ctypes, bz2, lzma, uuid
    return hashlib.sha256(b"").digest()[0]
'''


@pytest.fixture(scope="module")
def session(isolated_by):
    with opened(HAND_IN, isolated_by) as session:
        yield session


def test_steps_return_what_they_return_here(session):
    params = {"w": np.array([0.3, 0.7]), "mu": [0.0, 2.0]}
    data = {"x": np.linspace(-1, 3, 7)}
    here = {}
    exec(HAND_IN, here)
    expectations = here["e_step"](params, data)
    outcome = session.call("e_step", params, data)
    assert isinstance(outcome, Returned)
    np.testing.assert_array_equal(outcome.value["z"], expectations["z"])
    outcome = session.call("m_step", expectations, data=data, scale=2.0)
    np.testing.assert_array_equal(
        outcome.value["mu"], here["m_step"](expectations, data, scale=2.0)["mu"]
    )
    assert outcome.printed == "m_step 2.0\n"


def test_functions_and_parameters_are_reported(session):
    assert session.functions["e_step"] == ("params", "data")
    assert session.functions["m_step"] == ("expectations", "data", "scale")
    assert session.functions["draw"] == ()


def test_functions_that_are_not_plain_functions_are_reported(isolated_by):
    source = b"""
from numpy import *
import functools
class Steps:
    def e_step(self, params, data): return {"z": params}
e_step = Steps().e_step
m_step = functools.partial(lambda expectations, data, n: {"n": n}, n=3)
q = vectorize(lambda x: 2 * x)
"""
    with opened(source, isolated_by) as session:
        assert session.functions["e_step"] == ("params", "data")
        assert session.functions["m_step"] == ("expectations", "data", "n")
        assert "q" in session.functions
        assert "Steps" not in session.functions
        assert session.call("e_step", 1.0, 2.0).value == {"z": 1.0}
        assert session.call("m_step", 1.0, 2.0).value == {"n": 3}
        assert session.call("q", np.arange(2.0)).value.tolist() == [0, 2]


def test_numpy_and_the_standard_library_work(session):
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    np.testing.assert_allclose(session.call("solve", a).value @ a, np.eye(2), atol=1e-15)
    assert session.call("standard_library").value == 0xE3
    np.testing.assert_array_equal(session.call("save", a).value, a)


def test_exception_names_its_line_and_text(session):
    outcome = session.call("wrong", {"w": 1.0})
    assert outcome == Failed(
        FailureKind.EXCEPTION, "wrong() raised KeyError in line 14.", "'missing'", 14
    )


def test_functions_that_raise(session):
    draw = session.function("draw", fresh=True)
    assert draw.__name__ == "draw"
    assert draw() == draw()
    with pytest.raises(HandInError, match="wrong\\(\\) raised KeyError in line 14") as caught:
        session.function("wrong")({"w": 1.0})
    assert caught.value.failure.line == 14
    assert pickle.loads(pickle.dumps(caught.value)).failure == caught.value.failure


def test_missing_function(session):
    outcome = session.call("q", 1.0)
    assert outcome.kind is FailureKind.MISSING
    assert outcome.message == "The hand-in does not define q()."


def test_form_is_explained(isolated_by):
    with opened(b"def f(): return {'mu': [1.0, 'two']}", isolated_by) as session:
        outcome = session.call("f")
    assert outcome.kind is FailureKind.FORM
    assert outcome.message == (
        "What f() returned cannot be read: "
        "the entry ['mu'][1] is of type str; only numbers can be returned."
    )


def test_global_generators_are_seeded_in_each_process(session):
    first = session.call("draw", fresh=True).value
    assert session.call("draw").value != first
    assert session.call("draw", fresh=True).value == first


def test_large_arrays_pass_both_directions(isolated_by):
    array = np.random.default_rng(1).standard_normal(1 << 19)
    with opened(b"def f(x): return {'x': x, 'y': -x[::-1]}", isolated_by) as session:
        value = session.call("f", array[: 1 << 18]).value
        np.testing.assert_array_equal(value["y"], -array[: 1 << 18][::-1])
        # The limit is on the sum.
        assert session.call("f", array).value["x"].size == 1 << 19
        assert session.call("f", np.r_[array, array]).kind is FailureKind.FORM


def test_large_result_while_much_is_printed(isolated_by):
    source = b"import numpy as np\ndef f():\n  print('x' * 500_000)\n  return np.zeros(500_000)"
    with opened(source, isolated_by) as session:
        outcome = session.call("f")
    assert outcome.value.shape == (500_000,)
    assert 1000 < len(outcome.printed) < 3000


def test_call_after_a_failed_one(session):
    assert session.call("work", 10.0).kind is FailureKind.TIME
    assert len(session.call("draw").value) == 2


def test_sleeping_ends_at_the_limit_on_elapsed_time():
    limits = replace(LIMITS, wall_seconds=0.5)
    with opened(HAND_IN, "auto", limits) as session:
        started = time.monotonic()
        outcome = session.call("sleep", 1000.0)
        assert time.monotonic() - started < 10
    assert outcome.kind is FailureKind.TIME
    assert outcome.message == "sleep() had not returned after 0.5 s."


def test_processor_time_is_limited_by_the_call(session):
    """Together, the calls take longer than one may."""
    session.call("draw", fresh=True)
    for _ in range(5):
        assert isinstance(session.call("work", 0.1), Returned)
    outcome = session.call("work", 1.0)
    assert outcome.kind is FailureKind.TIME
    assert outcome.message == "work() took more than 0.3 s of processor time."


def test_memory_beyond_the_limit_raises(isolated_by):
    source = b"import numpy as np\ndef f(n): return np.ones(int(n) << 17).sum()"
    with opened(source, isolated_by, replace(LIMITS, memory_bytes=32 << 20)) as session:
        assert session.call("f", 20.0).value == 20 << 17
        assert session.call("f", 40.0).kind is FailureKind.MEMORY


def test_arguments_that_cannot_be_sent_are_the_caller_s_fault(session):
    with pytest.raises(ValueError, match="of type str"):
        session.call("e_step", {"w": "text"})
    assert len(session.call("draw").value) == 2


def test_closed_session(isolated_by):
    session = opened(HAND_IN, isolated_by)
    session.close()
    session.close()
    with pytest.raises(ValueError, match="closed"):
        session.call("draw")


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan")])
def test_limits_are_positive_and_finite(seconds):
    with pytest.raises(ValueError, match="wall_seconds has to be positive and at most"):
        Limits(wall_seconds=seconds)


def test_unknown_isolation():
    with pytest.raises(ValueError, match="'jail'"):
        open_sandbox(b"", isolated_by="jail")


def test_sessions_in_threads_do_not_disturb_each_other():
    """One of them is hostile."""
    opened(b"", "auto").close()

    def values(index):
        source = f"import os\ndef f(x): return x + {index} if {index} != 1 else os._exit(0)"
        with opened(source.encode(), "auto") as session:
            return [getattr(session.call("f", float(x)), "value", None) for x in range(5)]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(values, range(4)))
    assert found == [
        [None] * 5 if index == 1 else [float(x + index) for x in range(5)] for index in range(4)
    ]


@pytest.mark.slow
def test_neither_process_exceeds_the_default_limits_on_memory(isolated_by):
    source = b"""
import numpy as np
def use():
    kept = []
    while True:
        kept.append(np.ones(1 << 20))
def send(n):
    return np.ones(int(n) << 17)
def print_much():
    while True:
        print("x" * 1_000_000)
"""
    limits = Limits()
    with opened(source, isolated_by, limits) as session:
        before = _resident_bytes()
        for _ in range(3):
            assert session.call("use").kind is FailureKind.MEMORY
            assert session.call("print_much").kind is FailureKind.PRINTED
            assert session.call("send", 63.0).value.sum() == 63 << 17
            assert session.call("send", 65.0).kind is FailureKind.FORM
        process = session._worker.process
        assert _resident_bytes() - before < 2 * limits.result_bytes
        status = Path(f"/proc/{process}/status").read_text()
        assert int(status.partition("VmHWM:")[2].split()[0]) << 10 < 1.2 * limits.memory_bytes


def _resident_bytes():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0]) << 10


# Nothing is left behind -----------------------------------------------------------------------


def _descendants(process):
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            parents[int(status.parent.name)] = int(fields[1])
    found = {process}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return found - {process}
        found |= more


def _wait_until_ended(processes):
    for _ in range(200):
        left = {process for process in processes if Path(f"/proc/{process}").exists()}
        if not left:
            return
        time.sleep(0.05)
    pytest.fail(f"processes {left} have not ended")


def test_no_process_is_left(isolated_by):
    session = opened(HAND_IN, isolated_by)
    launcher = session._supervisor._launcher.pid
    processes = _descendants(launcher) | {launcher}
    assert len(processes) == 3
    session.close()
    _wait_until_ended(processes)


def test_session_that_is_forgotten_is_closed(isolated_by):
    session = opened(HAND_IN, isolated_by)
    launcher = session._supervisor._launcher.pid
    processes = _descendants(launcher) | {launcher}
    del session
    _wait_until_ended(processes)


def test_no_file_is_left_open(isolated_by):
    opened(HAND_IN, isolated_by).close()
    before = set(os.listdir("/proc/self/fd"))
    with opened(HAND_IN, isolated_by) as session:
        session.call("work", 10.0)
        session.call("draw", fresh=True)
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("isolated_by", "ending"),
    [("bubblewrap", "SIGKILL"), ("namespaces", "SIGKILL"), ("auto", "SIGINT")],
)
def test_processes_end_with_the_parent(isolated_by, ending):
    opened(HAND_IN, isolated_by).close()
    program = f"""
        import signal, sys
        from latentfit.grade.sandbox import open_sandbox
        signal.signal(signal.SIGINT, signal.default_int_handler)
        session = open_sandbox(b"def f():\\n  while True: pass", isolated_by={isolated_by!r})
        print(session._supervisor._launcher.pid, flush=True)
        session.call("f")
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with parent:
        launcher = int(parent.stdout.readline())
        processes = _descendants(launcher) | {launcher}
        assert len(processes) == 3
        parent.send_signal(getattr(signal, ending))
        parent.wait(30)
    _wait_until_ended(processes)
