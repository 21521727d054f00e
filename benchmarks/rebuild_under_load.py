"""Ask a running server thousands of questions while its documents change and are rebuilt again and again.

    python -m benchmarks.rebuild_under_load [--questions 10000] [--rebuilds 50] [--clients 4]

The server is a process of its own, each rebuild another. Every reply is kept and held against the documents of the
generation that it names, which are put aside before each rebuild:

- failed: no reply, or a status other than 200;
- mixed: the reply cites anything that does not stand, to the character, in the documents of its generation, or gives
  the one fact that changes every time as another generation has it;
- stale: the question began after a reply of a newer generation had been received.

Some of the questions are asked again and again, so that an answer that was kept too long would show. Exits with 1 when
anything failed, was mixed or stale, or when the server still holds files of generations that are gone.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.running import MARKER, Harbour, Server, ask_path, command, print_table, serving, wait_for
from qa.documents import Document
from qa.index import read_pointer

REPEATED = 20  # questions that are asked again and again, MARKER among them
SHARE_REPEATED = 0.3
TAKEN_OVER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that was asked, and what came of it; times are in seconds since the epoch."""

    question: str
    began: float
    ended: float
    status: int  # 0: no reply
    reply: dict[str, Any]

    @property
    def generation(self) -> str:
        """The id of the generation that the reply names, nothing if it failed."""
        return str(self.reply.get("index", {}).get("id", ""))


@dataclass(frozen=True, slots=True)
class Generation:
    """What the replies of one generation must agree with, and when it was made."""

    number: int
    fact: str
    documents: Mapping[str, Document]
    rebuild_began: float
    pointer_moved: float


@dataclass(frozen=True, slots=True)
class Held:
    """What the server process holds of the machine."""

    megabytes: float
    open_files: int
    removed_files: int  # mapped into its memory although they are gone


