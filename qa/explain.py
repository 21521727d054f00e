"""Say why a passage stands where it stands, and why another one is not there: each number can be recomputed by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from qa.errors import BadQuote, NoSuchDocument
from qa.index import Index
from qa.nearest import cosines
from qa.passages import Passage
from qa.search import CANDIDATES, Found, Hit, Signals, best_sentence, holds, search
from qa.vectors import Embedder

_ABOUT = {
    "keyword": "shared words, rare ones first (BM25)",
    "sentence": "meaning of its best sentence",  # or of a question attached to it
    "late": "word by word, the passage",
    "late_dense": "word by word, its sentences",  # and the questions attached to them
    "reader": "whether it answers, read with the question",  # 0 where it is not among the best
}


@dataclass(frozen=True, slots=True)
class Factor:
    """One signal of a passage: `product == value * weight`."""

    name: str
    about: str
    value: float
    weight: float
    product: float
    rank: int  # of the passage by this signal alone, among the candidates


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a passage has its rank: `score` is the sum of the factors' products."""

    candidates: int  # passages that were looked at closely
    keyword_rank: int | None  # in the first stage by words; None: no word in common or not among the first
    meaning_rank: int | None  # in the first stage by meaning; None: not among the first
    factors: tuple[Factor, ...]
    score: float
    score_rank: int  # by score alone
    rank: int  # in the end
    repeats: int | None  # final rank of the better passage that holds its best sentence too, if that cost it its place


class Stage(StrEnum):
    """Where a stretch of a document was left out, in the order of the search."""

    NO_PASSAGE = "no_passage"  # it holds no text that is searched, such as a heading alone
    FIRST_STAGE = "first_stage"  # its passage is not among the candidates
    NEAR_DUPLICATE = "near_duplicate"  # only that a better passage holds the same sentence put it behind those shown
    RANKING = "ranking"  # others have a higher score
    SHOWN = "shown"  # it was not left out


@dataclass(frozen=True, slots=True)
class WhyNot:
    """What became of one stretch of a document when a question was asked."""

    question: str
    searched: str
    stage: Stage
    reason: str
    passage: Passage | None  # the passage that holds most of the stretch
    keyword_rank: int | None  # among all passages; None: no word in common
    meaning_rank: int | None  # among all passages
    explanation: Explanation | None  # if it was a candidate


def explain(candidates: Sequence[Hit], hit: Hit) -> Explanation:
    """Explain one of the candidates; they stand in their final order."""
    factors = tuple(
        Factor(
            name=spec.name,
            about=_ABOUT[spec.name],
            value=getattr(hit.signals, spec.name),
            weight=getattr(hit.weights, spec.name),
            product=getattr(hit.signals, spec.name) * getattr(hit.weights, spec.name),
            rank=_rank([getattr(other.signals, spec.name) for other in candidates], getattr(hit.signals, spec.name)),
        )
        for spec in fields(Signals)
    )
    # All passages that fit better by words (or meaning) are candidates too, so within the first ones the rank among the
    # candidates is the rank among all.
    ranks = {factor.name: factor.rank for factor in factors}
    rank = next(number for number, other in enumerate(candidates, 1) if other.row == hit.row)
    score_rank = 1 + sum((-other.score, other.row) < (-hit.score, hit.row) for other in candidates)
    return Explanation(
        candidates=len(candidates),
        keyword_rank=ranks["keyword"] if hit.signals.keyword > 0 and ranks["keyword"] <= CANDIDATES else None,
        meaning_rank=ranks["sentence"] if ranks["sentence"] <= CANDIDATES else None,
        factors=factors,
        score=hit.score,
        score_rank=score_rank,
        rank=rank,
        repeats=_repeated(candidates, hit) if rank > score_rank else None,
    )


