"""Damage an index in every way that can be thought of, and look at what is served from it.

    python -m benchmarks.damaged_index [--random 300]

The index has two generations; the newer one, or the pointer to it, is damaged. Each time

- a service that has the older one open goes on serving it;
- a fresh start refuses the damaged one, with a message that names what is damaged and the command that mends it, or
  answers as if nothing had happened where the damage does no harm;
- the command that was named, which is run once for each file, gives the generation its bytes again.

After that real servers are started on damaged indexes, disks are full or read-only, and two rebuilds run at once. What
cannot be guarded against is measured too: files that are changed in place while a server has them open.

Full and read-only disks are small tmpfs, which root may mount; others see only limited file sizes. Exits with 1 when
anything was otherwise.
"""

import argparse
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from benchmarks.running import MARKER, Harbour, Server, bytes_of, command, serving, start_command, wait_for
from qa.errors import QAError
from qa.index import generation_folder, read_pointer
from qa.reply import reply_to_json
from qa.service import Service
from qa.settings import Settings

TAKEN_OVER_SECONDS = 30
STEPS = 12  # from a disk where nothing fits to one where nearly all does
_NOBODY = 65534  # root reads every file; this user may not


def main() -> None:
    """Do all the damage and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, default=300, help="how many random cuts and changed bits")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # so that nobody may enter
        trial = Trial(Path(name))
        trial.damage_every_file()
        trial.damage_at_random(arguments.random)
        trial.start_servers_on_damage()
        trial.limit_file_sizes()
        if os.geteuid() == 0:
            trial.fill_the_disk()
            trial.make_the_disk_read_only()
        trial.rebuild_twice_at_once()
        trial.change_what_is_open()
    for fault in trial.faults[:20]:
        print(fault, file=sys.stderr)
    sys.exit(bool(trial.faults))


def cut(path: Path, size: int) -> None:
    """Leave the first bytes of a file."""
    path.write_bytes(path.read_bytes()[:size])


def flip(path: Path, byte: int, bit: int) -> None:
    """Change one bit of a file."""
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(data)


def make_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


def link_to_nothing(path: Path) -> None:
    """Put a link to nothing in the place of a file."""
    path.unlink()
    path.symlink_to("nowhere")


KINDS: dict[str, Callable[[Path], object]] = {
    "emptied": lambda path: cut(path, 0),
    "one byte short": lambda path: cut(path, path.stat().st_size - 1),
    "removed": Path.unlink,
    "a folder instead": make_folder,
    "a link to nothing instead": link_to_nothing,
    "unreadable": lambda path: path.chmod(0),
}


class Trial:
    """An index with two generations, copies of it, and what was seen when it was damaged."""

    def __init__(self, root: Path) -> None:
        """Build both generations; the folders `old` and `new` hold the index with one and with the other in use."""
        self.faults: list[str] = []
        self._root = root
        self._index = root / "index"
        self._log = root / "command.log"
        self._chance = random.Random(1)  # noqa: S311 - nothing secret
        harbour = Harbour(root / "corpus", self._chance)
        os.environ["QA_CORPUS"] = str(harbour.folder)  # for the commands, which are told of the index alone
        self._facts = {}
        for name in ("old", "new"):
            if self._rebuild():
                raise RuntimeError(self._said())
            shutil.copytree(self._index, root / name)
            self._facts[name] = harbour.fact(harbour.version)
            if name == "old":
                harbour.change()
        self._questions = [MARKER, *(harbour.question() for _ in range(4))]
        self._running = Service(Settings(index=self._index))
        self._right = self._replies(self._open(self._index))

    def damage_every_file(self) -> None:
        """Do every kind of damage to every file of the new generation and to the pointer, and to its content."""
        cases = [(f"{path.name} {kind}", path, damage) for path in self._files() for kind, damage in KINDS.items()]
        mended = set(range(0, len(cases), len(KINDS) + 1))  # every file once, and every kind of damage
        pointer = self._index / "CURRENT"
        good = pointer.read_bytes()
        old, new = (self._current(self._root / name).encode() for name in ("old", "new"))
        contents = {
            "pointer to nothing": good.replace(new, b"0" * len(new)),
            "pointer to the other generation": good.replace(new, old),
            "pointer of garbage": self._chance.randbytes(200),
        }
        mended |= set(range(len(cases), len(cases) + len(contents)))
        cases += [(kind, pointer, lambda path, c=content: path.write_bytes(c)) for kind, content in contents.items()]
        outcomes = Counter(self._damage_one(*case, mend=number in mended) for number, case in enumerate(cases))
        _print_row("every file in every way", _counted(outcomes))

    def damage_at_random(self, count: int) -> None:
        """Cut files off, or change one bit in them, at random places."""
        outcomes: Counter[str] = Counter()
        for number in range(count):
            path = self._chance.choice([path for path in self._files() if path.stat().st_size])
            place, bit = self._chance.randrange(path.stat().st_size), self._chance.randrange(8)
            kind, damage = (
                (f"{path.name} cut at {place}", lambda path, place=place: cut(path, place))
                if number % 2
                else (f"{path.name} bit {place}.{bit}", lambda path, place=place, bit=bit: flip(path, place, bit))
            )
            outcomes[self._damage_one(kind, path, damage)] += 1
        _print_row("random cuts and changed bits", _counted(outcomes))

    def start_servers_on_damage(self) -> None:
        """Start a server on each kind of damage to some file; do what it says while it runs."""
        outcomes: Counter[str] = Counter()
        for kind, damage in KINDS.items():
            if kind == "unreadable" and os.geteuid() == 0:
                continue
            self._restore("new")
            path = self._chance.choice([path for path in self._files() if path.stat().st_size])
            damage(path)
            with serving(self._index, self._root / "server.log") as server:
                statuses = [server.get(address)[0] for address in ("/healthz", "/readyz")]
                message = json.loads(server.log.read_text(encoding="utf-8").splitlines()[0])["message"]
                named = self._index if path.name == "CURRENT" and not path.exists() else path  # no pointer, no index
                if statuses == [200, 503] and str(named) in message and self._mend(message):
                    wait_for(lambda server=server: server.generation() is not None, TAKEN_OVER_SECONDS)
                    outcomes["said what to do, and answered once it was done"] += 1
                    passage = server.ask(MARKER)["passages"][0]["text"]
                    self._expect("new", passage, f"server on {path.name} {kind}")
                else:
                    self.faults.append(f"server on {path.name} {kind}: {statuses}, {message}; {self._said()}")
        _print_row("servers started on damage", _counted(outcomes))

    def limit_file_sizes(self) -> None:
        """Rebuild while files can only have so many bytes."""
        largest = max(path.stat().st_size for path in (self._root / "new").rglob("*"))
        outcomes: Counter[str] = Counter()
        for step in range(STEPS):
            self._restore("old")
            limit = 4096 + largest * step // STEPS  # the first pages are for the log
            outcomes[self._fail_and_recover(f"files of {limit} bytes", self._index, lambda _: None, limit)] += 1
        _print_row("rebuilds with limited file sizes", _counted(outcomes))

    def fill_the_disk(self) -> None:
        """Rebuild on a disk with more and more room."""
        outcomes: Counter[str] = Counter()
        needed = sum(path.stat().st_size for path in (self._root / "new").rglob("*")) // 2
        with _disk(self._root / "disk") as disk:
            for step in range(STEPS):
                index = disk / "index"
                shutil.rmtree(index, ignore_errors=True)
                shutil.copytree(self._root / "old", index)
                size = shutil.disk_usage(disk).used + needed * step // STEPS
                _mount("-o", f"remount,size={size}", str(disk))
                outcomes[self._fail_and_recover(f"disk of {size} bytes", index, _enlarge)] += 1
        _print_row("rebuilds on a full disk", _counted(outcomes))

    def make_the_disk_read_only(self) -> None:
        """Rebuild and serve where nothing can be written."""
        with _disk(self._root / "disk") as disk:
            shutil.copytree(self._root / "old", disk / "index")
            _mount("-o", "remount,ro", str(disk))
            outcome = self._fail_and_recover(
                "read-only disk", disk / "index", lambda _: _mount("-o", "remount,rw", str(disk))
            )
        _print_row("a rebuild on a read-only disk", outcome)

    def rebuild_twice_at_once(self) -> None:
        """Start two rebuilds together: one does it, the other is refused or finds nothing to do."""
        outcomes: Counter[str] = Counter()
        for _ in range(10):
            self._restore("old")
            logs = [self._root / "one.log", self._root / "two.log"]
            processes = [start_command(log, "rebuild", "--index", str(self._index)) for log in logs]
            for process in processes:
                process.join()
            codes = [process.exitcode for process in processes]
            said = [log.read_text(encoding="utf-8") for log in logs]
            refused = ["another rebuild of" in text for text in said]
            if codes != [3 if one else 0 for one in refused] or all(refused):
                self.faults.append(f"two rebuilds at once: {codes}, {said}")
            self._expect("new", self._first_passage(self._open(self._index)), "after two rebuilds at once")
            outcomes["one refused" if any(refused) else "one after the other"] += 1
        _print_row("two rebuilds at once", _counted(outcomes))

    def change_what_is_open(self) -> None:
        """Overwrite, then cut off, each file in place while a server has it open: nothing guards against that."""
        outcomes: dict[str, list[str]] = {"same answers": [], "other answers": [], "no answers": []}
        ended = []
        for number in range(len(self._files())):
            self._restore("new")
            path = self._files()[number]
            with serving(self._index, self._root / "server.log") as server:
                with path.open("r+b") as file:
                    file.write(self._chance.randbytes(path.stat().st_size))
                outcomes[self._asked(server)].append(path.name)
                os.truncate(path, 0)
                self._asked(server)
                with suppress(subprocess.TimeoutExpired):
                    number = -server.process.wait(1)
                    ended.append(f"{path.name} ({signal.Signals(number).name})")
        for outcome, names in outcomes.items():
            _print_row(f"overwritten in place: {outcome}", ", ".join(names) or "none")
        _print_row("cut off in place: the server ends", ", ".join(ended) or "none")

    def _asked(self, server: Server) -> str:
        """Ask a server all questions; return how its answers are."""
        try:
            replies = [_without_time(server.ask(question)) for question in self._questions]
        except (OSError, HTTPException, ValueError):
            return "no answers"
        return "same answers" if replies == self._right else "other answers"

    def _damage_one(self, kind: str, path: Path, damage: Callable[[Path], object], *, mend: bool = False) -> str:
        """Damage a file below a service that has the old generation open, and below one that starts."""
        self._restore("old")
        self._running.open()
        self._restore("new")
        damage(path)
        forbidden = not path.is_symlink() and path.exists() and not path.stat().st_mode & 0o777
        message = ""
        with _as_nobody() if forbidden else nullcontext():
            with suppress(QAError):
                self._running.open()
            try:
                replies = self._replies(self._open(self._index))
            except QAError as error:
                message = str(error)
        if message:
            self._expect("old", self._first_passage(self._running), f"{kind}: running service")
            named = path if path.name != "CURRENT" else self._index  # a wrong id leads to another place below
            if str(named) not in message:
                self.faults.append(f"{kind}: not named: {message}")
            if mend and not self._mend(message):
                self.faults.append(f"{kind}: not mended: {message}; {self._said()}")
            return "refused, then mended" if mend else "refused"
        if replies != self._right:
            self.faults.append(f"{kind}: other answers and no message")
        return "harmless"

    def _fail_and_recover(
        self, kind: str, index: Path, make_room: Callable[[Path], object], max_file_bytes: int | None = None
    ) -> str:
        """Rebuild where it may fail; whatever is served must be whole, and with room the next rebuild succeeds."""
        limits = {} if max_file_bytes is None else {"max_file_bytes": max_file_bytes}
        code = command(self._log, "rebuild", "--index", str(index), **limits)
        said = self._said()
        if code and ("cannot be written" not in said or "Traceback" in said):
            self.faults.append(f"{kind}: exit code {code}, {said}")
        self._expect("old" if code else "new", self._first_passage(self._open(index)), kind)
        pointer = read_pointer(index)
        assert pointer
        left = {path.name for path in (index / "generations").iterdir()} - {pointer.current, pointer.previous}
        if left:
            self.faults.append(f"{kind}: left behind {left}")
        make_room(index.parent)
        if code and command(self._log, "rebuild", "--index", str(index)):
            self.faults.append(f"{kind}: with room: {self._said()}")
        self._expect("new", self._first_passage(self._open(index)), f"{kind}, then room")
        return "failed, then mended" if code else "fitted"

    def _mend(self, message: str) -> bool:
        """Run the command that a message names; tell whether the generation has its bytes again."""
        arguments = shlex.split(message.rpartition("run: qa ")[2])
        new = self._current(self._root / "new")
        return (
            command(self._log, *arguments) == 0
            and bytes_of(generation_folder(self._index, new)) == bytes_of(generation_folder(self._root / "new", new))
            and self._replies(self._open(self._index)) == self._right
        )

    def _rebuild(self) -> int:
        return command(self._log, "rebuild", "--index", str(self._index))

    def _restore(self, name: str) -> None:
        shutil.rmtree(self._index, ignore_errors=True)
        shutil.copytree(self._root / name, self._index)

    def _files(self) -> list[Path]:
        """Return the files of the current generation and the pointer."""
        self._restore("new")
        folder = generation_folder(self._index, self._current(self._index))
        return [*sorted(path for path in folder.rglob("*") if path.is_file()), self._index / "CURRENT"]

    def _replies(self, service: Service) -> list[dict[str, Any]]:
        return [_without_time(reply_to_json(service.ask(question))) for question in self._questions]

    def _expect(self, name: str, passage: str, where: str) -> None:
        if self._facts[name] not in passage:
            self.faults.append(f"{where}: {passage!r} is not of the {name} generation")

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @staticmethod
    def _open(index: Path) -> Service:
        service = Service(Settings(index=index))
        service.open()
        return service

    @staticmethod
    def _first_passage(service: Service) -> str:
        return service.ask(MARKER).passages[0].hit.passage.text

    @staticmethod
    def _current(index: Path) -> str:
        pointer = read_pointer(index)
        assert pointer
        return pointer.current


def _without_time(reply: dict[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in reply["index"].items() if name != "built_at"}  # mending changes it
    return json.loads(json.dumps({**reply, "index": about, "took_ms": 0}))


def _print_row(name: str, value: str) -> None:
    print(f"{name:<37} {value}", flush=True)


def _counted(outcomes: Counter[str]) -> str:
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Be a user without rights for a while; who is not root is one already."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(user)


@contextmanager
def _disk(folder: Path) -> Iterator[Path]:
    """Mount a small disk in memory."""
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=64m", "none", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _enlarge(disk: Path) -> None:
    _mount("-o", "remount,size=64m", str(disk))


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


if __name__ == "__main__":
    main()
