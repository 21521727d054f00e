import json
import shutil
from collections import Counter, namedtuple
from collections.abc import Iterable
from dataclasses import replace
from email.message import Message
from pathlib import Path

import numpy
import pytest
from click.testing import CliRunner
from filelock import FileLock

from qa.cli import main
from qa.doctor import QUESTION_WORDS, SHOWN, Finding, State, examine, rarest_words, unmet
from qa.index import generation_folder, read_pointer
from qa.rebuild import rebuild
from qa.settings import Settings
from tests.pretend import PretendEmbedder, PretendTokenEncoder, write_files

pytestmark = pytest.mark.model

CHECKS = "settings versions weights disk feedback rollback index citations documents passages".split()


def examined(settings: Settings, *, fault: str = "") -> dict[str, Finding]:
    """Return the last finding of each check; no other check than `fault` may find one."""
    findings = [one for one in examine(settings, lambda *_: None) if one.check != "versions"]
    assert {one.check for one in findings if one.state is State.FAULT} == ({fault} if fault else set())
    return {one.check: one for one in findings}


def notes(findings: Iterable[Finding]) -> list[str]:
    return [one.message for one in findings if one.state is State.NOTE]


def built(root: Path, files: dict[str, str]) -> Settings:
    settings = Settings(corpus=write_files(root / "corpus", files), index=root / "index")
    rebuild(settings, force=False, progress=lambda *_: None)
    return settings


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def settings(tiny_settings, tmp_path) -> Settings:
    """A copy of the tiny index and its documents, to change."""
    shutil.copytree(tiny_settings.corpus, tmp_path / "corpus")
    shutil.copytree(tiny_settings.index, tmp_path / "index")
    return Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")


def test_a_sound_installation_has_no_faults_and_is_not_changed(settings, tmp_path):
    """Every check is made, in order, all are fine, and every byte stays."""
    before = contents(tmp_path)
    told = []

    findings = list(examine(settings, lambda *progress: told.append(progress)))

    assert [one.check for one in findings] == CHECKS
    assert [one.state for one in findings if one.check != "versions"] == [State.OK] * (len(CHECKS) - 1)
    assert findings[-1].message == "6 are found by their own rarest words"
    assert told == [("passages", number, 6) for number in range(1, 7)]
    assert contents(tmp_path) == before


def test_the_command_prints_a_line_for_each_check(settings):
    """`qa doctor` exits with 0 when there is no fault, with 1 when there is one; details stand below their check."""
    arguments = ["doctor", "--corpus", str(settings.corpus), "--index", str(settings.index)]

    fine = CliRunner().invoke(main, arguments)
    write_files(settings.corpus, {"more.txt": "One more."})
    faulty = CliRunner().invoke(main, arguments)

    assert (fine.exit_code, fine.stderr) == (0, "")
    assert [line.split()[1] for line in fine.stdout.splitlines() if not line.startswith(" ")] == CHECKS
    assert faulty.exit_code == 1
    assert f"fault  documents  {settings.corpus} is not what was indexed; run: qa rebuild --corpus " in faulty.stdout
    assert "\n                  added: more.txt\n" in faulty.stdout


def test_the_findings_can_be_read_by_a_program(settings):
    """`--json` prints one object: whether all is fine, and every finding."""
    arguments = ["doctor", "--json", "--corpus", str(settings.corpus), "--index", str(settings.index)]

    fine = json.loads(CliRunner().invoke(main, arguments).stdout)
    (settings.index / "CURRENT").unlink()
    done = CliRunner().invoke(main, arguments)

    assert (fine["fine"], [one["check"] for one in fine["findings"]]) == (True, CHECKS)
    assert set(fine["findings"][0]) == {"check", "state", "message", "details"}
    assert (done.exit_code, json.loads(done.stdout)["fine"]) == (1, False)


def test_a_setting_that_cannot_be_used_is_wrong_usage():
    """As for every command: exit code 2 and one line."""
    done = CliRunner().invoke(main, ["doctor"], env={"QA_PORT": "many"})

    assert (done.exit_code, done.stderr) == (2, "qa: QA_PORT is 'many'; it must be a whole number\n")


