import json

import pytest

from qa.beir import BeirQuery, read_beir
from qa.errors import CorpusError
from qa.rebuild import build
from tests.conftest import Writer
from tests.pretend import PretendEmbedder
from tests.retrieval_set import lines, retrieval_set


def test_a_set_is_read_as_it_was_written(tmp_path, write):
    """Every line of the corpus is a document under its own id; grades, answers and unanswerable ones come along."""
    found = read_beir(write(tmp_path, retrieval_set()))

    assert [document.id for document in found.documents] == ["d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8"]
    assert found.documents[0].title == "Lighthouse"
    assert found.documents[0].text.startswith("The lighthouse of Skagen")
    assert found.documents[1].title == found.documents[1].path == ""  # the id is in no text that is embedded
    assert found.queries[0] == BeirQuery(
        "q1", "How high is the lighthouse of Skagen?", {"d1": 2, "d2": 1}, ("46 metres",)
    )
    assert [query.id for query in found.unanswerable] == ["u1", "u2"]
    assert found.unanswerable[0].relevant == {}


def test_a_query_without_a_relevant_document_is_left_out(tmp_path, write):
    """A query that no line of the qrels names, or only with grade 0, is not asked."""
    files = retrieval_set()
    files["qrels/test.tsv"] += "q9\td1\t0\n"
    files["queries.jsonl"] += lines({"_id": "q8", "text": "Never judged?"}, {"_id": "q9", "text": "Judged as nothing?"})

    found = read_beir(write(tmp_path, files))

    assert {query.id for query in found.queries}.isdisjoint({"q8", "q9"})


def test_a_document_that_is_only_a_title_is_found_by_it(tmp_path, write):
    """A document without text stands with its title; one without both is left out."""
    files = retrieval_set()
    files["corpus.jsonl"] += lines(
        {"_id": "t", "title": "A study of bats", "text": ""}, {"_id": "n", "text": None}, {"_id": "e", "text": " "}
    )

    found = {document.id: document for document in read_beir(write(tmp_path, files)).documents}

    assert found["t"].text == "A study of bats"
    assert not found.keys() & {"n", "e"}


def test_an_id_may_be_anything(tmp_path, write, pretend_models):
    """Ids that no path could be are ids all the same, and the set can be indexed."""
    ids = ["", "/", "https://a.example/", "/etc/passwd", "a//b", "..", "a\0b", "a\nb", "x" * 300, "Ἰλιάς 😀", "a.md"]
    files = retrieval_set()
    files["corpus.jsonl"] = lines(*({"_id": name, "title": "T", "text": f"Text {n}."} for n, name in enumerate(ids)))

    documents = read_beir(write(tmp_path / "set", files)).documents
    index = build(documents, PretendEmbedder("any"), tmp_path / "index", lambda *_: None)

    assert [document.id for document in documents] == ids
    assert {passage.document_id: passage.text for passage in index.passages} == {
        name: f"Text {n}." for n, name in enumerate(ids)
    }


def test_what_other_programs_write_is_read_too(tmp_path, write):
    """Numbers for ids, byte order marks, grades with a point, and qrels without a header."""
    files = {
        "corpus.jsonl": "\ufeff" + lines({"_id": 1, "text": "One."}, {"_id": "2", "text": "Two."}),
        "queries.jsonl": "\ufeff" + lines({"_id": 7, "text": "Which is one?"}),
        "qrels/test.tsv": "7\t1\t2.0\n7\t2\t1\n",
    }

    found = read_beir(write(tmp_path, files))

    assert [document.id for document in found.documents] == ["1", "2"]
    assert [(query.id, query.relevant) for query in found.queries] == [("7", {"1": 2, "2": 1})]


def test_unanswerable_questions_may_be_missing(tmp_path, write):
    """A set without `unanswerable.jsonl` has none."""
    files = retrieval_set()
    del files["unanswerable.jsonl"]

    assert read_beir(write(tmp_path, files)).unanswerable == ()


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path, write, name):
    """Without one of the three files there is an error that names it."""
    files = retrieval_set()
    del files[name]

    with pytest.raises(CorpusError) as caught:
        read_beir(write(tmp_path / "set", files))

    assert str(tmp_path / "set" / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("corpus.jsonl", "{", "it is not JSON (Expecting property name enclosed in double quotes, column 2)"),
        ("corpus.jsonl", '{"text": "no id"}', "`_id` must be text or a whole number"),
        ("corpus.jsonl", '["no", "object"]', "it is no JSON object"),
        ("corpus.jsonl", '{"_id": 5.5, "text": "A number."}', "`_id` must be text or a whole number"),
        ("corpus.jsonl", '{"_id": "a", "title": 5, "text": "A number."}', "`title` must be text"),
        ("corpus.jsonl", '{"_id": "a", "text": 5}', "`text` must be text"),
        ("corpus.jsonl", '{"_id": "a", "title": "\\ud800", "text": "A half."}', "`title` holds half of a surrogate"),
        ("corpus.jsonl", '{"_id": "1", "text": "A."}\n{"_id": 1, "text": "B."}', "its `_id` 1 is that of an earlier"),
        ("corpus.jsonl", '{"_id": true, "text": "A."}', "`_id` must be text or a whole number"),
        ("corpus.jsonl", '{"_id": "a", "text": ' + "[" * 100_000, "it is nested too deeply"),
        ("corpus.jsonl", "", "holds no document with text"),
        ("queries.jsonl", '{"_id": "q1"}', "`text` is missing"),
        ("queries.jsonl", b"\xff\xfe", "is not UTF-8"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\n", "line 2 does not fit"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tvery\n", "with tabs between them"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\tinf\n", "line 2 does not fit"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nunknown\td1\t1\n", "names no relevant document"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error(tmp_path, write: Writer, name, content, reason):
    """Broken JSON, missing fields, wrong types, ids twice, bad bytes and bad grades are named, with the file."""
    files = retrieval_set() | {name: content}

    with pytest.raises(CorpusError) as caught:
        read_beir(write(tmp_path / "set", files))

    assert str(tmp_path / "set" / name) in str(caught.value)
    assert reason in str(caught.value)


def test_a_bad_line_is_named(tmp_path, write):
    """The message about a line that cannot be read holds its number, blank lines counted."""
    files = retrieval_set()
    files["corpus.jsonl"] = files["corpus.jsonl"].replace("\n", "\n\n") + "{"

    with pytest.raises(CorpusError, match=r"corpus\.jsonl, line 17 "):
        read_beir(write(tmp_path, files))


def test_the_lines_are_json():
    """The set that these tests write is what the layout asks for: one JSON object a line."""
    for name, content in retrieval_set().items():
        if name.endswith(".jsonl"):
            assert all({"_id", "text"} <= json.loads(line).keys() for line in content.splitlines())
