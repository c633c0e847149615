"""Attacks: none makes the parent accept what no function returned, does harm or learns anything.

The functions of `hostile_hand_in.py` are called, each in a new process of one sandbox.
"""

import ast
import os
import secrets
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from sandbox_sessions import opened

from latentfit.grade.sandbox import Failed, FailureKind, Returned

HOSTILE = Path(__file__).with_name("hostile_hand_in.py")
ATTACKS = [
    statement.name
    for statement in ast.parse(HOSTILE.read_text(encoding="utf-8")).body
    if isinstance(statement, ast.FunctionDef) and not statement.name.startswith("_")
]

EXCEPTION, FORM, TIME = FailureKind.EXCEPTION, FailureKind.FORM, FailureKind.TIME
MEMORY, ENDED, PROTOCOL = FailureKind.MEMORY, FailureKind.ENDED, FailureKind.PROTOCOL

# How those calls fail that do not return.
FAILURES = {
    "patch_the_program": {ENDED},
    "return_an_object_with_a_conversion": {FORM},
    "return_what_unpickling_would_run": {FORM},
    "return_text": {FORM},
    "return_bytes": {FORM},
    "return_complex_numbers": {FORM},
    "return_dates": {FORM},
    "return_records": {FORM},
    "return_a_masked_array": {FORM},
    "return_a_huge_array": {FORM},
    "return_a_million_entries": {FORM, TIME},
    "return_a_cycle": {FORM},
    "return_names_that_are_not": {FORM},
    "return_an_endless_dict": {FORM},
    "return_a_huge_integer": {FORM},
    "forge_without_nonce": {PROTOCOL},
    "forge_two_replies": {PROTOCOL},
    "forge_a_large_body": {PROTOCOL},
    "forge_a_large_head": {PROTOCOL},
    "forge_a_large_shape": {PROTOCOL},
    "forge_an_object_array": {PROTOCOL},
    "forge_deep_json": {PROTOCOL},
    "forge_random_bytes": {PROTOCOL},
    "close_the_reply_pipe": {ENDED},
    "exit_at_once": {ENDED},
    "exit_from_python": {EXCEPTION},
    "leave_something_to_do_at_exit": {EXCEPTION},
    "interrupt": {EXCEPTION},
    "crash": {ENDED},
    "abort": {ENDED},
    "catch_all_signals": {TIME},
    "use_the_other_system_call_table": {ENDED},
    "use_much_memory": {MEMORY},
    "use_much_memory_slowly": {MEMORY},
    "loop_in_python": {TIME},
    "loop_in_c": {TIME},
    "loop_in_an_exception": {TIME},
    "recurse": {EXCEPTION},
    "recurse_in_c": {ENDED, EXCEPTION, MEMORY, TIME},
    "print_endlessly": {FailureKind.PRINTED},
    "raise_an_exception_without_text": {EXCEPTION},
    "raise_a_huge_exception": {EXCEPTION},
    "raise_an_exception_with_a_strange_name": {EXCEPTION},
}
# Tested on their own below.
OTHERS = {
    "return_an_array_that_equals_everything",
    "return_nan_payloads",
    "forge_the_next_reply",
    "sleep",
}
# Without a sandbox these succeed, which shows that they would if it did not prevent them. Others
# would do harm.
SUCCESSFUL = (
    "import_another_package",
    "read_a_file",
    "read_a_file_through_a_link",
    "learn_that_a_file_exists",
    "see_other_folders",
    "read_other_processes",
    "connect",
    "make_a_local_socket",
    "fork",
    "start_a_thread",
    "start_a_program",
    "start_a_program_in_c",
    "become_a_program",
    "make_memory_files",
    "make_many_files",
)

teacher_s_secret = "rubric-of-the-teacher"


@pytest.fixture(scope="module")
def session(isolated_by):
    with opened(HOSTILE.read_bytes(), isolated_by) as session:
        yield session


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def target(tmp_path, port, monkeypatch):
    """What attacks are given: names are the only texts that a call can carry."""
    monkeypatch.setenv("LATENTFIT_SECRET", teacher_s_secret)
    path = tmp_path / "rubric.toml"
    path.write_text(f"answer = '{teacher_s_secret}'")
    return {str(path): 0, "port": port, "numbers": np.arange(3.0)}


