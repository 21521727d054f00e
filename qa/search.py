"""Find the passages that fit a question: candidates from two first stages, a weighted sum of signals, the best read.

Every signal has a fixed scale, so that a score means the same whatever else was found, and the sum can be checked by
hand.
"""

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.resources import files
from itertools import takewhile
from operator import attrgetter, mul

import numpy as np
from numpy.typing import NDArray

from qa import late
from qa.encoders import side_by_side, token_encoder
from qa.errors import BadQuestion, NoSuchDocument
from qa.index import Index
from qa.nearest import nearest
from qa.passages import Passage
from qa.reader import excerpt, reader
from qa.sentences import Span
from qa.spelling import Correction, correct
from qa.timing import Stopwatch
from qa.vectors import Embedder
from qa.words import stems, words_of

MAX_QUESTION_CHARS = 1000
MAX_K = 20
CANDIDATES = 30  # passages taken from each first stage for an answer
_IN_PIECES = 0.4  # weight that the keyword signal gains where no token is a whole word: measured in docs/evaluation.md
_REPEATED = 0.03  # what a passage loses whose best sentence a better one shows too: measured in docs/evaluation.md
_ROWS_A_PASSAGE = 6  # vectors looked at for one candidate: a passage has several sentences
# Reading one takes longer than all that is before it, and changes little where the order is clear (docs/evaluation.md).
_READ_WITHIN = 0.045  # of the best score
_READ_AT_MOST = 8


@dataclass(frozen=True, slots=True)
class Signals:
    """What speaks for one passage."""

    keyword: float  # BM25 score as a share of the highest that a passage could reach for this question: 0..1
    sentence: float  # highest cosine of question and a sentence's (or an attached question's) embedding
    late: float  # late interaction with the passage: rarity-weighted mean of cosines
    late_dense: float  # the same with its sentences and attached questions, as the embedding model reads them
    reader: float = 0.0  # probability that its best sentences answer, for one who reads them: 0..1; 0 if none does


_values = attrgetter(*(spec.name for spec in fields(Signals)))


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage that was found."""

    passage: Passage
    row: int  # of the passage in the index
    score: float  # the weighted sum of the signals
    signals: Signals
    weights: Signals  # of the signals for this question
    sentence_scores: tuple[float, ...]  # how well each of its sentences fits, for choosing the answer


@dataclass(frozen=True, slots=True)
class Query:
    """A question as it is searched."""

    text: str  # as it was asked, but for its white space
    searched: str  # with misspelt words replaced
    corrections: tuple[Correction, ...]
    stems: tuple[str, ...]  # of the words that carry meaning
    unknown_stems: tuple[str, ...]  # those of them that no passage holds
    token_starts: tuple[int, ...]  # where each token of `searched` begins, in code points


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that was found for a question, best first."""

    query: Query
    hits: tuple[Hit, ...]  # all candidates; those that repeat a better hit stand lower than their scores
    coverage: tuple[float, ...]  # best cosine of each question token within the best passage; () if nothing was found
    stages: dict[str, float]  # milliseconds of each stage


@cache
def fusion_weights() -> Signals:
    """Return the weight of each signal, as tools/fit_ranking.py wrote them; all but the reader's sum to 1."""
    return Signals(**json.loads(files("qa").joinpath("ranking.json").read_text(encoding="utf-8"))["weights"])


def weights_for(question: str, token_starts: Sequence[int]) -> Signals:
    """Return the weight of each signal for one question.

    Words that the models do not know, as those of other languages, are read in pieces of a few letters, in which there
    is little meaning to compare. That two texts share such a word says as much as ever: the larger the share of tokens
    that go on with a word, the more the keyword signal counts, and the less the reader.

    Args:
        token_starts: where each token of the question begins, in code points.
    """
    weights = fusion_weights()
    share = share_in_pieces(question, token_starts)
    # To four digits, as the others are and as all are shown: whoever recomputes a score gets it.
    raised = round(weights.keyword + _IN_PIECES * share**2, 4)
    return replace(weights, keyword=raised, reader=round(weights.reader * understood(share), 4))


