import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from filelock import FileLock

from qa.cli import main
from qa.errors import IndexBusy, IndexMissing, IndexUnusable
from qa.index import generation_folder, open_index, read_pointer
from qa.rebuild import rebuild
from qa.rollback import rollback
from qa.settings import Settings
from tests.pretend import PretendEmbedder, PretendTokenEncoder, write_files

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[1]
OLD = {"tower.md": "# Tower\n\nThe keeper of the tower was Anna Lund. She kept three goats."}
NEW = {"tower.md": "# Tower\n\nThe keeper of the tower was Peter Frost. He kept a telescope in the attic."}
QUESTION = "Who was the keeper of the tower?"


def run_rebuild(settings: Settings) -> str:
    return rebuild(settings, force=False, progress=lambda *_: None).generation


def current(settings: Settings) -> str:
    return open_index(settings.index).manifest.id


@pytest.fixture(scope="module")
def two_generations(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, str, str]:
    """An index with a generation before the current one, and the ids of both."""
    root = tmp_path_factory.mktemp("rollback")
    settings = Settings(corpus=write_files(root / "corpus", OLD), index=root / "index")
    old = run_rebuild(settings)
    write_files(settings.corpus, NEW)
    return settings, old, run_rebuild(settings)


@pytest.fixture
def settings(two_generations, tmp_path) -> Settings:
    """A copy of that index, and of its documents, to change."""
    made = two_generations[0]
    shutil.copytree(made.corpus, tmp_path / "corpus")
    shutil.copytree(made.index, tmp_path / "index")
    return Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")


def test_a_rollback_goes_back_and_a_second_one_forward(settings, two_generations):
    """The pointer names the generation before with the time of its build; twice, and it is as it was."""
    _, old, new = two_generations
    before = read_pointer(settings.index)

    change = rollback(settings)

    assert (change.left, change.current, change.built_at) == (new, old, before.previous_built_at)
    assert current(settings) == old
    assert read_pointer(settings.index).previous == new
    assert rollback(settings).current == new
    assert read_pointer(settings.index) == before


def test_a_rebuild_after_a_rollback_goes_forward_again(settings, two_generations):
    """The documents are still the new ones, so that is what a rebuild makes; the other one stays to go back to."""
    _, old, new = two_generations
    rollback(settings)

    again = rebuild(settings, force=False, progress=lambda *_: None)

    assert again.generation == current(settings) == new
    assert (again.changed, again.embedded) == (True, 0)  # what was left is taken up again
    assert read_pointer(settings.index).previous == old


def test_a_damaged_generation_can_be_left(settings, two_generations):
    """When the current generation is damaged, the one before serves after a rollback."""
    _, old, new = two_generations
    (generation_folder(settings.index, new) / "vectors.faiss").write_bytes(b"")

    rollback(settings)

    assert current(settings) == old


def test_without_an_index_there_is_nothing_to_roll_back(tmp_path):
    """A missing index is an error with the mending command, and no folder is made."""
    with pytest.raises(IndexMissing, match=r"there is no index in .*/none; run: qa rebuild --index .*/none"):
        rollback(Settings(index=tmp_path / "none"))

    assert not (tmp_path / "none").exists()


def test_the_first_generation_has_none_before_it(tiny_settings, tmp_path):
    """An index that was built once cannot be rolled back, and stays as it is."""
    settings = replace(tiny_settings, index=Path(shutil.copytree(tiny_settings.index, tmp_path / "index")))
    before = (settings.index / "CURRENT").read_bytes()

    with pytest.raises(IndexUnusable, match="holds no generation before"):
        rollback(settings)

    assert (settings.index / "CURRENT").read_bytes() == before


def test_a_damaged_generation_is_not_gone_back_to(settings, two_generations):
    """Whichever file of the previous generation is changed or missing, it is named, and the current one goes on."""
    _, old, new = two_generations
    files = [path for path in generation_folder(settings.index, old).rglob("*") if path.is_file()]
    assert len(files) > 10
    for path in files:
        content = path.read_bytes()
        for damaged in (bytes([content[0] ^ 1]) + content[1:] if content else b"x", None):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            with pytest.raises(IndexUnusable) as caught:
                rollback(settings)
            message = str(caught.value)
            assert message.startswith(f"{new} goes on serving, since {old} before it cannot: {path} ")
            assert message.endswith("; there is nothing to go back to before the next rebuild of changed documents")
            assert "run: " not in message  # a rebuild of the same documents leaves the damage as it is
            assert current(settings) == new
            path.write_bytes(content)
    rollback(settings)