def test_there_are_enough_attacks():
    assert len(ATTACKS) >= 100
    assert len(ATTACKS) == len(set(ATTACKS))
    assert FAILURES.keys() | OTHERS | set(SUCCESSFUL) <= set(ATTACKS)


@pytest.mark.parametrize("attack", [name for name in ATTACKS if name not in OTHERS])
def test_attack_gains_nothing(session, target, attack):
    outcome = session.call(attack, target, fresh=True)
    if attack in FAILURES:
        assert isinstance(outcome, Failed)
        assert outcome.kind in FAILURES[attack], outcome
    else:
        assert isinstance(outcome, Returned), outcome
        assert outcome.value == {"gained": False}
    # What is shown of it does not control a terminal and is not long.
    for text in (outcome.printed, getattr(outcome, "message", ""), getattr(outcome, "quoted", "")):
        assert "\x1b" not in text
        assert len(text) < 5000
    np.testing.assert_array_equal(target["numbers"], [0, 1, 2])


@pytest.mark.parametrize("attack", SUCCESSFUL)
def test_attack_succeeds_without_a_sandbox(attack, target, unprotected):
    outcome = unprotected.call(attack, target, fresh=True)
    if attack == "become_a_program":
        # Python's path is another one here; the system call is made.
        assert "FileNotFoundError" in outcome.printed
    else:
        assert outcome.value == {"gained": True}, outcome


@pytest.fixture(scope="module")
def unprotected():
    if sys.platform != "linux":
        pytest.skip("the attacks are on Linux")
    with opened(HOSTILE.read_bytes(), "none") as session:
        yield session


def test_forged_reply_for_a_later_call_is_not_accepted(session, target):
    """The process cannot know the number that marks the next call."""
    outcomes = [
        session.call("forge_the_next_reply", target, fresh=True),
        # In the same process, unless the forged reply was noticed already.
        session.call("count_calls", target),
    ]
    assert [outcome.kind for outcome in outcomes if isinstance(outcome, Failed)] == [PROTOCOL]
    assert session.call("count_calls", target, fresh=True).value == {"gained": False}


def test_an_array_that_equals_everything_arrives_as_its_numbers(session, target):
    value = session.call("return_an_array_that_equals_everything", target, fresh=True).value
    assert type(value["array"]) is np.ndarray
    np.testing.assert_array_equal(value["array"], [1, 2, 3])
    assert not (value["array"] == 0).any()


def test_nan_payloads_arrive_as_nan(session, target):
    value = session.call("return_nan_payloads", target, fresh=True).value
    assert np.isnan(value["array"]).all()


@pytest.mark.parametrize(
    "state",
    [
        "count_calls",
        "count_calls_in_a_file",
        "count_calls_in_numpy",
        "count_calls_in_a_hidden_folder",
    ],
)
def test_state_is_kept_between_calls_unless_each_is_fresh(session, target, state):
    session.call(state, target, fresh=True)
    assert session.call(state, target).value == {"gained": True}
    assert session.call(state, target, fresh=True).value == {"gained": False}


def test_what_the_parent_imported_is_not_changed(session, target):
    allclose = np.allclose
    session.call("patch_numpy", target, fresh=True)
    assert np.allclose is allclose
    assert not np.allclose(0, 1)


# Sources that attack when they are run --------------------------------------------------------

SOURCES = {
    "exit": (b"import os\nos._exit(0)", {ENDED}),
    "exit from Python": (b"raise SystemExit(0)", {EXCEPTION}),
    "interrupt": (b"raise KeyboardInterrupt", {EXCEPTION}),
    "syntax error": (b"def f(:\n  pass", {EXCEPTION}),
    "magic": (b"%matplotlib inline\n!ls", {EXCEPTION}),
    "Latin-1": ("x = 'é'".encode("latin-1"), {EXCEPTION}),
    "UTF-16": ("x = 1".encode("utf-16"), {EXCEPTION}),
    "unknown encoding": (b"# coding: rot13\nk = 1", {EXCEPTION}),
    "zero bytes": (b"x = 1\0\0", {EXCEPTION}),
    "random bytes": (bytes(range(256)) * 10, {EXCEPTION}),
    "ZIP file": (b"PK\x03\x04" + bytes(100), {EXCEPTION}),
    "parentheses": (b"(" * 100_000, {EXCEPTION, MEMORY, ENDED}),
    "signs": (b"x = " + b"-" * 200_000 + b"1", {EXCEPTION, MEMORY, ENDED}),
    "long integer": (b"x = " + b"9" * 500_000, {EXCEPTION}),
    "large power": (b"x = 9 ** 9 ** 9", {TIME, MEMORY}),
    "loop": (b"while True: pass", {TIME}),
    "print": (b"while True: print('PASSED' * 10000)", {FailureKind.PRINTED}),
    "memory": (b"x = bytearray(1 << 40)", {MEMORY}),
    "our package": (b"import latentfit", {EXCEPTION}),
    "forged reply": (
        b"import os\nfor file in range(3, 60):\n"
        b"  try: os.write(file, b'\\2\\0\\0\\0' + bytes(8) + b'{}')\n"
        b"  except OSError: pass\n",
        {PROTOCOL},
    ),
}


