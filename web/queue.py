"""The queue in front of the search: some questions are worked on, some more wait for a while, the rest is refused.

Without it, every question of a flood is taken in, and all of them are answered too late.
"""

import math
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from flask import current_app

from qa.errors import Busy
from web.trace import trace


class WorkQueue:
    """Lets `workers` questions through at the same time and `places` more wait, each for at most some seconds.

    Who came first is let through first.
    """

    def __init__(self, workers: int, places: int, seconds: float) -> None:
        """Begin with nothing to do."""
        self.working = 0
        self._workers, self._places, self._seconds = workers, places, seconds
        self._line: deque[threading.Event] = deque()  # empty unless all workers are taken
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a free worker and keep it for the time of a `with` block.

        Raises:
            Busy: too many wait already, or none became free in time.
        """
        self._take()
        try:
            yield
        finally:
            self._leave()

    def _take(self) -> None:
        with self._lock:
            if self.working < self._workers:
                self.working += 1
                return
            if self.waiting >= self._places:
                raise self._busy("no more questions can wait")
            called = threading.Event()
            self._line.append(called)
        if not called.wait(self._seconds):
            with self._lock:
                if not called.is_set():  # in the last moment
                    self._line.remove(called)
                    raise self._busy(f"the question has waited for {self._seconds:g} seconds")

    def _leave(self) -> None:
        with self._lock:
            if self._line:
                self._line.popleft().set()  # who gets this worker: it is never free for one who comes only now
            else:
                self.working -= 1

    def _busy(self, reason: str) -> Busy:
        seconds = max(1, math.ceil(self._seconds))  # by then, whoever waits now is answered or refused
        return Busy(f"{reason}; try again in {seconds} s", seconds)


@contextmanager
def turn() -> Iterator[None]:
    """Let this request search in a `with` block; as `WorkQueue.turn`."""
    queue: WorkQueue = current_app.extensions["qa-queue"]
    came = perf_counter()
    with queue.turn():
        trace().waited_ms = (perf_counter() - came) * 1000
        yield