def understood(in_pieces: float) -> float:
    """Return how much of a question the reader understands, 0..1, by the share of its tokens: it knows English.

    All of it while at most a quarter of its tokens go on with a word, nothing from a half on.
    """
    return min(1.0, max(0.0, 2 - 4 * in_pieces))


def share_in_pieces(question: str, token_starts: Sequence[int]) -> float:
    """Return the share of a question's tokens that go on with a word, 0..1; arguments as `weights_for`.

    It is how much of the question the models do not know: of English questions mostly below a quarter, of German ones
    about a half, of Russian ones more than two thirds.
    """
    starts = np.array(token_starts)
    going_on = sum(int(((starts > word.start) & (starts < word.end)).sum()) for word in words_of(question))
    return going_on / len(starts)


def check_question(question: str) -> str:
    """Return the question with single spaces between its words, and none around it.

    Raises:
        BadQuestion: it is empty, too long or no text.
    """
    folded = " ".join(question.split())
    if not folded:
        raise BadQuestion("the question is empty; ask something in plain words")
    if len(folded) > MAX_QUESTION_CHARS:
        raise BadQuestion(f"the question has {len(folded):,} characters; at most {MAX_QUESTION_CHARS:,} are accepted")
    if any("\ud800" <= character <= "\udfff" for character in folded):
        raise BadQuestion("the question holds half of a surrogate pair, which is no character; send valid Unicode")
    if not any(character.isalnum() for character in folded):
        raise BadQuestion("the question holds no letter or digit; ask something in plain words")
    return folded


def search(
    index: Index,
    embedder: Embedder,
    question: str,
    *,
    documents: Collection[str] | None = None,
    exact: bool = False,
    seconds: float = math.inf,
    depth: int = CANDIDATES,
    read: bool = True,
) -> Found:
    """Return the candidates for a question, best first.

    Args:
        question: 1 to MAX_QUESTION_CHARS characters with a letter or digit in them.
        documents: ids of the documents to search; None for all.
        exact: take the question as it is spelt.
        seconds: after which it is given up.
        depth: passages taken from each first stage.
        read: whether the reader settles the order of those that are near the best.
    Raises:
        BadQuestion: as `check_question`, or the question holds nothing that the model can read.
        NoSuchDocument: an id of `documents` is not in the index.
        Busy: it took too long.
        ModelError: the weights or the word list are missing or damaged.
    """
    watch = Stopwatch(seconds)
    query = _query(index, check_question(question), exact)
    allowed = allowed_rows(index, documents)
    watch.lap("tokenise")
    tokens, reading = side_by_side(
        lambda: token_encoder().encode_query(query.searched), lambda: embedder.read(query.searched)
    )
    watch.lap("encode")
    keyword = _keyword_scores(index, query.stems, allowed)
    by_keyword = _best_by_keyword(keyword, depth)
    watch.lap("keyword")
    by_vector = _best_by_vector(index, reading.vector, allowed, depth)
    candidates = np.union1d(by_keyword, by_vector).astype(np.int64)
    if not len(candidates):
        return Found(query, (), (), watch.stages)
    rows = [_rows_of(index, row) for row in candidates]
    cosines = _cosines(index, reading.vector, rows)
    watch.lap("vectors")
    counts = [len(index.passages[row].sentences) for row in candidates]
    absent = _absent_numbers(index, query, candidates)
    scores = late.score(index.tokens, tokens, candidates, counts, absent)
    dense, dense_rows = late.score_dense(index.tokens, index.sentence_tokens, reading, tokens.ids, rows, absent)
    watch.lap("late")
    weights = weights_for(query.searched, query.token_starts)
    hits = [
        _hit(
            index,
            int(row),
            weights,
            Signals(
                keyword=float(keyword[row]),
                sentence=float(cosines[i].max()),
                late=float(scores.passage[i]),
                late_dense=float(dense[i]),
            ),
            (cosines[i], scores.sentences[i], dense_rows[i]),
        )
        for i, row in enumerate(candidates)
    ]
    ordered = _best_first(hits)
    watch.lap("fuse")
    if read and weights.reader:
        ordered = _best_first(_read(query.searched, ordered))
        watch.lap("read")
    ordered = _repeats_lower(ordered)
    watch.lap("fuse")
    coverage = scores.tokens[np.flatnonzero(candidates == ordered[0].row)[0]]
    return Found(query, tuple(ordered), tuple(coverage.tolist()), watch.stages)