@pytest.fixture(scope="module")
def one_sandbox():
    with opened(b"", "auto") as session:
        yield session


@pytest.mark.parametrize("name", SOURCES)
def test_source_that_attacks_when_it_is_run(one_sandbox, name):
    source, kinds = SOURCES[name]
    one_sandbox.load(source)
    failure = one_sandbox.failure
    assert failure is not None
    assert failure.kind in kinds, failure
    assert not one_sandbox.functions
    # The source is not run again.
    assert one_sandbox.call("f") is failure
    # The next hand-in runs as if it were the first.
    one_sandbox.load(b"def f(): return 1.0")
    assert one_sandbox.call("f").value == 1.0


def test_large_source_is_not_sent():
    with opened(b" " * (100 << 20), "auto") as session:
        assert session.call("f").kind is FailureKind.SOURCE
        assert session._supervisor is None


def test_our_module_s_names_in_a_source_are_only_names(one_sandbox):
    source = (
        b"import sys, types\n"
        b"sys.modules['latentfit'] = sys.modules['numpy.testing'] = types.ModuleType('latentfit')\n"
        b"class LatentfitError(Exception): pass\n"
        b"LatentfitError.__module__ = 'latentfit.errors'\n"
        b"def f(): raise LatentfitError('PASSED')\n"
    )
    one_sandbox.load(source)
    outcome = one_sandbox.call("f")
    assert (outcome.kind, outcome.quoted, outcome.line) == (EXCEPTION, "PASSED", 5)


def test_random_bytes_are_no_reply(one_sandbox):
    source = (
        b"import inspect\n"
        b"def f(data):\n"
        b"  frame = inspect.currentframe()\n"
        b"  while 'replies' not in frame.f_locals: frame = frame.f_back\n"
        b"  import os\n"
        b"  os.write(frame.f_locals['replies'], data.tobytes())\n"
        b"  os._exit(0)\n"
    )
    rng = np.random.default_rng(int(os.environ.get("SEED", secrets.randbits(30))))
    one_sandbox.load(source)
    for size in (1, 11, 12, 13, 100, 1000):
        outcome = one_sandbox.call("f", rng.integers(0, 256, size, dtype=np.uint8))
        assert isinstance(outcome, Failed)
        assert outcome.kind in {PROTOCOL, ENDED}


def test_nothing_of_a_hand_in_is_left_for_the_next_one(one_sandbox):
    """Neither in memory nor in files; a hand-in cannot copy another one."""
    one_sandbox.load(
        b"import os, sys, numpy as np\n"
        b"np.stolen = sys.stolen = os.stolen = 1\n"
        b"os.makedirs('kept')\n"
        b"open('kept/file', 'w').close()\n"
        b"def e_step(): return 1.0"
    )
    assert one_sandbox.call("e_step").value == 1.0
    one_sandbox.load(
        b"import os, sys, gc, types, numpy as np\n"
        b"def f():\n"
        b"  names = {name for module in (np, sys, os) for name in vars(module)}\n"
        b"  functions = [one for one in gc.get_objects() if type(one) is types.FunctionType]\n"
        b"  found = any(one.__name__ == 'e_step' for one in functions)\n"
        b"  return ['stolen' in names, found, bool(os.listdir('.'))]"
    )
    assert not one_sandbox.functions.keys() & {"e_step"}
    assert one_sandbox.call("e_step").kind is FailureKind.MISSING
    assert one_sandbox.call("f").value == [False, False, False]
