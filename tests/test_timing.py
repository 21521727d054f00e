"""The stopwatch counts each stage from the end of the one before it."""

from time import perf_counter, sleep

from qa.timing import Stopwatch


def test_stages_add_up_to_the_whole():
    began = perf_counter()
    watch = Stopwatch()
    sleep(0.01)
    watch.lap("one")
    watch.lap("two")
    sleep(0.01)
    watch.lap("one")
    assert list(watch.stages) == ["one", "two"]
    assert 20 <= watch.stages["one"] <= sum(watch.stages.values()) <= (perf_counter() - began) * 1000
