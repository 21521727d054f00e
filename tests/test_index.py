import json
import math
import shutil
from collections import Counter
from dataclasses import replace

import faiss
import numpy as np
import pytest

from qa.corpus import read_corpus
from qa.errors import IndexMissing, IndexUnusable
from qa.index import (
    FORMAT,
    Pointer,
    check_model,
    generation_folder,
    open_index,
    read_manifest,
    read_pointer,
    write_pointer,
)
from qa.rebuild import cut, rebuild
from qa.search import search
from qa.settings import Settings
from qa.vectors import DEFAULT_MODEL, Embedder, ModelInfo
from qa.words import stems, words_of

CORPUS = {
    "a.md": "# Light\n\nThe light burns, it burns.\n\n<!-- questions:\n- Does the lamp burn?\n-->\n\n## E\n\nOut.",
    "b.txt": "Soup is cold. The rye-bread of Ystad is warm. " * 60,  # one paragraph, three passages
}


@pytest.fixture
def made(tmp_path, write, pretend_models):
    """The settings of a small index, made with pretend models."""
    settings = Settings(corpus=write(tmp_path / "corpus", CORPUS), index=tmp_path / "the index")
    rebuild(settings, force=False, progress=lambda *_: None)
    return settings


def generation(settings):
    pointer = read_pointer(settings.index)
    assert pointer
    return generation_folder(settings.index, pointer.current)


def refusal(settings):
    """Return the message with which the index is refused."""
    with pytest.raises(IndexUnusable) as caught:
        open_index(settings.index)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(f"run: qa rebuild --force --index '{settings.index}'")
    return message


def test_an_opened_index_holds_what_was_written(made):
    """Documents, passages and attached questions come back equal to what the corpus gives."""
    documents = read_corpus(made.corpus, made.max_document_bytes, made.max_document_seconds).documents
    passages, _ = cut(documents)

    index = open_index(made.index)

    assert tuple(index.documents.values()) == documents
    assert list(index.passages) == passages
    assert [row for name in index.documents for row in index.passages_of(name)] == list(range(len(passages)))
    assert [index.passages[row].document_id for row in index.passages_of(documents[1].id)] == [
        passage.document_id for passage in passages if passage.document_id == documents[1].id
    ]
    assert [question.text for question in index.questions] == ["Does the lamp burn?"]
    assert "light burns" in index.passages[index.questions[0].passage].text
    assert index.manifest == read_manifest(generation(made))
    assert (index.manifest.format, index.manifest.documents, index.manifest.passages) == (FORMAT, 2, len(passages))


def test_rows_belong_to_their_passages(made):
    """Vectors of sentences stand before those of questions and of sentences with an opening; each has its passage."""
    index = open_index(made.index)
    counts = [len(passage.sentences) for passage in index.passages]

    continuing = [row for row, passage in enumerate(index.passages) if passage.opening]
    again = [row for row in continuing for _ in range(counts[row])]
    assert again
    assert index.vectors.ntotal == len(index.parents) == sum(counts) + 1 + len(again)
    assert index.sentence_rows[0] == 0
    for row, count in enumerate(counts):
        first, after = index.sentence_rows[row : row + 2]
        assert after - first == count
        assert set(index.parents[first:after].tolist()) == {row}
    asked = index.questions[0].passage
    assert index.parents[sum(counts) :].tolist() == [asked, *again]
    further = [index.further_rows_of(row) for row in range(len(counts))]
    assert [len(rows) for rows in further] == [
        int(row == asked) + counts[row] * (row in continuing) for row in range(len(counts))
    ]
    assert all((index.parents[rows] == row).all() for row, rows in enumerate(further))


def test_the_vocabulary_counts_passages(made):
    """Every word of passages and headings is known with the number of passages that hold it, and those in parts."""
    index = open_index(made.index)

    counts = Counter(word for p in index.passages for word in {w.folded for w in words_of(p.context + p.text)})

    assert dict(index.vocabulary) == dict(counts)
    assert "soup" in counts
    assert "light" in counts
    assert index.vocabulary.in_parts("ryebread") == "rye-bread"


