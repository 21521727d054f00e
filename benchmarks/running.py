"""What the reliability commands share: a real server, commands in processes of their own, and documents that change.

A process for a command is forked from one that has imported everything already, so that hundreds of them cost no more
than their own work; each is a process of its own that can be killed.
"""

import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from qa.cli import main as qa
from qa.documents import Document, parse_document

CLIENT_SECONDS = 30  # a reply that takes longer counts as failed
START_SECONDS = 300  # an index of 15 GB is read once when it is opened
_QA = "from qa.cli import main; main()"
_processes = multiprocessing.get_context("forkserver")


# ---------------------------------------------------------------------------------------------------- processes


@dataclass(frozen=True)
class Server:
    """A running `qa serve`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def get(self, path: str, connection: HTTPConnection | None = None) -> tuple[int, bytes]:
        """Return status and body of an address; a connection that is given stays open for the next."""
        used = connection or self.connection()
        used.request("GET", path)
        reply = used.getresponse()
        body = reply.read()
        if connection is None:
            used.close()
        return reply.status, body

    def ask(self, question: str) -> dict[str, Any]:
        """Return the reply to a question; raise ValueError if there is none."""
        status, body = self.get(ask_path(question))
        if status != 200:
            raise ValueError(f"status {status}: {body.decode(errors='replace')}")
        reply: dict[str, Any] = json.loads(body)
        return reply

    def connection(self) -> HTTPConnection:
        """Return a new connection."""
        return HTTPConnection("127.0.0.1", self.port, timeout=CLIENT_SECONDS)

    def generation(self) -> str | None:
        """Return the id of the generation that serves, None if none does."""
        status, body = self.get("/readyz")
        return str(json.loads(body)["index"]) if status == 200 else None


def ask_path(question: str, k: int = 5) -> str:
    """Return the address that asks a question."""
    return "/api/v1/ask?" + urlencode({"q": question, "k": k})


@contextmanager
def serving(index: Path, log: Path) -> Iterator[Server]:
    """Run a server on a free port until the block ends."""
    environment = {**os.environ, "QA_FEEDBACK": "off", "PYTHONPATH": str(Path(__file__).parents[1])}
    arguments = [sys.executable, "-c", _QA, "serve", "--index", str(index), "--port", "0"]
    log.write_bytes(b"")
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stderr=output, stdout=output, env=environment)
    try:
        wait_for(lambda: b"Serving on http://" in log.read_bytes() or process.poll() is not None, START_SECONDS)
        address = log.read_text(encoding="utf-8").rpartition("Serving on http://")[2].split()[0]
        yield Server(process, int(address.rpartition(":")[2]), log)
    finally:
        process.terminate()
        process.wait(30)


def start_command(log: Path, *arguments: str, max_file_bytes: int = resource.RLIM_INFINITY) -> BaseProcess:
    """Start `qa` with these arguments in a fork of a process that has imported everything.

    Args:
        log: gets its output.
        max_file_bytes: larger files cannot be written, as if the disk were full.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # what is forked must not have threads waiting for work
    _processes.set_forkserver_preload(["benchmarks.loaded"])
    process = _processes.Process(target=_run_command, args=(log, arguments, max_file_bytes), daemon=True)
    process.start()
    return process


def command(log: Path, *arguments: str, max_file_bytes: int = resource.RLIM_INFINITY) -> int:
    """Run `qa` as `start_command` does; return its exit code."""
    process = start_command(log, *arguments, max_file_bytes=max_file_bytes)
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run_command(log: Path, arguments: tuple[str, ...], max_file_bytes: int) -> None:
    multiprocessing.set_start_method("fork", force=True)  # as in any process: tqdm's lock then leaves nothing behind
    with log.open("wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max_file_bytes, resource.RLIM_INFINITY))
    qa(arguments, prog_name="qa")


def wait_for(happened: Callable[[], bool], seconds: float) -> None:
    """Wait until something happened; raise TimeoutError when it does not in time."""
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"it did not happen in {seconds} s")
        time.sleep(0.01)


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def print_table(rows: dict[str, object]) -> None:
    """Print names and values below each other."""
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


# ---------------------------------------------------------------------------------------------------- documents

_SUBJECTS = "fishermen pilots sailmakers merchants coopers shipwrights widows smugglers bakers rope-makers".split()
_VERBS = "sold carried mended counted buried painted borrowed hid weighed auctioned".split()
_THINGS = "lanterns anchors herrings barrels compasses sails bells oars crates charts nets cannons".split()
_PLACES = "quay, chapel, market, dry dock, customs house, lighthouse, tavern, old bridge, rope walk, pier".split(", ")
MARKER = "In which shade was the harbour light painted?"
DOCUMENTS = 8


@dataclass
class Harbour:
    """A folder of made-up documents that are edited, added, removed and renamed; one fact has a new value each time."""

    folder: Path
    chance: random.Random
    version: int = 0
    _added: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        for _ in range(DOCUMENTS):
            self._add()
        self._paint()

    def change(self) -> None:
        """Give the fact its next value, and edit one document, add one, remove one, rename one."""
        self.version += 1
        edited, removed, renamed = self.chance.sample(sorted(self.folder.glob("year-*.md")), 3)
        lines = edited.read_text(encoding="utf-8").split("\n")
        lines[-2] = " ".join(self._sentence() for _ in range(3))
        edited.write_text("\n".join(lines), encoding="utf-8")
        removed.unlink()
        renamed.rename(renamed.with_name(f"year-{self.chance.getrandbits(32):08x}.md"))
        self._add()
        self._paint()

    def fact(self, version: int) -> str:
        """Return what answers MARKER in a version."""
        return f"The harbour light was painted in shade number {1000 + version} of the old catalogue."

    def documents(self) -> dict[str, Document]:
        """Return the documents as they are now, by id."""
        parsed = (parse_document(path.name, path.read_text(encoding="utf-8"))[0] for path in self.folder.iterdir())
        return {document.id: document for document in parsed}

    def question(self) -> str:
        """Return a question that was not asked before, most likely."""
        return (
            f"How many {self.chance.choice(_THINGS)} did the {self.chance.choice(_SUBJECTS)} have at the "
            f"{self.chance.choice(_PLACES)} in {self.chance.randrange(1500, 1900)}?"
        )

    def _add(self) -> None:
        self._added += 1
        year = 1500 + self._added
        paragraphs = [" ".join(self._sentence() for _ in range(3)) for _ in range(3)]
        body = "\n\n".join(f"## Chapter {number}\n\n{text}" for number, text in enumerate(paragraphs, 1))
        text = f"# The year {year}\n\n<!-- questions:\n- What happened in {year}?\n-->\n\n{body}\n"
        (self.folder / f"year-{year}.md").write_text(text, encoding="utf-8")

    def _paint(self) -> None:
        text = f"# The harbour light\n\n{self.fact(self.version)} {self._sentence()}\n"
        (self.folder / "light.md").write_text(text, encoding="utf-8")

    def _sentence(self) -> str:
        return (
            f"In {self.chance.randrange(1500, 1900)} the {self.chance.choice(_SUBJECTS)} "
            f"{self.chance.choice(_VERBS)} {self.chance.randrange(2, 999)} {self.chance.choice(_THINGS)} at the "
            f"{self.chance.choice(_PLACES)}, and the {self.chance.choice(_SUBJECTS)} saw it."
        )
