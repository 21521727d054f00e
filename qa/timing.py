"""How long each stage of a question took."""

import math
from time import perf_counter

from qa.errors import Busy


class Stopwatch:
    """Adds up the milliseconds of named stages, each from the end of the one before it."""

    def __init__(self, seconds: float = math.inf) -> None:
        """Start now; after so many seconds no further stage is begun."""
        self.stages: dict[str, float] = {}
        self._last = perf_counter()
        self._seconds, self._end = seconds, self._last + seconds

    def lap(self, stage: str) -> None:
        """End a stage; one that ends twice counts both times.

        Raises:
            Busy: the time is up. A thread cannot be stopped from outside, so the end of a stage is where it gives up.
        """
        now = perf_counter()
        if now > self._end:
            after = max(1, math.ceil(self._seconds))
            raise Busy(f"the question took more than {self._seconds:g} seconds; try again in {after} s", after)
        self.stages[stage] = self.stages.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
