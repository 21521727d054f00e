"""Keep the replies to the last questions, so that a repeated one costs nothing.

A cache belongs to one open generation and goes with it: what it holds can neither be served by another generation nor
keep the old one in memory.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class Cache(Generic[_Value]):
    """The most recently used values, at most `size`. Threads may share it."""

    def __init__(self, size: int) -> None:
        """Keep nothing yet; a size of 0 keeps nothing ever."""
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Future[_Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], _Value]) -> tuple[_Value, bool]:
        """Return the value of `key` and whether it was there; else it is made.

        Who asks for what another thread is making waits for it. An error is raised to all who waited and not kept.
        """
        if not self._size:
            return make(), False
        with self._lock:
            found = self._kept.get(key)
            if found:
                self._kept.move_to_end(key)
            else:
                made: Future[_Value] = Future()
                self._kept[key] = made
                if len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        if found:
            return found.result(), True
        try:
            made.set_result(make())
        except BaseException as error:
            with self._lock:
                if self._kept.get(key) is made:
                    del self._kept[key]
            made.set_exception(error)
            raise
        return made.result(), False