def test_keyword_scores_are_what_the_formula_gives(made):
    """The scores of bm25s equal BM25 (Robertson; Lucene's idf; k1 1.5, b 0.75) computed in plain Python."""
    index = open_index(made.index)
    attached = {question.passage: question.text for question in index.questions}
    texts = [stems(f"{p.context} {p.text} {attached.get(row, '')}") for row, p in enumerate(index.passages)]
    mean = sum(map(len, texts)) / len(texts)

    scores = index.keywords.scores(["burn", "soup", "unheard"])

    for text, score in zip(texts, scores, strict=True):
        expected = 0.0
        for word in ("burn", "soup"):
            holding = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
            count = text.count(word)
            expected += idf * count / (count + 1.5 * (1 - 0.75 + 0.75 * len(text) / mean))
        assert score == pytest.approx(expected, rel=1e-4, abs=1e-6)


def test_nothing_on_disk_is_a_pickle(made):
    """Arrays load without pickle, and all other files are text, JSON or Faiss's own format."""
    for path in generation(made).rglob("*"):
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
        else:
            assert path.is_dir() or path.suffix in (".json", ".jsonl", ".txt", ".faiss")


@pytest.mark.parametrize("damage", ["truncate", "empty", "flip", "append", "remove"])
def test_damage_to_any_file_is_noticed(made, damage):
    """A generation with any file cut off, emptied, changed in a bit, longer or missing is refused, naming the file."""
    root = generation(made)
    names = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    assert {"manifest.json", "documents.jsonl", "vectors.faiss", "parents.npy", "tokens.states.npy"} < set(names)
    assert any(name.startswith("keywords.") for name in names)

    for name in names:
        path = root / name
        data = path.read_bytes()
        middle = len(data) // 2
        match damage:
            case "truncate":
                path.write_bytes(data[:middle])
            case "empty":
                path.write_bytes(b"")
            case "flip":
                path.write_bytes(data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :])
            case "append":
                path.write_bytes(data + b"\n")
            case "remove":
                path.unlink()
        if data or damage == "append":
            assert str(path) in refusal(made)
        path.write_bytes(data)
    open_index(made.index)


def test_any_changed_byte_of_manifest_and_pointer_is_noticed(made):
    """With any byte of the pointer changed, or any third one of the manifest, the index is refused."""
    for path, step in ((generation(made) / "manifest.json", 3), (made.index / "CURRENT", 1)):
        data = path.read_bytes()
        for place in range(0, len(data), step):
            path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            assert str(made.index) in refusal(made)
        path.write_bytes(data)
    open_index(made.index)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"current": 5}', b"{"])
def test_a_broken_pointer_is_named(made, content):
    """A pointer that is no pointer is refused with its path."""
    (made.index / "CURRENT").write_bytes(content)

    assert str(made.index / "CURRENT") in refusal(made)


def test_a_pointer_to_nothing_names_what_is_missing(made):
    """A pointer to a generation that is not there is refused with the path that it leads to."""
    write_pointer(made.index, Pointer("nowhere", "2026-01-01T00:00:00+00:00", None, None))

    assert f"{generation_folder(made.index, 'nowhere')}/manifest.json is missing" in refusal(made)


def test_a_generation_under_another_name_is_refused(made):
    """A generation folder that was renamed is refused with both ids."""
    root = generation(made)
    shutil.move(root, root.with_name("other"))
    write_pointer(made.index, Pointer("other", "2026-01-01T00:00:00+00:00", None, None))

    assert f"says that it is generation {root.name}, not other" in refusal(made)


def test_no_index_is_another_error_than_a_bad_one(tmp_path):
    """Where nothing was built yet, the message is the command that builds."""
    with pytest.raises(IndexMissing, match=rf"there is no index in {tmp_path}; run: qa rebuild --index {tmp_path}$"):
        open_index(tmp_path)
    with pytest.raises(IndexMissing, match="there is no index in"):
        open_index(tmp_path / "gone")


def test_a_file_in_place_of_the_index_is_unusable(tmp_path):
    """A path that is no folder is refused by name."""
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(IndexUnusable, match=r"file/CURRENT cannot be read \(Not a directory\); --index .* must name a"):
        open_index(tmp_path / "file")


def test_another_format_is_refused_with_both_numbers(made):
    """An index of another format is refused; the message names both formats."""
    path = generation(made) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "format": 99}), encoding="utf-8")

    assert f"{path} has format 99, this program reads format {FORMAT}" in refusal(made)


