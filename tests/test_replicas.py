"""Servers on other machines: each reads a copy of the index, made in the order that docs/operations.md names."""

import re
import shutil
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from qa.index import open_index, read_pointer
from qa.rebuild import rebuild
from qa.service import POLL_SECONDS, Service
from qa.settings import Settings

pytestmark = pytest.mark.model

QUESTION = "Who was the keeper of the tower?"


def copy_generations(source: Path, target: Path) -> None:
    for generation in (source / "generations").iterdir():
        if not (target / "generations" / generation.name).exists():
            shutil.copytree(generation, target / "generations" / generation.name)


def copy_pointer(source: Path, target: Path) -> None:
    shutil.copy(source / "CURRENT", target / "CURRENT.new")
    (target / "CURRENT.new").rename(target / "CURRENT")


def test_replicas_take_over_what_is_copied(tmp_path, write):
    """Generations first, the pointer last: until then a replica answers from the old one, and soon from the new one."""
    origin = Settings(
        corpus=write(tmp_path / "corpus", {"a.md": "The keeper of the tower was Anna Lund."}), index=tmp_path / "index"
    )
    rebuild(origin, force=False, progress=lambda *_: None)
    folders = [tmp_path / "replica-1", tmp_path / "replica-2"]
    for folder in folders:
        copy_generations(origin.index, folder)
        copy_pointer(origin.index, folder)
    with ExitStack() as running:
        replicas = [running.enter_context(closing(Service(Settings(index=folder)))) for folder in folders]
        for replica in replicas:
            replica.open()
            replica.watch()
        old = replicas[0].index.manifest.id
        write(origin.corpus, {"a.md": "The keeper of the tower was Peter Frost."})
        new = rebuild(origin, force=False, progress=lambda *_: None).generation

        for folder in folders:
            copy_generations(origin.index, folder)
        time.sleep(2 * POLL_SECONDS)
        assert [replica.ask(QUESTION).index.manifest.id for replica in replicas] == [old, old]

        copy_pointer(origin.index, folders[0])
        wait_for(replicas[0], new)
        assert "Peter Frost" in replicas[0].ask(QUESTION).passages[0].hit.passage.text
        assert "Anna Lund" in replicas[1].ask(QUESTION).passages[0].hit.passage.text
        copy_pointer(origin.index, folders[1])
        wait_for(replicas[1], new)

    assert read_pointer(folders[0]) == read_pointer(folders[1]) == read_pointer(origin.index)


@pytest.mark.skipif(shutil.which("rsync") is None, reason="rsync is not installed")
def test_the_documented_commands_make_a_new_replica(tmp_path, write, pretend_models):
    """They are run as they stand, on this machine: nothing of the replica needs to be there before."""
    origin = Settings(corpus=write(tmp_path / "corpus", {"a.md": "One is here."}), index=tmp_path / "index")
    new = rebuild(origin, force=False, progress=lambda *_: None).generation
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
    commands = re.findall(r"^(?:ssh|rsync) .*replica.*", page, re.M)

    here = "\n".join(commands).replace("ssh replica ", "").replace("replica:", "").replace("/var/lib", str(tmp_path))
    subprocess.run(["/bin/sh", "-e", "-c", here], cwd=tmp_path, check=True)

    assert len(commands) == 4
    assert open_index(tmp_path / "qa" / "index").manifest.id == new


def wait_for(replica: Service, generation: str) -> None:
    end = time.monotonic() + 30
    while replica.index.manifest.id != generation:
        assert time.monotonic() < end
        time.sleep(0.02)