def test_a_generation_of_other_weights_is_not_gone_back_to(tmp_path):
    """A previous generation that the weights in use cannot search is refused with both names."""
    settings = Settings(corpus=write_files(tmp_path / "corpus", OLD), index=tmp_path / "index")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.rebuild.Embedder", PretendEmbedder)
        patch.setattr("qa.rebuild.token_encoder", PretendTokenEncoder)
        run_rebuild(settings)
    new = run_rebuild(settings)

    with pytest.raises(IndexUnusable, match=r"before it cannot: the index was made with .* 8 dimensions\), in use is"):
        rollback(settings)

    assert current(settings) == new


def test_a_rebuild_that_runs_is_not_disturbed(settings, two_generations):
    """While a rebuild holds the lock, a rollback is refused at once."""
    with (
        FileLock(settings.index / ".lock"),
        pytest.raises(IndexBusy, match=f"a rebuild of {settings.index} is running"),
    ):
        rollback(settings)

    assert current(settings) == two_generations[2]


def test_a_folder_that_cannot_be_written_keeps_its_pointer(settings, two_generations):
    """When the new pointer cannot be written, that is an error with the system's reason, and the old one stays."""
    (settings.index / ".CURRENT.new").mkdir()

    with pytest.raises(IndexUnusable, match=r"cannot be written \(Is a directory\)"):
        rollback(settings)

    assert current(settings) == two_generations[2]


def test_the_command_says_from_what_to_what(settings, two_generations):
    """`qa rollback` prints one line and exits with 0; a refusal is one line on stderr and exits with 3."""
    _, old, new = two_generations
    arguments = ["rollback", "--index", str(settings.index)]

    done = CliRunner().invoke(main, arguments)

    built_at = read_pointer(settings.index).built_at
    assert (done.exit_code, done.output) == (0, f"from generation {new} back to {old} of {built_at}\n")
    shutil.rmtree(generation_folder(settings.index, new))
    refused = CliRunner().invoke(main, arguments)
    assert (refused.exit_code, refused.stdout) == (3, "")
    assert refused.stderr.startswith(f"qa: {old} goes on serving, since {new} before it cannot: ")
    assert refused.stderr.count("\n") == 1


@contextmanager
def serving(index: Path) -> Iterator[int]:
    """Run `qa serve` and give its port."""
    command = [sys.executable, "-c", "from qa.cli import main; main()", "serve", "--port", "0", "--index", str(index)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QA_FEEDBACK": "off"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if "Serving on" in line:
                break
        assert process.poll() is None, lines
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield int(lines[-1].rpartition(":")[2])
        finally:
            process.terminate()


def test_a_running_server_follows(settings, two_generations):
    """While people ask, a rollback changes the answer within seconds, and no question fails or mixes generations."""
    _, old, new = two_generations
    replies = []
    with serving(settings.index) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)

        def ask_until(generation: str) -> None:
            end = time.monotonic() + 60
            while not replies or replies[-1][1]["index"]["id"] != generation:
                assert time.monotonic() < end
                connection.request("GET", "/api/v1/ask?" + urlencode({"q": QUESTION}))
                response = connection.getresponse()
                replies.append((response.status, json.loads(response.read())))

        ask_until(new)
        rollback(settings)
        ask_until(old)
        rollback(settings)
        ask_until(new)
        connection.close()

    assert {status for status, _ in replies} == {200}
    for _, reply in replies:
        assert ("Anna Lund" in reply["answer"]["text"]) is (reply["index"]["id"] == old)
        assert ("Peter Frost" in reply["answer"]["text"]) is (reply["index"]["id"] == new)
    assert [reply["index"]["id"] for _, reply in replies].count(old) >= 1
