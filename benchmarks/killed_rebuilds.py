"""Kill rebuilds at random moments with SIGKILL while a server answers from the same index.

    python -m benchmarks.killed_rebuilds [--kills 200]

Each rebuild is of documents that changed, in a process of its own. Half of the kills come at a random moment of the
whole rebuild, half at a random moment of its writing, which begins when the first file appears in the folder of the
index. After each kill

- the running server answers, with what the last good generation says;
- a fresh start opens the index, with every file checked, and answers the same;
- nothing holds the lock, and the next rebuild succeeds and is taken over by the running server.

In the end the index must have the bytes of one that is built from nothing, and nothing else may lie in its folder.
Exits with 1 when anything was otherwise.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from itertools import chain
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from benchmarks.running import MARKER, Harbour, Server, bytes_of, command, print_table, serving, start_command, wait_for
from qa.errors import QAError
from qa.index import generation_folder, read_pointer
from qa.service import Service
from qa.settings import Settings

SECONDS_TO_TAKE_OVER = 30


def main() -> None:
    """Kill rebuilds and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        trial = Trial(Path(name), arguments.seed)
        began = time.monotonic()
        with serving(trial.index, trial.root / "server.log") as server:
            while trial.killed < arguments.kills:
                trial.kill_one(server)
        trial.compare_with_one_from_nothing()
        print_table(trial.table(time.monotonic() - began))
    for fault in trial.faults[:20]:
        print(fault, file=sys.stderr)
    sys.exit(bool(trial.faults))


class Trial:
    """An index whose rebuilds are killed, and everything that was seen of it."""

    def __init__(self, root: Path, seed: int) -> None:
        """Build the index twice, the second time over the first, as all others will be."""
        self.root = root
        self.index = root / "index"
        self.faults: list[str] = []
        self._chance = random.Random(seed)  # noqa: S311 - nothing secret
        self._harbour = Harbour(root / "corpus", self._chance)
        self._facts: dict[str, str] = {}  # by generation
        self._whole: list[float] = []  # seconds of the rebuilds that were not killed
        self._writing: list[float] = []  # seconds of them from the first file on
        self._killed: Counter[str] = Counter()  # by how far the rebuild had come
        self._too_late = 0  # kills of a rebuild that had ended already
        self._rebuild()
        self._harbour.change()
        self._rebuild()

    @property
    def killed(self) -> int:
        """How many rebuilds were killed so far."""
        return sum(self._killed.values())

    def kill_one(self, server: Server) -> None:
        """Change the documents, kill a rebuild of them, look at everything, and rebuild."""
        good = self._current()
        self._harbour.change()
        before = self._files()
        process = self._start()
        moment = f"kill {self.killed + self._too_late + 1}"
        if self._chance.random() < 0.5:
            time.sleep(self._chance.uniform(0, np.median(self._whole[-9:])))
        else:
            self._wait_for_writing(process, before)
            time.sleep(self._chance.uniform(0, np.median(self._writing[-9:])))
        process.kill()
        process.join()
        finished = process.exitcode == 0
        current = self._current()
        self._facts[current] = self._facts.get(current) or self._harbour.fact(self._harbour.version)
        if finished:
            self._too_late += 1
        elif current != good:
            self._killed["after the pointer moved"] += 1
        else:
            self._killed["while it wrote" if self._files() != before else "before it wrote"] += 1
        try:
            reply = server.ask(MARKER)
            text = reply["passages"][0]["text"]
            self._check(f"{moment}, running server", reply["index"]["id"], text, {good, current})
            self._check_fresh_start(moment, current)
            with FileLock(self.index / ".lock", timeout=0):
                pass
            self._rebuild()
            wait_for(lambda: server.generation() == self._current(), SECONDS_TO_TAKE_OVER)
        except (OSError, QAError, RuntimeError, Timeout, ValueError) as error:
            self.faults.append(f"{moment}: {type(error).__name__}: {error}")

    def compare_with_one_from_nothing(self) -> None:
        """Compare the bytes of the last generation with those of a fresh index, and look for what was left behind."""
        fresh = self.root / "fresh"
        command(self.root / "rebuild.log", "rebuild", "--corpus", str(self._harbour.folder), "--index", str(fresh))
        ours, theirs = (bytes_of(generation_folder(index, self._current())) for index in (self.index, fresh))
        if ours != theirs:
            self.faults.append("the index is not, byte for byte, the one that is built from nothing")
        pointer = read_pointer(self.index)
        assert pointer
        kept = {path.name for path in generation_folder(self.index, pointer.current).parent.iterdir()}
        expected = {pointer.current, pointer.previous}
        if kept != expected or {path.name for path in self.index.iterdir()} - {"CURRENT", ".lock", "generations"}:
            self.faults.append(f"left behind: {kept - expected}")

    def table(self, seconds: float) -> dict[str, object]:
        """Return what is printed."""
        whole, writing = np.median(self._whole), np.median(self._writing)
        return {
            "rebuilds killed": self.killed,
            **{f"  {phase}": self._killed[phase] for phase in _PHASES},
            "killed too late": self._too_late,
            "a whole rebuild takes": f"{whole:.2f} s, of that {writing:.2f} s writing",
            "rebuilds after a kill": f"{len(self._whole) - 2} succeeded",
            "faults": len(self.faults),
            "took": f"{seconds:.0f} s",
        }

    def _check_fresh_start(self, moment: str, current: str) -> None:
        service = Service(Settings(index=self.index))
        service.open()
        reply = service.ask(MARKER)
        text = reply.passages[0].hit.passage.text
        self._check(f"{moment}, fresh start", reply.index.manifest.id, text, {current})

    def _check(self, where: str, generation: str, text: str, expected: set[str]) -> None:
        if generation not in expected or self._facts[generation] not in text:
            self.faults.append(f"{where}: generation {generation} instead of one of {expected}, saying {text!r}")

    def _start(self) -> BaseProcess:
        arguments = ("rebuild", "--corpus", str(self._harbour.folder), "--index", str(self.index))
        return start_command(self.root / "rebuild.log", *arguments)

    def _rebuild(self) -> None:
        """Rebuild to the end; raise RuntimeError if that fails."""
        before = self._files()
        began = time.monotonic()
        process = self._start()
        self._wait_for_writing(process, before)
        writing = time.monotonic()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError((self.root / "rebuild.log").read_text(encoding="utf-8"))
        self._whole.append(time.monotonic() - began)
        self._writing.append(time.monotonic() - writing)
        self._facts[self._current()] = self._harbour.fact(self._harbour.version)

    def _wait_for_writing(self, process: BaseProcess, before: frozenset[Path]) -> None:
        while process.is_alive() and self._files() == before:
            time.sleep(0.001)

    def _files(self) -> frozenset[Path]:
        # Not by rglob, which stumbles over folders that go away meanwhile.
        walked = os.walk(self.index)
        return frozenset(Path(folder, name) for folder, *names in walked for name in chain(*names) if name != ".lock")

    def _current(self) -> str:
        pointer = read_pointer(self.index)
        assert pointer
        return pointer.current


_PHASES = ("before it wrote", "while it wrote", "after the pointer moved")


if __name__ == "__main__":
    main()
