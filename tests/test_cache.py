import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from qa.cache import Cache


def refuse() -> str:
    raise AssertionError("it was there already")


def test_a_value_is_made_once():
    """The second time, the value is there."""
    cache: Cache[str] = Cache(2)

    assert cache.get("a", lambda: "made") == ("made", False)
    assert cache.get("a", refuse) == ("made", True)


def test_what_was_not_used_longest_goes_first():
    """A full cache lets go of the value that was asked for longest ago."""
    cache: Cache[str] = Cache(2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda: "made")

    assert cache.get("a", refuse)[1]
    assert cache.get("c", refuse)[1]
    assert cache.get("b", lambda: "again") == ("again", False)


def test_a_cache_of_no_size_keeps_nothing():
    """With size 0 every value is made anew."""
    cache: Cache[str] = Cache(0)
    cache.get("a", lambda: "first")

    assert cache.get("a", lambda: "second") == ("second", False)


def test_many_at_once_wait_for_one():
    """What several threads ask for at the same time is made once, and all get it."""
    cache: Cache[object] = Cache(1)
    calls: list[object] = []

    def make() -> object:
        time.sleep(0.1)
        calls.append(object())
        return calls[-1]

    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: cache.get("a", make), range(8)))

    assert len(calls) == 1
    assert {value for value, _ in got} == set(calls)
    assert sorted(known for _, known in got) == [False, *[True] * 7]


def test_a_value_that_is_pushed_out_while_it_is_made_still_arrives():
    """Who waits gets the value, even if others have taken its place meanwhile."""
    cache: Cache[str] = Cache(1)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        go_on.wait()
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(cache.get, "a", slow)
        begun.wait()
        cache.get("b", lambda: "quick")
        go_on.set()

        assert waiting.result() == ("slow", False)
    assert cache.get("b", refuse)[1]


def test_an_error_is_not_kept():
    """Making that fails is raised, and tried again the next time."""
    cache: Cache[str] = Cache(2)

    def fail() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("a", fail)
    assert cache.get("a", lambda: "made") == ("made", False)
