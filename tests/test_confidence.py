from dataclasses import replace
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.confidence import Evidence, confidence_of, evidence_of, models, probability
from qa.index import Index
from qa.passages import Passage
from qa.search import Found, Hit, Query, Signals, fusion_weights, search
from qa.vectors import Embedder

cosines = st.floats(-1, 1)


STEMS, UNKNOWN = ("one", "two", "three", "four"), ("four",)  # three of four words are in the documents


def found_of(question: str, text: str, *, score: float, coverage: list[float], read: float = 0.0) -> Found:
    """Return what a search finds: two hits of one sentence, the first with this score."""
    starts = tuple(n for n in range(len(question)) if n == 0 or question[n - 1] == " ")
    passage = Passage("i", "d", (), 0, len(text), text, ((0, len(text)),), "", 0, "")
    signals = Signals(0, 0, 0, 0, read)
    hits = [Hit(passage, row, score - row, signals, fusion_weights(), (score,)) for row in range(2)]
    return Found(Query(question, question, (), STEMS, UNKNOWN, starts), tuple(hits), tuple(coverage), {})


def test_nothing_found_has_no_confidence():
    """A search without hits has the confidence 0."""
    assert confidence_of(Found(Query("q", "q", (), (), (), (0,)), (), (), {})) == 0.0


@given(st.builds(Evidence, cosines, cosines, st.sampled_from([0.0, 1.0]), st.floats(-12, 12)), st.floats(0, 1))
def test_a_confidence_is_a_probability(evidence, share):
    """Whatever is found, the confidence lies between 0 and 1, and it rises with the score and with the reader alone."""
    assert 0 <= probability(evidence, share) <= 1
    assert probability(evidence, share) <= probability(replace(evidence, score=evidence.score + 0.01), share)
    assert probability(evidence, share) <= probability(replace(evidence, reader=evidence.reader + 0.1), share)


def test_the_evidence_by_hand():
    """Score, least covered name, missing value and the odds of the reader are those of the first of two hits."""
    score = 0.7 + fusion_weights().reader * 0.8
    found = found_of("Who met Kira", "nobody came.", score=score, coverage=[0.9, 0.5, 0.2], read=0.8)

    assert evidence_of(found) == Evidence(
        score=pytest.approx(0.7),
        names=pytest.approx(0.2),
        no_value=1.0,
        reader=pytest.approx(log(0.8 / 0.2)),
    )


def test_the_first_word_is_no_name_and_a_value_is_seen():
    """A question's first word is no name although it is capitalised; a sentence with a person has what who asks for."""
    found = found_of("Who came", "Then Anna Lund came.", score=0.7, coverage=[0.1, 0.9])

    evidence = evidence_of(found)

    assert (evidence.names, evidence.no_value) == (1.0, 0.0)


def test_the_confidence_is_the_logistic_of_the_weighted_evidence():
    """The shipped model is applied as its file says: log odds are the intercept plus the weighted evidence."""
    read, unread = (
        fitted.intercept
        + 0.7 * fitted.weights.score
        + 0.2 * fitted.weights.names
        + fitted.weights.no_value
        - 1.5 * fitted.weights.reader
        for fitted in models()
    )
    evidence = Evidence(0.7, 0.2, 1.0, -1.5)

    assert probability(evidence, 1) == pytest.approx(1 / (1 + exp(-read)))
    assert probability(evidence, 0) == pytest.approx(1 / (1 + exp(-unread)))
    assert probability(evidence, 0.25) == pytest.approx(1 / (1 + exp(-0.25 * read - 0.75 * unread)))


def test_what_nobody_read_is_no_evidence():
    """Where the reader has not read, as with other languages, its evidence is 0 and its model has no weight."""
    assert evidence_of(found_of("Wer war hier?", "Niemand kam.", score=0.7, coverage=[0.9] * 3)).reader == 0.0


def test_the_fitted_signs_make_sense():
    """A better score, covered names and the reader speak for an answer, a missing value against it."""
    read, unread = (fitted.weights for fitted in models())

    for weights in (read, unread):
        assert weights.score > 0
        assert weights.names > 0
        assert weights.no_value < 0
    assert read.reader > 0
    assert unread.reader == 0


@pytest.mark.model
@pytest.mark.parametrize(
    "question",
    [
        "When was the lighthouse of Skagen lit for the first time?",
        "Who was the first keeper?",
        "Are dogs allowed in the rose beds?",
        "How much rhubarb does rhubarb soup take?",
        "When was the palm house rebuilt?",
    ],
)
def test_a_plain_question_is_believed(tiny_index: Index, embedder: Embedder, question):
    """What the small corpus says plainly has a confidence above the default limit."""
    assert confidence_of(search(tiny_index, embedder, question)) > 0.5


@pytest.mark.model
@pytest.mark.parametrize(
    "question",
    [
        "Which submarine sank off the coast of Peru?",
        "Who invented the telegraph in Ohio?",
        "How many moons does Jupiter have?",
        "Why did Captain Picard leave the lighthouse of Alexandria?",
        "asdf qwer zxcv",
    ],
)
def test_what_is_absent_is_doubted(tiny_index: Index, embedder: Embedder, question):
    """What the small corpus does not hold has a confidence below the default limit."""
    assert confidence_of(search(tiny_index, embedder, question)) < 0.5


@pytest.mark.model
def test_the_best_hit_covers_every_token(tiny_index: Index, embedder: Embedder):
    """The coverage that the evidence is made of has one number for each token of the question."""
    found = search(tiny_index, embedder, "Who was the first keeper?")

    assert len(found.coverage) == len(found.query.token_starts)


@pytest.mark.model
@pytest.mark.parametrize("question", ["what", "why why why", "x" * 1000, "谁杀了", "zzz qqq"])
def test_a_question_without_a_word_of_the_documents_is_refused(tiny_index, embedder, question):
    """Function words alone and words that stand nowhere get no confidence, however short the question is."""
    assert confidence_of(search(tiny_index, embedder, question)) == 0.0
