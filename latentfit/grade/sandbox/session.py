"""Run a hand-in's functions in a sandbox."""

import contextlib
import functools
import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self, get_args

import numpy as np

from latentfit.errors import InputError
from latentfit.grade.sandbox import _frames, _replies
from latentfit.grade.sandbox._supervisor import SandboxBroken, Supervisor
from latentfit.grade.sandbox._worker import Broken, Worker
from latentfit.grade.sandbox.isolation import (
    ISOLATIONS,
    Choice,
    Isolation,
    isolation,
    obstacle,
)
from latentfit.grade.sandbox.limits import Limits
from latentfit.grade.sandbox.outcome import Failed, FailureKind, HandInError, Returned

_MAX_REASON_CHARACTERS = 120
_DEFAULT_LIMITS = Limits()


class SandboxError(InputError):
    """No sandbox can be made on this machine, or the one that was made broke."""


def open_sandbox(
    source: bytes,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    isolated_by: Choice = "auto",
    seed: int = 0,
) -> "Session":
    """Run a hand-in's source in a sandbox, and return a session that calls its functions.

    Parameters
    ----------
    source : bytes
        The text of a Python module, as it was handed in.
    limits : Limits
    isolated_by : {"auto", "bubblewrap", "namespaces", "none"}
        ``"auto"`` takes bubblewrap where it works, and namespaces otherwise. ``"none"`` is no
        isolation: the hand-in runs in a process of its own with the rights of the user, within the
        same limits.
    seed : int
        Seed of the global random number generators of Python and NumPy, for each process.

    Returns
    -------
    Session
        Where the source cannot be run, for example because of a syntax error, its `failure` is the
        reason, and so is the result of every call.

    Raises
    ------
    SandboxError
        This machine offers no such isolation.

    Examples
    --------
    >>> from latentfit.grade.sandbox import open_sandbox
    >>> with open_sandbox(b"def double(x): return {'twice': 2 * x}") as session:
    ...     session.call("double", 21.0).value
    {'twice': 42.0}
    """
    if isolated_by not in get_args(Choice):
        raise ValueError(f"no isolation is called {isolated_by!r}")
    name = _first_that_works() if isolated_by == "auto" else isolated_by
    reason = obstacle(name)
    if reason:
        raise SandboxError(f"{name} cannot isolate a hand-in on this machine: {reason}")
    return Session(source, isolation(name), limits, seed)


def available_isolation() -> Isolation | None:
    """Return the isolation that ``"auto"`` takes on this machine, or None if there is none."""
    try:
        return isolation(_first_that_works())
    except SandboxError:
        return None


@functools.cache
def _first_that_works() -> str:
    reasons = []
    for name in ISOLATIONS:
        reason = obstacle(name)
        if not reason:
            try:
                with contextlib.closing(Supervisor(name, Limits(), seed=0)) as supervisor:
                    supervisor.start_worker().close()
                return name
            except (SandboxBroken, OSError) as error:
                reason = str(error)
        reasons.append(f"{name}: {reason[:_MAX_REASON_CHARACTERS]}")
    raise SandboxError(
        "this machine cannot isolate code that others wrote "
        f"({'; '.join(reasons)}). Use Linux with user namespaces or with bubblewrap, or state "
        "that no isolation is wanted."
    )


