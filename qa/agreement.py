"""Compare what the passages of a reply say: who says the same as the answer, and who says something else.

Precision comes first: a wrong "the documents differ" is worse than a missed one. Another sentence is compared with the
answer's only when it fits the question nearly as well and shares words with it, apart from the values themselves.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa.index import Index
from qa.late import likeness
from qa.search import Hit
from qa.sentences import Span
from qa.values import KINDS, Kind, Value, agree, comparable, kind_asked_for, values_of
from qa.words import stems, words_of

# Measured on planted contradictions and on the shipped corpus (docs/evaluation.md).
FIT_MARGIN = 0.08  # how much less than the answer a sentence may fit the question
LIKENESS = 0.70  # least cosine of two sentence embeddings
SAME_MEANING = 0.89  # least likeness of a sentence that supports, where there is no value to compare
SHARED_WORDS = {"date": 0.4, "number": 0.4, "name": 0.75, None: 0.4}  # least share of the shorter sentence's words
SHARED_NEWS = 0.4  # the same of the words that are not the question's, where there is no value to compare
_DENIES = re.compile(r"\b(?:not|no|never|neither|without|cannot)\b|n['’]t\b", re.I)
# Words of which a thing has one: sentences that name different ones speak of different things.
_RIVALS = tuple(
    frozenset(stems(words))
    for words in (
        "first second third fourth fifth sixth seventh eighth ninth tenth last final next previous",
        "old new former present current",
        "north south east west northern southern eastern western",
        "largest smallest",
        "born died",
        "opened closed",
        "began ended",
        "built destroyed demolished rebuilt",
        "bought sold",
        "won lost",
        "came left",
        "arrived left",
    )
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of a hit."""

    hit: int  # place of the hit, from 0
    sentence: tuple[int, int]  # row of its passage, and the number of the sentence in it
    span: Span  # in code points of the document's text
    text: str
    fit: float  # how well it fits the question
    values: tuple[Value, ...]  # of the kind that the question asks for, without those that it holds itself


@dataclass(frozen=True, slots=True)
class Difference:
    """Two statements of different documents, and the values in which they differ."""

    first: Statement
    first_value: str
    second: Statement
    second_value: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the other hits of a question say beside one sentence of it."""

    supporters: tuple[int, ...]  # places, from 0, of the hits that say the same
    differences: tuple[Difference, ...]  # where another document gives another value, one for each at most


def compare(index: Index, question: str, hits: Sequence[Hit], hit: int, sentence: int) -> Comparison:
    """Compare one sentence of `hits[hit]` with what the other hits say.

    Documents differ only when the question asks for a date, a number or a person; a document that gives the same value
    anywhere among the hits does not differ.
    """
    kind = kind_asked_for(question)
    answer, others = _statements(index, question, kind, hits, hit, sentence)
    return Comparison(
        supporters=_supporters(index, hits, question, kind, answer, others),
        differences=_differences(hits, question, kind, answer, others),
    )


def _supporters(
    index: Index, hits: Sequence[Hit], question: str, kind: Kind | None, answer: Statement, others: Sequence[Statement]
) -> tuple[int, ...]:
    found = set()
    for other in others:
        if answer.values:
            same = any(agree(a, b, kind) for a in answer.values for b in other.values)
        else:
            same = (
                not other.values
                and _same_news(answer.text, other.text, question)
                and not _at_odds(answer.text, other.text)
                and likeness(index.tokens, answer.sentence, other.sentence) >= SAME_MEANING
            )
        if same and not _overlap(hits, answer, other) and _same_matter(answer.text, other.text, question, kind):
            found.add(other.hit)
    return tuple(sorted(found))


def _differences(
    hits: Sequence[Hit], question: str, kind: Kind | None, answer: Statement, others: Sequence[Statement]
) -> tuple[Difference, ...]:
    settled = {hits[answer.hit].passage.document_id}
    for other in others:
        if any(agree(a, b, kind) for a in answer.values for b in other.values):
            settled.add(hits[other.hit].passage.document_id)
    found = []
    for other in others:
        document = hits[other.hit].passage.document_id
        pair = next(((a, b) for a in answer.values for b in other.values if comparable(a, b, kind)), None)
        if pair and document not in settled and _same_matter(answer.text, other.text, question, kind):
            settled.add(document)
            found.append(Difference(answer, pair[0].text, other, pair[1].text))
    return tuple(found)


def _statements(
    index: Index, question: str, kind: Kind | None, hits: Sequence[Hit], hit: int, sentence: int
) -> tuple[Statement, list[Statement]]:
    """Return the answer's statement and those of the other hits that fit the question and it, best first."""

    def statement(place: int, number: int) -> Statement:
        passage = hits[place].passage
        start, end = passage.sentences[number]
        text = passage.text[start - passage.start : end - passage.start]
        fit = hits[place].sentence_scores[number]
        return Statement(place, (hits[place].row, number), (start, end), text, fit, _new_values(text, question, kind))

    least = hits[hit].sentence_scores[sentence] - FIT_MARGIN
    fitting = [
        (place, number)
        for place, other in enumerate(hits)
        if place != hit
        for number, fit in enumerate(other.sentence_scores)
        if fit >= least
    ]
    rows = [int(index.sentence_rows[hits[place].row]) + number for place, number in [(hit, sentence), *fitting]]
    meanings = index.vectors.reconstruct_batch(np.array(rows))
    likenesses = meanings[1:] @ meanings[0]
    near = [statement(*where) for where, likeness in zip(fitting, likenesses, strict=True) if likeness >= LIKENESS]
    return statement(hit, sentence), sorted(near, key=lambda one: (-one.fit, one.hit, one.span))


