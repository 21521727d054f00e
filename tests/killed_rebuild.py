"""Kill a rebuild at each of its steps on the disk, and say for each what is left. Run by test_rebuild.py, not a test.

A step is an audit event (opening a file to write, making a folder, renaming, removing); the process is killed by
SIGKILL just before it. Each such rebuild runs in a fork of this process, so that a hundred of them need no start.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import bm25s  # noqa: F401 - now, and not anew in each fork

import qa.corpus
import qa.rebuild
from qa.index import open_index, read_pointer
from qa.settings import Settings
from tests.pretend import PretendConfined, PretendEmbedder, PretendTokenEncoder, write_files

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree", "os.truncate")
OLD = {"a.txt": "The first text.", "b.txt": "The second text."}
NEW = {"a.txt": "The first text is longer now.", "c.txt": "A third text."}


NEVER = 0


def run(settings: Settings) -> None:
    """Rebuild to the end, in a fork too: this process must not have threads, which a fork would lack."""
    run_and_kill(settings, NEVER, force=False)


def run_and_kill(settings: Settings, kill_before: int, *, force: bool) -> bool:
    """Rebuild in a fork that dies before the given step; return whether it came to that."""
    child = os.fork()
    if not child:
        count = 0

        def step(event: str, args: tuple[object, ...]) -> None:
            nonlocal count
            if event in STEPS and (event != "open" or (isinstance(args[2], int) and args[2] & os.O_CREAT)):
                count += 1
                if count == kill_before:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        qa.rebuild.rebuild(settings, force=force, progress=lambda *_: None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or not os.WEXITSTATUS(status), "the rebuild failed"
    return os.WIFSIGNALED(status)


def main() -> None:
    os.fsync = lambda _: None  # it guards against a power cut, not against a kill, and takes most of the time
    root, force = Path(sys.argv[1]), sys.argv[2] == "force"
    qa.corpus.Confined = PretendConfined
    qa.rebuild.Embedder = PretendEmbedder
    qa.rebuild.token_encoder = PretendTokenEncoder
    base = Settings(corpus=root / "corpus", index=root / "base")
    for version in ({"a.txt": "Before."}, OLD):
        shutil.rmtree(base.corpus, ignore_errors=True)
        write_files(base.corpus, version)
        run(base)
    old = read_pointer(base.index)
    if not force:
        shutil.rmtree(base.corpus)
        write_files(base.corpus, NEW)
    reports, killed, number = [], True, 0
    while killed:
        number += 1
        settings = Settings(corpus=base.corpus, index=root / "index")
        shutil.rmtree(settings.index, ignore_errors=True)
        shutil.copytree(base.index, settings.index)
        killed = run_and_kill(settings, number, force=force)
        opened = open_index(settings.index)
        run(settings)
        mended = read_pointer(settings.index)
        left = sorted(path.relative_to(settings.index).as_posix() for path in settings.index.glob("*"))
        kept = sorted(path.name for path in (settings.index / "generations").glob("*"))
        reports.append(
            {"killed": killed, "opened": opened.manifest.id, "current": mended.current, "kept": kept, "left": left}
        )
    json.dump({"old": old.current, "previous": old.previous, "reports": reports}, sys.stdout)


if __name__ == "__main__":
    main()