def test_another_model_is_refused_with_names_and_hashes(made):
    """An index made with another model is refused; the message names both models, both hashes and both ways out."""
    index = open_index(made.index)
    check_model(made.index, index, index.manifest.model)

    with pytest.raises(IndexUnusable) as caught:
        check_model(made.index, index, ModelInfo("other model", "abcdef0123456789" * 4, 384))

    message = str(caught.value)
    made_with = index.manifest.model
    for part in (
        made_with.name,
        made_with.sha256[:12],
        "8 dimensions",
        "other model",
        "abcdef012345",
        "384 dimensions",
    ):
        assert part in message
    assert message.endswith(
        f"; set QA_MODEL={made_with.name} or run: QA_MODEL='other model' qa rebuild --index '{made.index}'"
    )


def test_the_same_name_with_other_weights_is_refused(made):
    """A model whose weights changed under its name does not fit the index any more."""
    index = open_index(made.index)

    with pytest.raises(IndexUnusable, match=r"dimensions\); run: QA_MODEL=bge-small-en-v1\.5 qa rebuild --index "):
        check_model(made.index, index, replace(index.manifest.model, sha256="f" * 64))


def test_token_states_of_another_encoder_are_refused(made, monkeypatch):
    """An index whose token states another encoder made is refused with both names and the command."""
    index = open_index(made.index)
    monkeypatch.setattr("qa.index.token_encoder_id", lambda: "other-encoder:1:2")

    with pytest.raises(IndexUnusable) as caught:
        check_model(made.index, index, index.manifest.model)

    made_with = index.manifest.late_interaction
    assert f"were made with {made_with}, in use is other-encoder:1:2; run: qa rebuild --index '" in str(caught.value)


@pytest.mark.model
def test_faiss_finds_what_numpy_finds(tiny_index):
    """Faiss gives the same rows with the same cosines as numpy, over all rows and over a selection."""
    rows = tiny_index.vectors.reconstruct_n(0, tiny_index.vectors.ntotal)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(rows)), abs=1e-5)
    some = np.arange(0, len(rows), 3)

    for question in ("Who looked after the lamp?", "When is the garden open?", "How much sugar goes into the soup?"):
        vector = Embedder(DEFAULT_MODEL).encode(question)
        cosines = rows @ vector
        scores, found = tiny_index.vectors.search(vector[np.newaxis], 5)
        assert scores[0] == pytest.approx(np.sort(cosines)[::-1][:5], abs=1e-5)
        assert cosines[found[0]] == pytest.approx(scores[0], abs=1e-5)
        selection = faiss.SearchParameters(sel=faiss.IDSelectorBatch(some))
        scores, found = tiny_index.vectors.search(vector[np.newaxis], len(rows), params=selection)
        assert set(found[0][found[0] >= 0].tolist()) == set(some.tolist())
        assert scores[0][: len(some)] == pytest.approx(np.sort(cosines[some])[::-1], abs=1e-5)


@pytest.mark.model
def test_signals_of_a_hit_are_cosines_of_the_stored_vectors(tiny_index):
    """The sentence signal of a search is a plain product with a vector of a sentence or question."""
    question = "Who looked after the lamp?"
    embedder = Embedder(DEFAULT_MODEL)
    vector = embedder.encode(question)

    found = search(tiny_index, embedder, question, exact=True)

    assert len(found.hits) == len(tiny_index.passages)
    for hit in found.hits:
        own = [
            *range(*tiny_index.sentence_rows[hit.row : hit.row + 2]),
            *tiny_index.further_rows_of(hit.row),
        ]
        cosines = [float(tiny_index.vectors.reconstruct(int(row)) @ vector) for row in own]
        assert hit.signals.sentence == pytest.approx(max(cosines), abs=1e-5)


def test_names_are_words_that_are_written_with_a_capital_within_sentences(tmp_path, write, pretend_models):
    """What only opens a sentence, an item or a cell is one if it is no English word; headings do not count."""
    text = """# Notes on Copper

Tall trees stand at the mill of Penderby. Skagen is far. The Mill is old, the mill is small.

- Long ladders lean there.
- Zebulon waits.

| Word | Meaning |
|---|---|
| Rope | Warm wool from Ystad |
"""
    settings = Settings(corpus=write(tmp_path / "corpus", {"a.md": text}), index=tmp_path / "index")
    rebuild(settings, force=False, progress=lambda *_: None)

    names = open_index(settings.index).names

    assert {word for word in words_in(text) if word in names} == {"penderby", "skagen", "zebulon", "ystad"}


def words_in(text):
    return {word.folded for word in words_of(text)}