def _query(index: Index, question: str, exact: bool) -> Query:
    """Return the question as it is searched; raise BadQuestion if it holds nothing that the model can read."""
    searched, corrections = (
        (question, ())
        if exact
        else correct(question, index.vocabulary, index.names, index.keywords, token_encoder().vocabulary)
    )
    read = token_encoder().tokens_of(searched)
    if not len(read.ids):
        raise BadQuestion("the question holds nothing that can be read; ask something in plain words")
    question_stems = tuple(dict.fromkeys(stems(searched)))
    return Query(
        text=question,
        searched=searched,
        corrections=corrections,
        stems=question_stems,
        unknown_stems=tuple(stem for stem in question_stems if stem not in index.keywords),
        token_starts=tuple(map(int, read.starts)),
    )


def _absent_numbers(
    index: Index, query: Query, candidates: NDArray[np.int64]
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Return for each long number of the question its tokens, and which candidates do not hold it.

    The model reads a long number in pieces that nearly all numbers share: without this "bug 1070851" would be found in
    what is said of any other bug.
    """
    starts, absent = np.array(query.token_starts), []
    for word in words_of(query.searched):
        inside = (starts >= word.start) & (starts < word.end)
        if word.folded.isdigit() and inside.sum() > 1:
            absent.append((inside, index.keywords.scores([word.stem])[candidates] <= 0))
    return absent


def _hit(
    index: Index,
    row: int,
    weights: Signals,
    signals: Signals,
    scores: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
) -> Hit:
    """Return the hit that one candidate is.

    Args:
        scores: of its sentences, each like the signal of the passage: cosines, late interaction with the sentence and
            its context, late interaction with the sentence as the embedding model reads it. In the first and the last
            those of the passage's further rows come behind.
    """
    meaning, sentences, dense = scores
    count = len(sentences)
    fits = weights.sentence * meaning[:count] + weights.late * sentences + weights.late_dense * dense[:count]
    return Hit(
        passage=index.passages[row],
        row=row,
        score=_score(weights, signals),
        signals=signals,
        weights=weights,
        sentence_scores=tuple(fits.tolist()),
    )


def _score(weights: Signals, signals: Signals) -> float:
    score: float = sum(map(mul, _values(weights), _values(signals)))
    return score


def _best_first(hits: Iterable[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.row))


def _read(question: str, ordered: list[Hit]) -> list[Hit]:
    """Return the hits with those that are near the best read, not in their new order yet.

    Being read can only raise a score, so that no hit will fall behind another one that nobody has read.
    """
    nearest = ordered[0].score - _READ_WITHIN
    near = list(takewhile(lambda hit: hit.score >= nearest, ordered[:_READ_AT_MOST]))

    def read(hits: Sequence[Hit]) -> list[Hit]:
        signals = [
            replace(hit.signals, reader=reader().probability(question, excerpt(hit.passage, hit.sentence_scores)))
            for hit in hits
        ]
        return [replace(h, signals=s, score=_score(h.weights, s)) for h, s in zip(hits, signals, strict=True)]

    odd, even = side_by_side(lambda: read(near[1::2]), lambda: read(near[::2]))
    return [*odd, *even, *ordered[len(near) :]]


def best_sentence(hit: Hit) -> int:
    """Return the number of the sentence of a hit that fits the question best."""
    return int(np.argmax(hit.sentence_scores))


def holds(hit: Hit, document_id: str, span: Span) -> bool:
    """Tell whether the passage of a hit holds a stretch of a document: passages overlap."""
    passage = hit.passage
    return passage.document_id == document_id and passage.start <= span[0] and span[1] <= passage.end


def allowed_rows(index: Index, documents: Collection[str] | None) -> NDArray[np.bool_] | None:
    """Return which passages may be found, shape (passages,); None for all.

    Raises:
        NoSuchDocument: an id of `documents` is not in the index.
    """
    if documents is None:
        return None
    unknown = [name for name in documents if name not in index.documents]
    if unknown:
        raise NoSuchDocument(f"there is no document {unknown[0]!r}; passages and the list of documents name them")
    allowed = np.zeros(len(index.passages), dtype=np.bool_)
    for name in documents:
        rows = index.passages_of(name)
        allowed[rows.start : rows.stop] = True
    return allowed


def _keyword_scores(
    index: Index, question_stems: Sequence[str], allowed: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    """Return the BM25 score of every passage as a share of the highest possible one, 0 where it may not be found.

    A word adds at most its inverse document frequency, however often a passage holds it, and a word that no passage
    holds adds nothing: so one common word does not look like a match.
    Source: the variant of Lucene in Kamphuis et al., "Which BM25 Do You Mean?", 2020.
    """
    if not question_stems:
        return np.zeros(len(index.passages), dtype=np.float32)
    holding = np.array([index.keywords.count(stem) for stem in question_stems])
    highest = np.log(1.0 + (len(index.passages) - holding + 0.5) / (holding + 0.5)).sum()
    scores: NDArray[np.float32] = index.keywords.scores(question_stems) / np.float32(highest)
    return scores if allowed is None else np.where(allowed, scores, np.float32(0.0))


def _best_by_keyword(keyword: NDArray[np.float32], depth: int) -> NDArray[np.int64]:
    """Return the rows of the passages with the highest keyword scores above 0."""
    count = min(depth, len(keyword))
    rows = np.argpartition(-keyword, count - 1)[:count]
    return rows[keyword[rows] > 0]


def _best_by_vector(
    index: Index, vector: NDArray[np.float32], allowed: NDArray[np.bool_] | None, depth: int
) -> NDArray[np.int64]:
    """Return the rows of the passages whose sentences or attached questions are nearest to the question's embedding."""
    rows = None if allowed is None else allowed[index.parents]
    found = nearest(index.vectors, vector, depth * _ROWS_A_PASSAGE, rows)
    return np.array(list(dict.fromkeys(index.parents[found].tolist()))[:depth], dtype=np.int64)


def _rows_of(index: Index, passage: int) -> NDArray[np.int64]:
    """Return the rows in `vectors` of a passage: its sentences, then those behind all sentences."""
    return np.concatenate([np.arange(*index.sentence_rows[passage : passage + 2]), index.further_rows_of(passage)])


def _cosines(
    index: Index, vector: NDArray[np.float32], groups: Sequence[NDArray[np.int64]]
) -> list[NDArray[np.float32]]:
    """Return the cosines of some groups of rows with a vector, group by group."""
    together = index.vectors.reconstruct_batch(np.concatenate(groups)) @ vector
    return np.split(together, np.cumsum([len(rows) for rows in groups])[:-1])


def _repeats_lower(ordered: Sequence[Hit]) -> list[Hit]:
    """Put each hit whose best sentence stands in a better hit where one of a score less by _REPEATED would stand.

    Not behind all others: passages overlap, and what is new in the neighbour is often the answer.
    """
    fresh: list[Hit] = []
    scores: list[tuple[float, Hit]] = []
    for hit in ordered:
        span = hit.passage.sentences[best_sentence(hit)]
        repeats = any(holds(other, hit.passage.document_id, span) for other in fresh)
        if not repeats:
            fresh.append(hit)
        scores.append((hit.score - _REPEATED * repeats, hit))
    return [hit for _, hit in sorted(scores, key=lambda one: -one[0])]
