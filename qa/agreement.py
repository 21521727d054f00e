"""Compare what the passages of a reply say: who says the same as the answer, and who says something else.

Precision comes first: a wrong "the documents differ" is worse than a missed one. Another sentence is compared with the
answer's only when it fits the question nearly as well, when both speak of what the question names, and when they share
words, apart from the values themselves.
"""

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

import numpy as np

from qa.index import Index
from qa.late import likeness
from qa.search import Hit
from qa.sentences import Span
from qa.values import Kind, Value, agree, confirms, contradict, kind_asked_for, values_of
from qa.words import stems, words_of

# Measured on planted contradictions and on the shipped corpus (docs/evaluation.md).
FIT_MARGIN = 0.08  # how much less than the answer a sentence may fit the question
LIKENESS = 0.70  # least cosine of two sentence embeddings
SAME_MEANING = 0.89  # least likeness of a sentence that supports, where there is no value to compare
SHARED_WORDS = 0.4  # least share of the shorter sentence's words
SHARED_NEWS = 0.4  # the same of the words that are not the question's, where there is no value to compare
_DENIES = re.compile(r"\b(?:not|no|never|neither|without|cannot|false|untrue|wrong)\b|n['’]t\b", re.I)
_FIGURE = re.compile(r"\d+(?:[.,]\d+)*")  # "3.26" is one, and holds no 3
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
    context: str  # title of its document, headings and lead-in
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

    def same_matter(other: Statement) -> bool:
        return _same_matter(answer, other, question, kind, index.names)

    return Comparison(
        supporters=_supporters(index, hits, question, kind, answer, others, same_matter),
        differences=_differences(hits, kind, answer, others, same_matter),
    )


def _supporters(
    index: Index,
    hits: Sequence[Hit],
    question: str,
    kind: Kind | None,
    answer: Statement,
    others: Sequence[Statement],
    same_matter: Callable[[Statement], bool],
) -> tuple[int, ...]:
    found = set()
    for other in others:
        if answer.values:
            same = _same_values(answer.values, other.values, kind)
        else:
            same = (
                not other.values
                and _figures(answer.text, question) == _figures(other.text, question)
                and _same_news(answer.text, other.text, question)
                and likeness(index.tokens, answer.sentence, other.sentence) >= SAME_MEANING
            )
        if same and not _overlap(hits, answer, other) and same_matter(other):
            found.add(other.hit)
    return tuple(sorted(found))


def _differences(
    hits: Sequence[Hit],
    kind: Kind | None,
    answer: Statement,
    others: Sequence[Statement],
    same_matter: Callable[[Statement], bool],
) -> tuple[Difference, ...]:
    settled = {hits[answer.hit].passage.document_id}
    for other in others:
        if any(agree(a, b, kind) for a in answer.values for b in other.values):
            settled.add(hits[other.hit].passage.document_id)
    found = []
    for other in others:
        document = hits[other.hit].passage.document_id
        pair = next(((a, b) for a in answer.values for b in other.values if contradict(a, b, kind)), None)
        if pair and document not in settled and same_matter(other):
            settled.add(document)
            found.append(Difference(answer, pair[0].text, other, pair[1].text))
    return tuple(found)


def _statements(
    index: Index, question: str, kind: Kind | None, hits: Sequence[Hit], hit: int, sentence: int
) -> tuple[Statement, list[Statement]]:
    """Return the answer's statement and those of the other hits that fit the question and it, best first."""

    def statement(place: int, number: int) -> Statement:
        passage = hits[place].passage
        span = passage.sentences[number]
        text = passage.words(span)
        fit = hits[place].sentence_scores[number]
        values = _new_values(text, question, kind)
        return Statement(place, (hits[place].row, number), span, text, passage.context, fit, values)

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


def _same_matter(first: Statement, second: Statement, question: str, kind: Kind | None, names: Container[str]) -> bool:
    """Tell whether two statements speak of the thing that the question names, and of the same case of it.

    The thing is named in the sentence, in its headings or in the title of its document. Compared values do not count.

    Args:
        names: words that the documents mostly write with a capital letter, folded.
    """
    if bool(_DENIES.search(first.text)) != bool(_DENIES.search(second.text)):
        return False
    if kind == "number" and bool(values_of(first.text, "date")) != bool(values_of(second.text, "date")):
        return False  # amounts change with the years
    named = _marks(question, names)
    if not all(named <= _terms(f"{one.context} {one.text}") for one in (first, second)):
        return False
    texts = [_without_values(one.text, kind) for one in (first, second)]
    one, two = (_marks(text, names) - named for text in texts)
    if one and two and not one & two:  # one scored against Lund, one against Oslo
        return False
    one, two = map(_terms, texts)
    if any(one & rivals and two & rivals and not one & two & rivals for rivals in _RIVALS):
        return False
    asked, shared = _terms(question), one & two
    asked = (asked - named) & (one | two) or asked  # both must say "died" if one does, and not the name alone
    return bool(shared & asked) and len(shared) >= SHARED_WORDS * min(len(one), len(two))


def _same_news(first: str, second: str, question: str) -> bool:
    """Tell whether two sentences share enough of what the question does not say itself."""
    one, two = (set(stems(text)) - set(stems(question)) for text in (first, second))
    return bool(one & two) and len(one & two) >= SHARED_NEWS * min(len(one), len(two))


def _figures(text: str, question: str) -> set[str]:
    """Return the figures of a text that the question does not hold itself."""
    return set(_FIGURE.findall(text)) - set(_FIGURE.findall(question))


def _terms(text: str) -> set[str]:
    """Return the figures in a text and the stems of its other words."""
    return {stem for stem in stems(text) if not stem[0].isdigit()} | set(_FIGURE.findall(text))


def _marks(text: str, names: Container[str]) -> set[str]:
    """Return the terms that tell a thing from its like: figures, and words written with a capital, here or mostly."""
    capital = (word for word in words_of(text) if word.folded in names or (word.start and text[word.start].isupper()))
    return {word.stem for word in capital if not word.stem[0].isdigit()} | set(_FIGURE.findall(text))


def _without_values(text: str, kind: Kind | None) -> str:
    """Return a text without its values of a kind."""
    for value in values_of(text, kind) if kind else ():
        text = text.replace(value.text, " ")
    return text


def _same_values(answer: Sequence[Value], other: Sequence[Value], kind: Kind | None) -> bool:
    """Tell whether each value of the sentence that has fewer confirms, or is confirmed by, one of the other."""
    if len(answer) <= len(other):
        return all(any(confirms(b, a, kind) for b in other) for a in answer)
    return bool(other) and all(any(confirms(b, a, kind) for a in answer) for b in other)


def _overlap(hits: Sequence[Hit], first: Statement, second: Statement) -> bool:
    same_document = hits[first.hit].passage.document_id == hits[second.hit].passage.document_id
    return same_document and first.span[0] < second.span[1] and second.span[0] < first.span[1]


def _new_values(text: str, question: str, kind: Kind | None) -> tuple[Value, ...]:
    """Return the values of a sentence that the question does not hold itself."""
    if kind is None:
        return ()
    found = values_of(text, kind)
    if kind == "name":
        asked_words = {word.folded for word in words_of(question)}
        found = tuple(value for value in found if asked_words.isdisjoint(value.key))
    else:
        asked = values_of(question, kind)
        found = tuple(value for value in found if not any(agree(value, one, kind) for one in asked))
    if kind == "number":  # "how many rooms" asks for rooms, whatever else the sentence counts
        asked_units = set(stems(question))
        return tuple(value for value in found if value.key[2] in asked_units) or found
    return found
