"""The shipped corpus against itself: what its README section and its evaluation promise."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import yaml

from qa.corpus import QUESTION_SET, read_corpus
from qa.sections import sections_of
from qa.sentences import sentence_spans
from qa.settings import Settings
from qa.words import stems

CORPUS = Path(__file__).parents[1] / "corpus"
MAX_QUOTED_WORDS = 25
FEW_SHARED_WORDS = 2  # that carry meaning; hardly more than the names of those whom a question is about


@pytest.fixture(scope="module")
def documents():
    found = read_corpus(CORPUS, Settings().max_document_bytes, Settings().max_document_seconds)
    assert found.notices == ()
    return {document.path: document for document in found.documents}


@pytest.fixture(scope="module")
def questions():
    return [json.loads(line) for line in (CORPUS / QUESTION_SET).read_text(encoding="utf-8").splitlines()]


def folded(text):
    return " ".join(re.findall(r"\w+", text.casefold()))


def test_the_front_matter_is_complete():
    """Every file of the corpus says title, kind, source, language and licence."""
    paths = list(CORPUS.rglob("*.md"))

    assert paths
    for path in paths:
        front = yaml.safe_load(path.read_text(encoding="utf-8").split("---\n")[1])
        missing = {"title", "kind", "retold_from", "language", "license"} - {
            key for key, value in front.items() if value
        }
        assert not missing, f"{path}: {missing}"


def test_quotations_are_short_and_in_straight_quotes(documents):
    """Nothing longer than 25 words is quoted, every quotation mark is straight and has its partner."""
    for document in documents.values():
        for block in document.blocks:
            text = document.text[block.start : block.end]
            assert not set(text) & set("“”„«»"), text
            assert text.count('"') % 2 == 0, text
            for quotation in re.findall(r'"([^"]*)"', text):
                assert len(quotation.split()) <= MAX_QUOTED_WORDS, quotation


def test_no_section_is_empty(documents):
    """Every heading has text below it, or a lower heading that has."""
    for document in documents.values():
        for block, following in zip(document.blocks, [*document.blocks[1:], None], strict=True):
            if block.kind == "heading":
                heading = document.text[block.start : block.end]
                assert following is not None, heading
                assert following.kind != "heading" or following.level > block.level, heading


def test_every_section_says_what_it_answers(documents):
    """Three or more different questions are attached to every section."""
    for document in documents.values():
        for section in sections_of(document):
            assert len(set(map(folded, section.questions))) >= 3, f"{document.path}: {section.headings}"


def test_no_sentence_stands_in_two_documents(documents):
    """No sentence of twelve or more words is repeated in another document, word for word."""
    holding = defaultdict(set)
    for document in documents.values():
        for block in document.blocks:
            for start, end in sentence_spans(document.text, block.content, block.end, document.language, 10_000):
                words = folded(document.text[start:end])
                if len(words.split()) >= 12:
                    holding[words].add(document.path)

    assert not [sentence for sentence, paths in holding.items() if len(paths) > 1]


def test_the_question_set_has_the_promised_size_and_shape(questions):
    """There are at least 150 questions with unique ids and texts, about a fifth of them unanswerable."""
    assert len(questions) >= 150
    for key in ("id", "question"):
        counts = Counter(question[key] for question in questions)
        assert counts.most_common(1)[0][1] == 1, counts.most_common(1)
    assert 0.15 <= sum(not question["answerable"] for question in questions) / len(questions) <= 0.25
    for question in questions:
        assert set(question) >= {"id", "question", "type", "answerable", "answers", "evidence"}
        assert bool(question["answerable"]) == bool(question["evidence"]) == bool(question["answers"]), question["id"]


def test_every_quote_of_evidence_stands_in_its_document(questions, documents):
    """Each piece of evidence is a verbatim slice of the text of the one document that it names."""
    for question in questions:
        for evidence in question["evidence"]:
            assert evidence["quote"].strip(), question["id"]
            assert evidence["quote"] in documents[evidence["doc"]].text, f"{question['id']}: {evidence['quote']}"


def test_most_questions_do_not_repeat_the_words_of_their_evidence(questions):
    """At least half of the answerable questions share at most two words that carry meaning with their evidence."""
    answerable = [question for question in questions if question["answerable"]]

    def shared(question):
        asked = set(stems(question["question"]))
        return len(asked & set(stems(" ".join(e["quote"] for e in question["evidence"]))))

    assert sum(shared(question) <= FEW_SHARED_WORDS for question in answerable) >= len(answerable) / 2


def test_no_question_is_one_that_is_attached(questions, documents):
    """The evaluation asks nothing that the corpus attaches to a section: that would be reading the answer sheet."""
    attached = {folded(text) for document in documents.values() for _, text in document.questions}

    assert not [question["question"] for question in questions if folded(question["question"]) in attached]