def main() -> None:
    """Run the load and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--rebuilds", type=int, default=50)
    parser.add_argument("--clients", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        harbour = Harbour(root / "corpus", random.Random(1))  # noqa: S311 - nothing secret

        def rebuild() -> None:
            log = root / "rebuild.log"
            if command(log, "rebuild", "--corpus", str(harbour.folder), "--index", str(root / "index")):
                raise RuntimeError(f"the rebuild failed: {log.read_text(encoding='utf-8')}")

        rows, faults = measure(harbour, root, rebuild, arguments.questions, arguments.rebuilds, arguments.clients)
    print_table(rows)
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


def measure(
    harbour: Harbour, root: Path, rebuild: Callable[[], object], questions: int, rebuilds: int, clients: int
) -> tuple[dict[str, object], list[str]]:
    """Ask and rebuild side by side; return the table and a line for each thing that was wrong.

    Args:
        root: folder of the server's log and of the folder `index`.
        rebuild: brings that index up to the documents of `harbour`.
    """
    generations: dict[str, Generation] = {}
    _rebuild(harbour, root / "index", rebuild, generations)
    with serving(root / "index", root / "server.log") as server:
        clients_of = _Clients(server, harbour)
        with ThreadPoolExecutor(clients) as pool:
            running = [pool.submit(clients_of.keep_asking) for _ in range(clients)]
            try:
                for number in range(rebuilds):
                    wait_for(lambda due=(number + 0.5) / rebuilds * questions: len(clients_of.asked) >= due, 3600)
                    if number == rebuilds // 10:  # by then everything is there that the first questions bring up
                        before = held(server)
                    harbour.change()
                    newest = _rebuild(harbour, root / "index", rebuild, generations)
                    wait_for(lambda newest=newest: clients_of.newest == newest, TAKEN_OVER_SECONDS)
                wait_for(lambda: len(clients_of.asked) >= questions, 3600)
            finally:
                clients_of.stop.set()
        for future in running:
            future.result()
        after = held(server)
    return table(clients_of.asked, generations, before, after), faults_of(clients_of.asked, generations, after)


def _rebuild(harbour: Harbour, index: Path, rebuild: Callable[[], object], generations: dict[str, Generation]) -> str:
    """Rebuild and put the documents aside under the id of the new generation, which is returned."""
    documents, began = harbour.documents(), time.time()
    rebuild()
    pointer = read_pointer(index)
    assert pointer
    moved = (index / "CURRENT").stat().st_mtime
    fact = harbour.fact(harbour.version)
    generations[pointer.current] = Generation(len(generations), fact, documents, began, moved)
    return pointer.current


class _Clients:
    """Threads that ask one question after another."""

    def __init__(self, server: Server, harbour: Harbour) -> None:
        self.asked: list[Asked] = []
        self.newest = ""  # generation of the last reply
        self.stop = threading.Event()
        self._server = server
        self._chance = random.Random(2)  # noqa: S311 - nothing secret
        self._question = harbour.question
        self._repeated = [MARKER, *(harbour.question() for _ in range(REPEATED - 1))]

    def keep_asking(self) -> None:
        """Ask until told to stop."""
        connection = self._server.connection()
        while not self.stop.is_set():
            repeated = self._chance.random() < SHARE_REPEATED
            question = self._chance.choice(self._repeated) if repeated else self._question()
            began = time.time()
            try:
                status, body = self._server.get(ask_path(question), connection)
            except (OSError, HTTPException):
                connection.close()
                status, body = 0, b"{}"
            asked = Asked(question, began, time.time(), status, json.loads(body))
            self.asked.append(asked)
            self.newest = asked.generation or self.newest
        connection.close()


def held(server: Server) -> Held:
    """Return what the server holds, as the kernel counts it."""
    process = Path("/proc", str(server.process.pid))
    status = (process / "status").read_text(encoding="utf-8")
    kilobytes = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    maps = (process / "maps").read_text(encoding="utf-8").splitlines()
    removed = {line for line in maps if "/generations/" in line and line.endswith("(deleted)")}
    return Held(kilobytes / 1024, sum(1 for _ in (process / "fd").iterdir()), len(removed))


def faults_of(asked: Sequence[Asked], generations: Mapping[str, Generation], after: Held) -> list[str]:
    """Return a line for each question that went wrong, and one if files of removed generations are still held."""
    faults = [f"failed: {one.question}: status {one.status}, {one.reply}" for one in asked if one.status != 200]
    answered = [one for one in asked if one.status == 200]
    for one in answered:
        fault = mixed(one, generations)
        if fault:
            faults.append(f"mixed: {one.question}: {fault}")
    faults += [f"stale: {one.question}: generation {one.generation}" for one in stale(answered, generations)]
    if after.removed_files:
        faults.append(f"held: {after.removed_files} files of generations that are gone are still mapped")
    return faults


def mixed(asked: Asked, generations: Mapping[str, Generation]) -> str:
    """Return what in a reply is not of the generation that it names, nothing if all is."""
    generation = generations.get(asked.generation)
    if generation is None:
        return f"no generation has the id {asked.generation}"
    spans = [(passage["document"], passage) for passage in asked.reply["passages"]]
    answer = asked.reply["answer"]
    if answer:
        spans.append((asked.reply["passages"][answer["passage"] - 1]["document"], answer))
    for cited, span in spans:
        document = generation.documents.get(cited["id"])
        if document is None or (document.sha256, document.path) != (cited["sha256"], cited["path"]):
            return f"document {cited['path']} of another generation"
        if document.text[span["start"] : span["end"]] != span["text"]:
            return f"{cited['path']} does not hold {span['text']!r} at {span['start']}-{span['end']}"
    if asked.question == MARKER and generation.fact not in asked.reply["passages"][0]["text"]:
        return f"the first passage is not {generation.fact!r}"
    return ""


def stale(asked: Sequence[Asked], generations: Mapping[str, Generation]) -> list[Asked]:
    """Return the questions that began after the reply of a newer generation than their own had come."""
    numbers = {name: generation.number for name, generation in generations.items()}
    by_end = sorted(asked, key=lambda one: one.ended)
    newest, next_ended, found = -1, 0, []
    for one in sorted(asked, key=lambda one: one.began):
        while by_end[next_ended].ended < one.began:
            newest = max(newest, numbers.get(by_end[next_ended].generation, -1))
            next_ended += 1
        if numbers.get(one.generation, newest) < newest:
            found.append(one)
    return found


def table(
    asked: Sequence[Asked], generations: Mapping[str, Generation], before: Held, after: Held
) -> dict[str, object]:
    """Return what is printed."""
    answered = [one for one in asked if one.status == 200]
    times = Counter(one.question for one in asked)
    first_replies: dict[str, float] = {}
    for one in sorted(answered, key=lambda one: one.ended):
        first_replies.setdefault(one.generation, one.ended)
    rebuilt = [(name, made) for name, made in generations.items() if made.number]
    noticed = [first_replies[name] - made.pointer_moved for name, made in rebuilt if name in first_replies]
    # From the start of a rebuild until its generation serves. Only new questions count: others may be kept answers.
    busy = [(made.rebuild_began, first_replies.get(name, time.time())) for name, made in rebuilt]
    new = [one for one in answered if times[one.question] == 1]
    during = _milliseconds([one for one in new if any(low <= one.began <= high for low, high in busy)])
    between = _milliseconds([one for one in new if not any(low <= one.began <= high for low, high in busy)])
    seconds = max(one.ended for one in asked) - min(one.began for one in asked)
    return {
        "questions": f"{len(asked):,} in {seconds:.0f} s, {len(new):,} of them asked only once",
        "rebuilds": len(rebuilt),
        "failed": len(asked) - len(answered),
        "mixed replies": sum(bool(mixed(one, generations)) for one in answered),
        "stale replies": len(stale(answered, generations)),
        "generations in replies": f"{len(first_replies)} of {len(generations)}",
        "new generation served after": f"{np.median(noticed):.2f} s (median), {max(noticed):.2f} s (longest)",
        "ms between rebuilds": _percentiles(between),
        "ms during rebuilds": _percentiles(during),
        "during / between": " ".join(
            f"p{p} {np.percentile(during, p) / np.percentile(between, p):.2f}" for p in (50, 95)
        ),
        "memory": f"{before.megabytes:.0f} MB after a tenth of the rebuilds, {after.megabytes:.0f} MB at the end",
        "open files": f"{before.open_files}, {after.open_files}",
        "maps of removed files": after.removed_files,
    }


def _milliseconds(asked: Sequence[Asked]) -> NDArray[np.float64]:
    return np.array([1000 * (one.ended - one.began) for one in asked], dtype=np.float64)


def _percentiles(values: NDArray[np.float64]) -> str:
    return ", ".join(f"p{p} {np.percentile(values, p):.0f}" for p in (50, 95, 99)) + f" ({len(values):,} questions)"


if __name__ == "__main__":
    main()
