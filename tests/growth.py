"""How the time of a piece of work grows with what it is given."""

from collections.abc import Callable
from time import process_time
from timeit import timeit


def check_growth(work: Callable[[str], object], source: Callable[[int], str], count: int) -> None:
    """Assert that the work on `source(count)` takes about four times as long as that on a quarter of it.

    Work that is quadratic in the input would take sixteen times as long. Other processes share the machine and add to
    some runs, so that the shortest of a few count.
    """
    quarter = whole = float("inf")
    for _ in range(4):
        quarter = min(quarter, _seconds(work, source(count // 4)))
        whole = min(whole, _seconds(work, source(count)))
        if whole < 8 * quarter + 0.05:
            return
    raise AssertionError(f"{count // 4:,}: {quarter:.2f} s, {count:,}: {whole:.2f} s")


def _seconds(work: Callable[[str], object], source: str) -> float:
    """Return the time of the processor that `work` takes, without collecting the garbage of other tests."""
    return timeit(lambda: work(source), timer=process_time, number=1)
