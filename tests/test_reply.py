import json
from typing import Any

import pytest

from qa.answer import Reply, answer
from qa.index import Index
from qa.reply import document_to_json, index_to_json, reply_to_json
from qa.vectors import Embedder

pytestmark = pytest.mark.model


def ask(index: Index, embedder: Embedder, question: str, limit: float = 0.5) -> Reply:
    return answer(index, embedder, question, min_confidence=limit)


@pytest.fixture(scope="module")
def reply(tiny_index: Index, embedder: Embedder) -> Reply:
    return ask(tiny_index, embedder, "How high is the lighthuose of Skagen?")


@pytest.fixture(scope="module")
def written(reply: Reply) -> dict[str, Any]:
    """The reply as a client reads it."""
    return json.loads(json.dumps(reply_to_json(reply), allow_nan=False))


def test_a_reply_says_what_was_searched(written):
    """The question, the searched form and each corrected word are there."""
    assert written["question"] == "How high is the lighthuose of Skagen?"
    assert written["searched"] == "How high is the lighthouse of Skagen?"
    assert written["corrections"] == [{"word": "lighthuose", "replacement": "lighthouse"}]


def test_an_answer_and_every_passage_are_slices_of_their_documents(written, tiny_index):
    """The offsets count code points of the text that `document_to_json` gives."""
    texts = {d.id: document_to_json(d, with_text=True)["text"] for d in tiny_index.documents.values()}

    assert written["status"] == "answered"
    own = written["passages"][written["answer"]["passage"] - 1]
    for piece, document in ((written["answer"], own["document"]), *((p, p["document"]) for p in written["passages"])):
        assert piece["text"] == texts[document["id"]][piece["start"] : piece["end"]]
    assert written["answer"]["confidence"] == written["confidence"]


def test_passages_carry_what_a_citation_needs(written, reply):
    """Rank, headings, score, highlights within the text, the document and both links are there for every passage."""
    for cited, passage in zip(reply.passages, written["passages"], strict=True):
        assert passage["rank"] == cited.rank
        assert passage["score"] == pytest.approx(cited.hit.score, abs=1e-6)
        assert passage["headings"] == list(cited.hit.passage.headings)
        assert all(0 <= start < end <= len(passage["text"]) for start, end in passage["highlights"])
        assert passage["document"]["sha256"] == cited.document.sha256
        place = f"at={passage['start']}-{passage['end']}&doc={cited.document.sha256[:8]}"
        assert passage["link"] == f"/documents/{cited.document.id}?{place}#at"
        assert passage["permalink"]
        assert "explain" not in passage


def test_a_reply_names_its_generation(written, tiny_index):
    """The index that replied is named with its id, its time and its model."""
    assert written["index"] == index_to_json(tiny_index)
    assert written["index"]["id"] == tiny_index.manifest.id
    assert written["took_ms"] >= 0


def test_a_refusal_has_no_answer(tiny_index, embedder):
    """`answer` is null when the documents do not answer, and the passages stay."""
    written = reply_to_json(ask(tiny_index, embedder, "Which submarine sank off the coast of Peru?"))

    assert (written["status"], written["answer"]) == ("not_in_documents", None)
    assert written["passages"]


def test_an_explained_reply_adds_up(reply):
    """With `explained`, the products of the factors of each passage sum to its score."""
    for passage in reply_to_json(reply, explained=True)["passages"]:
        factors = passage["explain"]["factors"]
        assert sum(factor["product"] for factor in factors) == pytest.approx(passage["score"], abs=1e-5)


def test_a_document_in_short_has_no_text(tiny_index):
    """Without its text a document says how long it is; with it, it is the same and the text."""
    for document in tiny_index.documents.values():
        short, full = document_to_json(document, with_text=False), document_to_json(document, with_text=True)

        assert short["characters"] == len(document.text)
        assert full == {**short, "text": document.text}
