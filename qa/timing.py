"""How long each stage of a question took."""

from time import perf_counter


class Stopwatch:
    """Adds up the milliseconds of named stages, each from the end of the one before it."""

    def __init__(self) -> None:
        """Start now."""
        self.stages: dict[str, float] = {}
        self._last = perf_counter()

    def lap(self, stage: str) -> None:
        """End a stage; one that ends twice counts both times."""
        now = perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
