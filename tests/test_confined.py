import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qa.confined import Confined, Ended, OutOfMemory, OutOfTime

MEMORY = 2**30
COUNT = 10**12  # summing up so many numbers takes hours, in one call into C


@pytest.fixture(scope="module")
def confined():
    with Confined(0.3, MEMORY) as started:
        yield started


def test_results_and_errors_come_back(confined):
    """A call returns what the function returns there, in one process that is kept, or raises what it raises."""
    assert confined.call(divmod, 17, 5) == (3, 2)
    assert confined.call(os.getpid) == confined.call(os.getpid) != os.getpid()
    with pytest.raises(ZeroDivisionError):
        confined.call(divmod, 1, 0)
    with pytest.raises(FileNotFoundError) as missing:
        confined.call(os.listdir, "/no/such/folder")
    assert missing.value.filename == "/no/such/folder"


@pytest.mark.parametrize(
    ("error", "function", "arguments"),
    [
        (OutOfTime, sum, [range(COUNT)]),  # works
        (OutOfTime, time.sleep, [60]),  # waits
        (OutOfMemory, bytes, [2 * MEMORY]),
        (Ended, signal.raise_signal, [signal.SIGSEGV]),
        (Ended, os._exit, [3]),
    ],
)
def test_a_limit_ends_the_call_and_not_the_caller(confined, error, function, arguments):
    """What takes too much time or memory, or breaks the process, is an error; the next call has a sound process."""
    before = confined.call(os.getpid)
    began = time.monotonic()

    with pytest.raises(error):
        confined.call(function, *arguments)

    assert time.monotonic() - began < 30
    assert confined.call(os.getpid) != before
    assert confined.call(divmod, 17, 5) == (3, 2)


def test_memory_that_ran_out_to_the_last_byte_is_said():
    """The answer needs no memory of what the function still holds; without that, most calls broke off."""
    with Confined(20, 200 * 2**20) as confined:
        for _ in range(4):
            with pytest.raises(OutOfMemory):
                confined.call(hold_all)


def hold_all() -> None:
    """Take memory in pieces so small that hardly any is left when it is refused."""
    kept: list[list[None]] = []
    while True:
        kept.append([None] * len(kept[:64]))


def test_it_ends_with_the_one_that_asked(tmp_path):
    """When the asking process is killed in the middle of a call, nothing works on for it."""
    code = (
        "import os, sys; from qa.confined import Confined\n"
        "confined = Confined(1.5, 2**30); print(confined.call(os.getpid), flush=True)\n"
        f"confined.call(sum, range({COUNT}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as asking:
        left = int(asking.stdout.readline())
        wait_for(lambda: worked_ns(left) > 0.7e9)  # more than it takes to start
        asking.kill()

    assert is_alive(left)
    wait_for(lambda: not is_alive(left))


def wait_for(happened) -> None:
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def worked_ns(process: int) -> int:
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0])


def is_alive(process: int) -> bool:
    """Tell whether a process runs; one that has ended and that nobody asks for does not."""
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_modules_do_not_come_from_where_the_command_was_started(tmp_path, monkeypatch):
    """A folder of documents that holds a file named like a module does not get it run."""
    (tmp_path / "yaml.py").write_text("raise SystemExit(9)")
    (tmp_path / "qa.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry] + [str(Path(__file__).parents[1])])

    with Confined(20, MEMORY) as confined:
        assert confined.call(divmod, 17, 5) == (3, 2)