def _same_matter(first: str, second: str, question: str, kind: Kind | None) -> bool:
    """Tell whether two sentences share enough words, one of the question's among them; compared values do not count."""
    one, two = _matter(first, kind), _matter(second, kind)
    if any(one & rivals and two & rivals and not one & two & rivals for rivals in _RIVALS):
        return False
    shared = one & two
    return bool(shared & set(stems(question))) and len(shared) >= SHARED_WORDS[kind] * min(len(one), len(two))


def _at_odds(first: str, second: str) -> bool:
    """Tell whether only one sentence denies something, or both have dates, numbers or names and none in common."""
    if bool(_DENIES.search(first)) != bool(_DENIES.search(second)):
        return True
    for kind in KINDS:
        pairs = [(a, b) for a in values_of(first, kind) for b in values_of(second, kind) if comparable(a, b, kind)]
        if pairs and not any(agree(a, b, kind) for a, b in pairs):
            return True
    return False


def _same_news(first: str, second: str, question: str) -> bool:
    """Tell whether two sentences share enough of what the question does not say itself."""
    one, two = (set(stems(text)) - set(stems(question)) for text in (first, second))
    return bool(one & two) and len(one & two) >= SHARED_NEWS * min(len(one), len(two))


def _matter(text: str, kind: Kind | None) -> set[str]:
    values = {stem for value in values_of(text, kind) for stem in stems(value.text)} if kind else set()
    return set(stems(text)) - values


def _overlap(hits: Sequence[Hit], first: Statement, second: Statement) -> bool:
    same_document = hits[first.hit].passage.document_id == hits[second.hit].passage.document_id
    return same_document and first.span[0] < second.span[1] and second.span[0] < first.span[1]


def _new_values(text: str, question: str, kind: Kind | None) -> tuple[Value, ...]:
    """Return the values of a sentence that the question does not hold itself."""
    if kind is None:
        return ()
    asked = values_of(question, kind)
    if kind == "name":  # the same name may stand in the question where names are not looked for, as its first word
        asked = (Value(question, tuple(word.folded for word in words_of(question))),)
    found = tuple(value for value in values_of(text, kind) if not any(agree(value, one, kind) for one in asked))
    if kind == "number":  # "how many rooms" asks for rooms, whatever else the sentence counts
        asked_units = set(stems(question))
        return tuple(value for value in found if value.key[2] in asked_units) or found
    return found
