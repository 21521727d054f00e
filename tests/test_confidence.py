from dataclasses import replace
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.confidence import Evidence, confidence_of, evidence_of, model
from qa.index import Index
from qa.passages import Passage
from qa.search import Found, Hit, Query, Signals, fusion_weights, search
from qa.vectors import Embedder

cosines = st.floats(-1, 1)


STEMS, UNKNOWN = ("one", "two", "three", "four"), ("four",)  # three of four words are in the documents


def found_of(question: str, text: str, *, score: float, coverage: list[float]) -> Found:
    """Return what a search finds: two hits of one sentence, the first with this score."""
    starts = tuple(n for n in range(len(question)) if n == 0 or question[n - 1] == " ")
    passage = Passage("i", "d", (), 0, len(text), text, ((0, len(text)),), "")
    hits = [Hit(passage, row, score - row, Signals(0, 0, 0, 0), fusion_weights(), (score,)) for row in range(2)]
    return Found(Query(question, question, (), STEMS, UNKNOWN, starts), tuple(hits), tuple(coverage), {})


def test_nothing_found_has_no_confidence():
    """A search without hits has the confidence 0."""
    assert confidence_of(Found(Query("q", "q", (), (), (), (0,)), (), (), {})) == 0.0


@given(cosines, st.tuples(cosines, cosines).map(list))
def test_a_confidence_is_a_probability(score, coverage):
    """Whatever is found, the confidence lies between 0 and 1, and it rises with the score alone."""
    found = found_of("Who came", "Anna Lund came.", score=score, coverage=coverage)
    better = Found(found.query, (replace(found.hits[0], score=score + 0.01), *found.hits[1:]), found.coverage, {})

    assert 0 <= confidence_of(found) < confidence_of(better) <= 1


def test_the_evidence_by_hand():
    """Score, least covered name and missing value are what can be counted on two hits."""
    found = found_of("Who met Kira", "nobody came.", score=0.7, coverage=[0.9, 0.5, 0.2])

    assert evidence_of(found) == Evidence(
        score=0.7,
        names=pytest.approx(0.2),
        no_value=1.0,
    )


def test_the_first_word_is_no_name_and_a_value_is_seen():
    """A question's first word is no name although it is capitalised; a sentence with a person has what who asks for."""
    found = found_of("Who came", "Then Anna Lund came.", score=0.7, coverage=[0.1, 0.9])

    evidence = evidence_of(found)

    assert (evidence.names, evidence.no_value) == (1.0, 0.0)


def test_the_confidence_is_the_logistic_of_the_weighted_evidence():
    """The shipped model is applied as its file says: log odds are the intercept plus the weighted evidence."""
    found = found_of("Who met Kira", "nobody came.", score=0.7, coverage=[0.9, 0.5, 0.2])
    evidence, fitted = evidence_of(found), model()
    odds = fitted.intercept + sum(
        getattr(fitted.weights, name) * getattr(evidence, name) for name in ("score", "names", "no_value")
    )

    assert confidence_of(found) == pytest.approx(1 / (1 + exp(-odds)))


def test_the_fitted_signs_make_sense():
    """A better score, covered names speak for an answer, a missing value against it."""
    weights = model().weights

    assert weights.score > 0
    assert weights.names > 0
    assert weights.no_value < 0


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
