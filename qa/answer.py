"""Choose the sentence that answers, or say that the documents do not answer."""

import math
from dataclasses import dataclass
from enum import StrEnum

from qa.agreement import Comparison, Statement, compare
from qa.confidence import confidence_of
from qa.documents import Document
from qa.errors import BadQuestion
from qa.extent import extent
from qa.index import Documents, Index
from qa.quotes import lasting_link
from qa.search import MAX_K, Hit, Query, best_sentence, search
from qa.sentences import Span
from qa.timing import Stopwatch
from qa.values import kind_asked_for, values_of
from qa.vectors import Embedder
from qa.words import words_of

DEFAULT_K = 5
ANSWER_PASSAGES = 3  # the answer is looked for in this many of the best passages
PASSAGE_WEIGHT = 4.0  # what a passage's score counts beside its sentence's


class Status(StrEnum):
    """Whether the documents answer the question."""

    ANSWERED = "answered"
    NOT_IN_DOCUMENTS = "not_in_documents"


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """One passage of a reply."""

    rank: int  # from 1
    hit: Hit
    documents: Documents  # of the index
    highlights: tuple[Span, ...]  # words of the question, in code points of the passage's text
    permalink: str  # address of the passage that survives edits of the document, without the host

    @property
    def document(self) -> Document:
        """The document of the passage; not a field, so that a reply that is kept does not keep whole documents."""
        return self.documents[self.hit.passage.document_id]


@dataclass(frozen=True, slots=True)
class Answer:
    """The stretch that answers: `text == document.text[start:end]`."""

    text: str
    passage: int  # rank of the passage that holds it
    start: int  # in code points of the document's text
    end: int
    supported_by: tuple[int, ...]  # ranks of other passages that say the same


@dataclass(frozen=True, slots=True)
class Claim:
    """What one document says where another says something else: `text == document.text[start:end]`."""

    text: str
    value: str  # the number, date or name in it that differs
    passage: int  # rank of the passage that holds it
    start: int  # in code points of the document's text
    end: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two documents that answer the same question differently."""

    first: Claim
    second: Claim


@dataclass(frozen=True, slots=True)
class Reply:
    """Everything that is said to one question, from exactly one generation of the index."""

    query: Query
    status: Status
    answer: Answer | None  # None if and only if the documents do not answer
    confidence: float  # 0..1, that the documents answer the question
    disagreements: tuple[Disagreement, ...]
    passages: tuple[CitedPassage, ...]  # best first; when the documents do not answer, the nearest ones
    candidates: tuple[Hit, ...]  # all that were looked at closely, in their final order
    index: Index
    stages: dict[str, float]  # milliseconds of each stage

    @property
    def took_ms(self) -> float:
        """Milliseconds that the search and the choice took."""
        return sum(self.stages.values())


def answer(
    index: Index,
    embedder: Embedder,
    question: str,
    *,
    min_confidence: float,
    k: int = DEFAULT_K,
    documents: list[str] | None = None,
    exact: bool = False,
    seconds: float = math.inf,
) -> Reply:
    """Answer one question.

    Args:
        min_confidence: below this the reply says that the documents do not answer, 0..1.
        k: how many passages at most, 1..MAX_K.
        documents: ids of the documents to search; None for all.
        exact: take the question as it is spelt.
        seconds: after which the search is given up.
    Raises:
        BadQuestion: the question or `k` cannot be used.
        NoSuchDocument: an id of `documents` is not in the index.
        Busy: the search took too long.
    """
    if not 1 <= k <= MAX_K:
        raise BadQuestion(f"k is {k}; it must be a whole number from 1 to {MAX_K}")
    found = search(index, embedder, question, documents=documents, exact=exact, seconds=seconds)
    watch = Stopwatch()
    confidence = confidence_of(found)
    hits = found.hits[:k]
    passages = tuple(_cited(rank, hit, index, found.query) for rank, hit in enumerate(hits, 1))
    chosen = _choose(passages) if confidence >= min_confidence else None
    compared = compare(index, found.query.searched, hits, *chosen) if chosen else None
    watch.lap("choose")
    return Reply(
        query=found.query,
        status=Status.ANSWERED if chosen else Status.NOT_IN_DOCUMENTS,
        answer=_answer(found.query, passages, *chosen, compared) if chosen and compared else None,
        confidence=confidence,
        disagreements=_disagreements(passages, compared) if compared else (),
        passages=passages,
        candidates=found.hits,
        index=index,
        stages=found.stages | watch.stages,
    )


def _choose(passages: tuple[CitedPassage, ...]) -> tuple[int, int] | None:
    """Return the place of the passage, from 0, and the number of its sentence that answer best."""
    if not passages:
        return None

    def fit(place: int) -> float:
        hit = passages[place].hit
        return max(hit.sentence_scores) + PASSAGE_WEIGHT * hit.score

    place = max(range(min(ANSWER_PASSAGES, len(passages))), key=fit)
    return place, best_sentence(passages[place].hit)


def _answer(
    query: Query, passages: tuple[CitedPassage, ...], place: int, sentence: int, compared: Comparison
) -> Answer:
    """Return the answer that a sentence makes."""
    cited = passages[place]
    passage, kind = cited.hit.passage, kind_asked_for(query.searched)
    start, end = passage.sentences[sentence]
    gives_value = kind is not None and bool(values_of(cited.document.text[start:end], kind))
    start, end = extent(cited.document, passage, cited.hit.sentence_scores, sentence, gives_value=gives_value)
    return Answer(
        text=cited.document.text[start:end],
        passage=cited.rank,
        start=start,
        end=end,
        supported_by=tuple(passages[other].rank for other in compared.supporters),
    )


def _disagreements(passages: tuple[CitedPassage, ...], compared: Comparison) -> tuple[Disagreement, ...]:
    def claim(statement: Statement, value: str) -> Claim:
        return Claim(statement.text, value, passages[statement.hit].rank, *statement.span)

    return tuple(
        Disagreement(claim(one.first, one.first_value), claim(one.second, one.second_value))
        for one in compared.differences
    )


def _cited(rank: int, hit: Hit, index: Index, query: Query) -> CitedPassage:
    passage, document = hit.passage, index.documents[hit.passage.document_id]
    wanted = set(query.stems)
    highlights = tuple((word.start, word.end) for word in words_of(passage.text) if word.stem in wanted)
    return CitedPassage(rank, hit, index.documents, highlights, lasting_link(document, passage.start, passage.end))