def why_not(
    index: Index,
    embedder: Embedder,
    question: str,
    document_id: str,
    start: int,
    end: int,
    *,
    k: int,
    exact: bool = False,
    seconds: float = math.inf,
) -> WhyNot:
    """Say at which stage the passage that holds `text[start:end]` of a document was left out.

    Args:
        k: how many passages were shown.
        exact: take the question as it is spelt.
        seconds: after which the search is given up.
    Raises:
        BadQuestion: the question cannot be used.
        BadQuote: the document has no such characters.
        NoSuchDocument: there is no document of that id.
        Busy: the search took too long.
    """
    document = index.documents.get(document_id)
    if document is None:
        raise NoSuchDocument(f"there is no document {document_id!r}; passages and the list of documents name them")
    if not 0 <= start < end <= len(document.text):
        raise BadQuote(f"{document_id} has no characters {start}-{end}; it has {len(document.text):,}")
    found = search(index, embedder, question, exact=exact, seconds=seconds)
    row = _row_with_most(index, document_id, start, end)
    if row is None:
        reason = "no passage holds these characters: headings and blank lines are not searched on their own"
        return WhyNot(found.query.text, found.query.searched, Stage.NO_PASSAGE, reason, None, None, None, None)
    keyword, meaning = _first_stage(index, embedder, found)
    keyword_rank = _rank(keyword, keyword[row]) if keyword[row] > 0 else None
    meaning_rank = _rank(meaning, meaning[row])
    hit = next((hit for hit in found.hits if hit.row == row), None)
    explanation = explain(found.hits, hit) if hit else None
    stage, reason = _verdict(found, explanation, keyword_rank, meaning_rank, k)
    return WhyNot(
        question=found.query.text,
        searched=found.query.searched,
        stage=stage,
        reason=reason,
        passage=index.passages[row],
        keyword_rank=keyword_rank,
        meaning_rank=meaning_rank,
        explanation=explanation,
    )


def _verdict(
    found: Found, explanation: Explanation | None, keyword_rank: int | None, meaning_rank: int, k: int
) -> tuple[Stage, str]:
    if explanation is None:
        by_words = f"number {keyword_rank} by shared words" if keyword_rank else "without a word in common"
        return Stage.FIRST_STAGE, (
            f"it is {by_words} and number {meaning_rank} by meaning; "
            f"only the first {CANDIDATES} of either are looked at closely"
        )
    if explanation.rank <= k:
        return Stage.SHOWN, f"it is shown as number {explanation.rank}"
    last = found.hits[k - 1]
    if explanation.repeats is not None and explanation.score > last.score:
        return Stage.NEAR_DUPLICATE, (
            f"its best sentence stands in passage {explanation.repeats} too, so it was moved from place "
            f"{explanation.score_rank} to {explanation.rank}"
        )
    lost = max(explanation.factors, key=lambda f: f.weight * getattr(last.signals, f.name) - f.product)
    return Stage.RANKING, (
        f"it is number {explanation.rank} with a score of {explanation.score:.4f}; number {k}, the last one shown, has "
        f"{last.score:.4f}. It loses most by {lost.name} ({lost.about})"
    )


def _row_with_most(index: Index, document_id: str, start: int, end: int) -> int | None:
    """Return the passage that shares most characters with a stretch, the earlier one of equals."""
    shared = [
        (min(end, index.passages[row].end) - max(start, index.passages[row].start), -row)
        for row in index.passages_of(document_id)
    ]
    most, row = max(shared, default=(0, 0))
    return -row if most > 0 else None


def _first_stage(index: Index, embedder: Embedder, found: Found) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the scores of every passage in both first stages; shape (passages,)."""
    meaning = np.full(len(index.passages), -1.0, dtype=np.float32)
    np.maximum.at(meaning, index.parents, cosines(index.vectors, embedder.encode(found.query.searched)))
    return index.keywords.scores(found.query.stems), meaning


def _rank(values: Sequence[float] | NDArray[np.float32], value: float) -> int:
    return 1 + int(sum(other > value for other in values))


def _repeated(candidates: Sequence[Hit], hit: Hit) -> int | None:
    """Return the final rank of the first passage that holds the best sentence of a hit."""
    document_id, span = hit.passage.document_id, hit.passage.sentences[best_sentence(hit)]
    holding = (n for n, one in enumerate(candidates, 1) if one.row != hit.row and holds(one, document_id, span))
    return next(holding, None)