def test_whichever_file_is_damaged_is_named(settings):
    """A changed or missing file of the current generation is the fault of the index, with the mending command."""
    root = generation_folder(settings.index, read_pointer(settings.index).current)
    for path, content in contents(root).items():
        for damaged in (bytes([content[0] ^ 1]) + content[1:] if content else b"x", None):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            message = examined(settings, fault="index")["index"].message
            assert message.startswith(f"{path} ")
            assert message.endswith(f"; run: qa rebuild --force --index {settings.index}")
            path.write_bytes(content)
    examined(settings)


def test_an_index_that_is_not_there_is_a_fault(tmp_path):
    """Without an index, the command that makes one is named; nothing is made."""
    message = examined(Settings(index=tmp_path / "none"), fault="index")["index"].message

    assert message == f"there is no index in {tmp_path / 'none'}; run: qa rebuild --index {tmp_path / 'none'}"
    assert not (tmp_path / "none").exists()


def test_a_pointer_to_nothing_is_a_fault(settings):
    """A pointer to a generation that is gone names the file that is missing."""
    shutil.rmtree(settings.index / "generations")

    assert "manifest.json is missing; run: qa rebuild" in examined(settings, fault="index")["index"].message


def test_a_damaged_pointer_is_one_fault(settings):
    """A pointer that cannot be read is named once, though several checks follow it."""
    (settings.index / "CURRENT").write_bytes(b"\xff\x00")

    assert "CURRENT cannot be read" in examined(settings, fault="index")["index"].message


def test_an_index_of_other_weights_is_a_fault(tmp_path, monkeypatch):
    """Weights that did not make the index cannot search it."""
    with monkeypatch.context() as patch:
        patch.setattr("qa.rebuild.Embedder", PretendEmbedder)
        patch.setattr("qa.rebuild.token_encoder", PretendTokenEncoder)
        settings = built(tmp_path, {"a.txt": "The first text."})

    assert "was made with" in examined(settings, fault="index")["index"].message


def test_weights_that_are_missing_are_a_fault(settings):
    """A model that cannot be loaded is named, and the rest is examined as far as it can be."""
    findings = {one.check: one for one in examine(replace(settings, model="/no/such"), lambda *_: None)}

    assert findings["weights"].state is findings["index"].state is State.FAULT
    assert "/no/such" in findings["weights"].message
    assert findings["disk"].state is State.OK


def test_the_generation_before_is_examined_too(settings):
    """One that can be gone back to is named; a damaged one is worth a note, since the current one serves."""
    old = read_pointer(settings.index).current
    write_files(settings.corpus, {"garden.txt": "The garden was sold."})
    rebuild(settings, force=False, progress=lambda *_: None)

    assert old in examined(settings)["rollback"].message
    (generation_folder(settings.index, old) / "parents.npy").unlink()
    found = examined(settings)["rollback"]
    assert found.state is State.NOTE
    assert "`qa rollback` would be refused: " in found.message
    assert "parents.npy" in found.message
    assert found.message.endswith("; there is nothing to go back to before the next rebuild of changed documents")


def test_a_generation_that_nothing_names_is_a_note(settings):
    """One that could not be removed, as of another user, takes room for ever."""
    generation_folder(settings.index, "0123456789abcdef").mkdir()

    note = next(found for found in examine(settings, lambda *_: None) if "nothing names" in found.message)

    assert (note.check, note.state) == ("disk", State.NOTE)
    assert "generations/0123456789abcdef" in note.message


def test_documents_that_changed_are_listed(settings):
    """What was changed, added or removed since the build is a fault; what is not indexed is a note."""
    write_files(settings.corpus, {"garden.txt": "The garden was sold.", "new.md": "New.", "picture.png": "x"})
    (settings.corpus / "lighthouse.md").unlink()

    findings = list(examine(settings, lambda *_: None))

    changed, skipped = (one for one in findings if one.check == "documents")
    assert (changed.state, skipped.state) == (State.FAULT, State.NOTE)
    assert changed.details == ("changed: garden.txt", "added: new.md", "removed: lighthouse.md")
    assert skipped.details[0].startswith("picture.png: unknown kind of file")
    (mend,) = (word for word in [changed.message.partition("run: qa ")[2]])
    assert CliRunner().invoke(main, mend.split()).exit_code == 0
    assert not [one for one in examine(settings, lambda *_: None) if one.state is State.FAULT]


