"""Run functions in a process of their own, within limits of time and memory that end whatever it is doing.

A thread cannot be ended and a library written in C hears no signal handler, so the limits are those of the system:
timers whose signals kill the process, and a bound on its memory. They hold even when the process that asked is gone.
"""

import os
import pickle
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, TypeVar

WAITING = 10  # a call may take so many times its limit when it waits: for a slow disk, for other programs
_CHILD = "from qa.confined import main; main()"
_OUT_OF_MEMORY = pickle.dumps((False, MemoryError()))
_Result = TypeVar("_Result")


class OutOfTime(Exception):
    """The function did not end in time."""


class OutOfMemory(Exception):
    """The function needed more memory than it was given."""


class CannotStart(Exception):
    """The system starts no process; the message says why."""


class Ended(Exception):
    """The process ended for a reason of its own; the message says which."""


class Confined:
    """A process that runs one function after the other; a fresh one takes over after a limit was reached."""

    def __init__(self, max_seconds: float, max_bytes: int) -> None:
        """Start nothing yet: the first call does.

        Args:
            max_seconds: of the processor's time for one call, so that a busy machine changes nothing.
            max_bytes: address space of the process, Python and its modules (some 100 MB) included.
        """
        self._limits = (str(max_seconds), str(max_bytes))
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> "Confined":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._kill()

    def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Return what `function(*arguments)` returns there, or raise what it raises.

        Args:
            function: of a module's top level, so that it can be sent by its name.

        Raises:
            CannotStart: there is no process to call it in.
            OutOfTime: it took more than `max_seconds`, or waited for WAITING times as long.
            OutOfMemory: it asked for more memory than `max_bytes` leave.
            Ended: the process broke off.
        """
        connection = self._connection or self._start()
        try:
            connection.send((function, arguments))
            succeeded, result = pickle.loads(connection.recv_bytes())  # noqa: S301 - what our own process wrote
        except (EOFError, ConnectionError) as error:
            raise _reason(self._wait()) from error
        if succeeded:
            return result  # type: ignore[no-any-return]
        if isinstance(result, MemoryError):
            self._kill()  # what it holds may be in pieces
            raise OutOfMemory from result
        raise result

    def _start(self) -> Connection:
        ours, theirs = Pipe()
        with theirs:
            try:
                # -P: modules do not come from the folder that the command was started in, which may hold anything.
                self._process = subprocess.Popen(  # noqa: S603 - this interpreter with numbers of ours
                    [sys.executable, "-P", "-c", _CHILD, str(theirs.fileno()), *self._limits],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                )
            except OSError as error:
                ours.close()
                raise CannotStart(error.strerror or str(error)) from error
        self._connection = ours
        return ours

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._wait()

    def _wait(self) -> int:
        """Wait for the end of the process; return its exit code, negative for a signal."""
        assert self._process is not None
        assert self._connection is not None
        self._connection.close()
        code = self._process.wait()
        self._process = self._connection = None
        return code


def _reason(code: int) -> Exception:
    if code in (-signal.SIGPROF, -signal.SIGALRM):
        return OutOfTime()
    return Ended(f"signal {-code}" if code < 0 else f"exit code {code}")


def main() -> None:
    """Be the process: answer calls until the other end is closed."""
    descriptor, max_seconds, max_bytes = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    connection = Connection(descriptor)
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # the system ends the process, no handler has to run
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asked
    with suppress(ValueError, OSError):  # a system without this limit, or with a stricter one
        resource.setrlimit(resource.RLIMIT_AS, (max_bytes, max_bytes))
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        _set_timers(max_seconds)
        answer = _answer(function, arguments)
        _set_timers(0)
        connection.send_bytes(answer)


def _set_timers(max_seconds: float) -> None:
    signal.setitimer(signal.ITIMER_PROF, max_seconds)
    signal.setitimer(signal.ITIMER_REAL, max_seconds * WAITING)


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, function(*arguments)))
    except MemoryError:
        return _OUT_OF_MEMORY  # there may be no room to make an answer
    except Exception as error:  # noqa: BLE001 - all of them are raised again where the call was made
        return pickle.dumps((False, error))