class Session:
    """A hand-in in a sandbox; made by `open_sandbox`, and used by one thread at a time.

    The hand-in's source runs once in a process, which then serves all calls until one of them
    fails in such a manner that the process cannot go on; the next call starts another process.

    Attributes
    ----------
    isolation : Isolation
        The isolation that is in force.
    functions : mapping of str to (tuple of str or None)
        Whatever can be called in the hand-in's module, except classes, and the names of its
        parameters, None where they are unknown; as the hand-in's process reports them.
    failure : Failed or None
        Why the source could not be run.
    """

    def __init__(self, source: bytes, isolated_by: Isolation, limits: Limits, seed: int) -> None:
        self.isolation = isolated_by
        self.functions: Mapping[str, tuple[str, ...] | None] = MappingProxyType({})
        self.failure: Failed | None = None
        self._source = source
        self._limits = limits
        self._seed = seed
        self._worker: Worker | None = None
        self._supervisor: Supervisor | None = None
        self._closed = False
        self.load(source)

    def load(self, source: bytes) -> None:
        """Run another hand-in's source, in a process in which nothing is left of the earlier one.

        This takes a few milliseconds, and a new sandbox a few hundred.

        Parameters
        ----------
        source : bytes

        Raises
        ------
        SandboxError
            The sandbox broke.
        """
        self._refuse_if_closed()
        self._source = source
        self.failure = None
        self.functions = MappingProxyType({})
        if len(source) > self._limits.source_bytes:
            self.failure = Failed(
                FailureKind.SOURCE,
                f"The hand-in has {len(source)} bytes; the limit is {self._limits.source_bytes}.",
            )
            return
        self._guarded(self._restart)

    def call(
        self, function: str, /, *arguments: Any, fresh: bool = False, **named: Any
    ) -> Returned | Failed:
        """Call one of the hand-in's functions.

        Parameters
        ----------
        function : str
        *arguments, **named : object
            Arguments of the function: arrays of numbers, NumPy scalars, Python numbers and None, in
            dicts with names as keys, lists and tuples.
        fresh : bool
            Call it in a new process, in which nothing is left of earlier calls.

        Returns
        -------
        Returned or Failed

        Raises
        ------
        SandboxError
            The sandbox broke, which is no fault of the hand-in.
        ValueError
            An argument cannot be sent.
        """
        self._refuse_if_closed()
        if self.failure is not None:
            return self.failure
        value = {"arguments": list(arguments), "named": named}
        # The nonce marks the reply to this request: no earlier reply can contain it.
        fields = {"nonce": secrets.token_hex(16), "call": function}
        frame = _frames.encode(fields, value)
        return self._guarded(lambda: self._call(function, frame, fields["nonce"], fresh))

    def function(self, name: str, *, fresh: bool = False) -> Callable[..., Any]:
        """Return a function that calls one of the hand-in's functions and returns its value.

        Parameters
        ----------
        name : str
        fresh : bool
            As in `call`, for each call.

        Returns
        -------
        callable
            It raises a `HandInError`, which has the `Failed` as its attribute `failure`, and
            otherwise what `call` raises.
        """

        def call(*arguments: Any, **named: Any) -> Any:
            outcome = self.call(name, *arguments, fresh=fresh, **named)
            if isinstance(outcome, Failed):
                raise HandInError(outcome)
            return outcome.value

        call.__name__ = call.__qualname__ = name
        return call

    def close(self) -> None:
        """End the hand-in's process and remove its scratch folder."""
        self._closed = True
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        if self._supervisor is not None:
            self._supervisor.close()
            self._supervisor = None

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session."""
        self.close()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise ValueError("the session is closed")

    def _guarded[T](self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (SandboxBroken, OSError) as error:
            self.close()
            raise SandboxError(f"the sandbox broke: {error}") from error
        except BaseException:
            # An interrupt leaves half a message in a pipe.
            self.close()
            raise

    def _call(self, function: str, frame: bytes, nonce: str, fresh: bool) -> Returned | Failed:
        if fresh or self._worker is None:
            self._restart()
        if self.failure is not None:
            return self.failure
        return self._exchange(frame, nonce, f"{function}()")

    def _restart(self) -> None:
        """End the process, start another one and run the source in it."""
        self._stop()
        if self._supervisor is None:
            self._supervisor = Supervisor(self.isolation.name, self._limits, self._seed)
        self._worker = self._supervisor.start_worker()
        nonce = secrets.token_hex(16)
        frame = _frames.encode({"nonce": nonce}, np.frombuffer(self._source, np.uint8))
        outcome = self._exchange(frame, nonce, "the source of the hand-in")
        if isinstance(outcome, Failed):
            self.failure = outcome
            self._stop()
        else:
            self.functions = _replies.functions(outcome.value)

    def _stop(self) -> int:
        """End the process, and the sandbox as well if anything is left of the process in it."""
        if self._worker is None or self._supervisor is None:
            return 0
        self._worker.close()
        self._worker = None
        status, used = self._supervisor.stop_worker()
        if used:
            self._supervisor.close()
            self._supervisor = None
        return status

    def _exchange(self, frame: bytes, nonce: str, subject: str) -> Returned | Failed:
        assert self._worker is not None
        reply = self._worker.exchange(frame, self._limits)
        printed = _replies.cleaned(self._worker.printed_text(), _replies.MAX_QUOTED_CHARACTERS)
        if not isinstance(reply, Broken):
            fields, value = reply
            outcome = _replies.interpreted(fields, value, nonce, subject, printed)
            if outcome is not None:
                return outcome
            reply = Broken(FailureKind.PROTOCOL, "its fields are not those of a reply")
        status = self._stop()
        return Failed(reply.kind, _replies.sentence(reply, status, subject), printed=printed)