def test_an_index_among_the_documents_is_none_of_them(settings):
    """An index that lies within its corpus is not compared with it."""
    inside = replace(settings, index=settings.corpus / "index")
    shutil.move(settings.index, inside.index)

    assert examined(inside)["documents"].state is State.OK


def test_a_replica_without_documents_is_sound(settings):
    """Whoever only serves an index has no folder of documents: that is a note."""
    shutil.rmtree(settings.corpus)

    assert "there is no folder" in notes([examined(settings)["documents"]])[0]


def test_a_folder_without_documents_is_a_fault(settings):
    """A folder in which nothing can be read says so."""
    shutil.rmtree(settings.corpus)
    settings.corpus.mkdir()

    assert "no readable document" in examined(settings, fault="documents")["documents"].message


def test_the_disk_must_hold_what_a_rebuild_writes(settings, monkeypatch):
    """Too little room is a fault that says how much is needed."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("qa.doctor.shutil.disk_usage", lambda _: usage(10**9, 10**9, 1000))

    message = examined(settings, fault="disk")["disk"].message

    assert message.startswith(f"0 MB are free in {settings.index}, a rebuild may need ")


def test_a_folder_that_cannot_be_written_is_a_note():
    """A read-only index serves; a folder that the system keeps cannot be written by anybody."""
    found = next(one for one in examine(Settings(index=Path("/proc")), lambda *_: None) if one.check == "disk")

    assert found.state is State.NOTE
    assert found.message.startswith("/proc cannot be written (")


def test_verdicts_that_cannot_be_kept_are_a_note(settings, tmp_path):
    """No folder for the file, or a file of something else; what is asked of nobody need not be kept."""
    other = tmp_path / "notes.txt"
    other.write_text("These are notes. " * 100, encoding="utf-8")
    for path, reason in ((tmp_path / "no" / "f.sqlite", "No such file or directory"), (other, "not a database")):
        found = examined(replace(settings, feedback=path))["feedback"]
        assert found.state is State.NOTE
        assert found.message.startswith(f"verdicts on answers cannot be kept in {path} (")
        assert reason in found.message

    assert examined(replace(settings, feedback=Path("off")))["feedback"].state is State.OK
    assert other.read_text(encoding="utf-8") == "These are notes. " * 100


def test_a_rebuild_that_runs_is_told(settings):
    """While a rebuild holds the lock, that is a note, and everything else is examined."""
    with FileLock(settings.index / ".lock"):
        findings = list(examine(settings, lambda *_: None))

    assert f"a rebuild of {settings.index} is running" in notes(findings)
    assert findings[-1].check == "passages"


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({}, []),
        ({"host": "localhost"}, []),
        ({"host": "::1"}, []),
        ({"host": "0.0.0.0", "tokens_sha256": "a" * 64}, []),
        ({"host": "0.0.0.0"}, ["QA_HOST is 0.0.0.0 and QA_TOKENS_SHA256 is off"]),
        ({"host": "example.org"}, ["QA_HOST is example.org and QA_TOKENS_SHA256 is off"]),
        ({"min_confidence": 0}, ["QA_MIN_CONFIDENCE is 0: every question is answered"]),
        ({"min_confidence": 1.0}, ["QA_MIN_CONFIDENCE is 1: every question is refused"]),
        ({"model": "m", "host": "::"}, ["QA_HOST is :: ", "QA_MODEL is m: "]),
    ],
)
def test_settings_out_of_the_ordinary_are_notes(tmp_path, changes, messages):
    """Each of them is named with what it leads to."""
    findings = examine(Settings(index=tmp_path, **changes), lambda *_: None)
    found = notes(one for one in findings if one.check == "settings")

    assert len(found) == len(messages)
    assert all(one.startswith(message) for one, message in zip(found, messages, strict=True))


def test_packages_are_held_against_their_ranges():
    """A package that is missing or too old is named; extras and other systems are not looked at."""
    met = ["numpy>=2", "click<99", "mcp>=99; extra == 'mcp'", "pywin32>=1; sys_platform == 'win32'", "torch==2.13.0"]

    assert unmet(met) == {}
    assert unmet([*met, "no-such-package>=1", "numpy>=99,<100"]) == {
        "no-such-package>=1": "no-such-package is not installed",
        "numpy<100,>=99": f"numpy {numpy.__version__} is installed",
    }


def test_versions_are_those_that_the_package_asks_for(monkeypatch, tmp_path):
    """What the installed package says that it needs is what is compared; the mending command names what is not met."""
    about = Message()
    for name, value in (("Requires-Python", ">=3.11"), ("Requires-Dist", "click>=8"), ("Requires-Dist", "numpy>=99")):
        about[name] = value
    monkeypatch.setattr("qa.doctor.metadata.metadata", lambda _: about)

    (found,) = (one for one in examine(Settings(index=tmp_path), lambda *_: None) if one.check == "versions")

    assert found.state is State.FAULT
    assert found.message.endswith("; run: pip install 'numpy>=99'")
    about.replace_header("Requires-Python", ">=99")
    first, _ = (one for one in examine(Settings(index=tmp_path), lambda *_: None) if one.check == "versions")
    assert first.message.endswith(" runs, needed is >=99; install it and start anew")


def test_a_question_is_made_of_the_rarest_words(tiny_index):
    """The words that the fewest passages hold, each once, in the order of the text."""
    (passage,) = (one for one in tiny_index.passages if "Admission" in one.text)
    spread = Counter({"garden": 9, "open": 9, "nine": 1, "five": 1, "admiss": 2, "free": 2, "sunday": 1, "dog": 1})

    question = rarest_words(passage, spread)

    assert passage.text.startswith("The garden is open from nine to five.")
    assert len(question.split()) == QUESTION_WORDS
    assert "garden" not in question
    assert "open" not in question


def test_passages_that_cannot_be_found_are_listed(tmp_path):
    """Texts that differ in stop words alone cannot all come first: those that do not are listed with their question."""
    texts = [
        f"{one} fox {is_} in {other} river." for one in ("The", "A") for is_ in ("is", "was") for other in ("a", "the")
    ]
    settings = built(tmp_path, {f"{number}.txt": text for number, text in enumerate(texts)})

    found = examined(settings, fault="passages")["passages"]

    assert found.message.startswith(f"{8 - SHOWN} of 8 are not among the first {SHOWN} for their own rarest words; ")
    assert sorted(detail.partition(": ")[2] for detail in found.details) == [
        f'number {rank} for "fox river"' for rank in range(SHOWN + 1, 9)
    ]


def test_a_copy_that_is_shown_counts_as_found(tmp_path):
    """Of many documents that say the same, one is shown, and that is as good as any."""
    settings = built(tmp_path, {f"{n}.txt": "The ferry leaves at noon and returns at midnight." for n in range(9)})

    message = examined(settings)["passages"].message

    assert message == f"9 are found by their own rarest words ({9 - SHOWN} in another passage with the same sentence)"


def test_a_passage_without_words_is_a_note(tmp_path):
    """What holds only stop words cannot be asked for."""
    settings = built(tmp_path, {"a.txt": "To be or not to be.", "b.txt": "The ferry leaves at noon."})

    findings = [one for one in examine(settings, lambda *_: None) if one.check == "passages"]

    assert [one.state for one in findings] == [State.OK, State.NOTE]
    assert findings[0].message == "1 are found by their own rarest words"
    assert findings[1].details[0].endswith(":0-19")


def test_a_check_that_breaks_does_not_end_the_examination(settings, monkeypatch):
    """Whatever a check meets is its finding, and the others go on."""

    def broken(_):
        raise KeyError("x")

    monkeypatch.setattr("qa.doctor.faults", broken)

    findings = examined(settings, fault="citations")

    assert findings["citations"].message == "could not be examined (KeyError: 'x')"
    assert findings["passages"].state is State.OK


def test_citations_that_are_wrong_are_listed(settings, monkeypatch):
    """What `qa verify` finds is a fault."""
    monkeypatch.setattr("qa.doctor.faults", lambda _: [f"a.md:{n}-9: wrong" for n in range(30)])

    found = examined(settings, fault="citations")["citations"]

    assert found.details[0] == "a.md:0-9: wrong"
    assert (len(found.details), found.details[-1]) == (21, "… and 10 more")
