"""Late interaction: compare each token of a question with every token of a passage.

The tokens of all passages lie in one int8 array, one row a token. A row's length carries no meaning, so that no scale
has to be kept: rows are brought back to unit length when they are compared.
Source: Khattab and Zaharia, "ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over
BERT", 2020. Weighting the question's tokens by their rarity in the index is ours: measured in docs/evaluation.md.
"""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.encoders import TOKEN_DIMENSION, Reading, TokenStates
from qa.packed import PackedTokens, best_cosines
from qa.passages import Passage
from qa.storage import ArrayWriter, mapped_array

VOCABULARY = 30522  # of both encoders
CONTEXT = -1  # number of the "sentence" of tokens that stand in front of a passage, in its preamble


@dataclass(frozen=True, slots=True)
class TokenStore:
    """The tokens of all passages, in passage order."""

    states: NDArray[np.int8]  # (n, 96), proportional to unit rows
    sentence: NDArray[np.int16]  # (n,) number of the token's sentence within its passage, or CONTEXT
    starts: NDArray[np.int64]  # (passages + 1,) first token of each passage, then n
    frequency: NDArray[np.int32]  # (VOCABULARY,) number of passages that hold each token

    def states_of(self, passage: int) -> NDArray[np.int8]:
        """Return the states of one passage's tokens, shape (n, 96)."""
        return self.states[self.starts[passage] : self.starts[passage + 1]]


@dataclass(frozen=True, slots=True)
class LateScores:
    """How well some passages fit one question; every score is a weighted mean of cosines, -1..1."""

    passage: NDArray[np.float32]  # (m,)
    sentences: tuple[NDArray[np.float32], ...]  # for each passage, one score for each sentence below its context
    tokens: NDArray[np.float32]  # (m, question tokens) best cosine of each question token within each passage


def quantize(states: NDArray[np.float32]) -> NDArray[np.int8]:
    """Return int8 rows proportional to `states` (n, d), each using the full range."""
    largest = np.abs(states).max(axis=1, keepdims=True)
    rows: NDArray[np.int8] = np.rint(states * (127.0 / np.maximum(largest, 1e-12))).astype(np.int8)
    return rows


def sentence_of_tokens(passage: Passage, starts: NDArray[np.int32]) -> NDArray[np.int16]:
    """Return the sentence number of each token of `passage.preamble + passage.text`, given where the tokens begin."""
    bounds = np.array([start - passage.start for start, _ in passage.sentences], dtype=np.int32)
    offsets = starts - len(passage.preamble)
    numbers = np.searchsorted(bounds, offsets, side="right") - 1
    return np.where(offsets < 0, CONTEXT, np.maximum(numbers, 0)).astype(np.int16)


class TokenWriter:
    """Takes the tokens of passages, one passage after the other, and has only where each begins in memory."""

    def __init__(self, states: ArrayWriter, sentence: ArrayWriter) -> None:
        self._states, self._sentence = states, sentence
        self.starts = array("q", [0])  # as in TokenStore, like the next
        self.frequency = np.zeros(VOCABULARY, dtype=np.int32)

    def add(self, states: NDArray[np.int8], sentence: NDArray[np.int16], ids: NDArray[np.int32]) -> None:
        """Add the next passage: for each of its tokens the state, the number of its sentence, and the vocabulary id."""
        self._states.append(states)
        self._sentence.append(sentence)
        self.starts.append(self.starts[-1] + len(states))
        self.frequency[np.unique(ids)] += 1

    def states_of(self, passage: int) -> NDArray[np.int8]:
        """Return the states of a passage that was added."""
        return self._states.read(self.starts[passage], self.starts[passage + 1])


@contextmanager
def writing_tokens(folder: Path) -> Iterator[TokenWriter]:
    """Yield what takes the tokens of passages; in the end they lie in the folder, for `read_tokens`."""
    states = ArrayWriter(_file(folder, "states"), np.int8, (TOKEN_DIMENSION,))
    with states, ArrayWriter(_file(folder, "sentence"), np.int16) as sentence:
        writer = TokenWriter(states, sentence)
        yield writer
    np.save(_file(folder, "starts"), np.array(writer.starts, dtype=np.int64))
    np.save(_file(folder, "frequency"), writer.frequency)


def read_tokens(folder: Path, *, scattered: bool = True) -> TokenStore:
    """Map the tokens in a folder; `scattered` is that of `qa.storage.mapped_array`, for the states."""
    names = (spec.name for spec in fields(TokenStore))
    arrays = {name: mapped_array(_file(folder, name), scattered=scattered and name == "states") for name in names}
    return TokenStore(**arrays)


def _file(folder: Path, name: str) -> Path:
    return folder / f"tokens.{name}.npy"


def token_weights(store: TokenStore, ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the weight of each question token: its inverse passage frequency, summing to 1."""
    passages = len(store.starts) - 1
    weights = np.log(1.0 + passages / (store.frequency[ids] + 0.5))
    normalised: NDArray[np.float32] = (weights / weights.sum()).astype(np.float32)
    return normalised


def score(
    store: TokenStore,
    question: TokenStates,
    passages: NDArray[np.int64],
    sentence_counts: Sequence[int],
    absent: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = (),
) -> LateScores:
    """Score some passages against a question.

    Args:
        passages: (m,) rows of the passages; one without a token (all its characters are invisible) scores lowest, -1.
        sentence_counts: how many sentences each of them has.
        absent: tokens of the question that are like nothing in some passages: which tokens, shape (question tokens,),
            and in which passages, (m,).
    """
    weights = token_weights(store, question.ids)
    rows = np.concatenate([np.arange(store.starts[p], store.starts[p + 1]) for p in passages])
    states = store.states[rows].astype(np.float32)
    similarity = states @ question.states.T
    similarity /= np.sqrt(np.einsum("nd,nd->n", states, states))[:, np.newaxis]  # np.linalg.norm copies all of it
    lengths = store.starts[passages + 1] - store.starts[passages]
    for inside, lacking in absent:
        similarity[np.ix_(np.repeat(lacking, lengths), inside)] = 0.0
    firsts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    best = np.full((len(passages), len(question.ids)), -1.0, dtype=np.float32)
    # A sentence that was cut off with the end of a long passage has no tokens: it keeps the lowest score.
    sentences = tuple(np.full(count, -1.0, dtype=np.float32) for count in sentence_counts)
    if not len(rows):
        return LateScores(_weighted(best, weights), sentences, tokens=best)
    context = best.copy()
    best[lengths > 0] = np.maximum.reduceat(similarity, firsts[lengths > 0], axis=0)

    sentence = store.sentence[rows]
    owner = np.repeat(np.arange(len(passages)), lengths)
    changes = np.flatnonzero((np.diff(sentence) != 0) | (np.diff(owner) != 0)) + 1
    segments = np.concatenate([[0], changes])
    number, owner = sentence[segments], owner[segments]
    own = np.maximum.reduceat(similarity, segments, axis=0)
    context[owner[number == CONTEXT]] = own[number == CONTEXT]
    # A sentence need not repeat what stands in front of its passage: those tokens count as if it did.
    placed = _weighted(np.maximum(own, context[owner]), weights)
    for at, row, fit in zip(number, owner, placed, strict=True):
        if at != CONTEXT:
            sentences[row][at] = fit
    return LateScores(_weighted(best, weights), sentences, tokens=best)


def score_dense(
    store: TokenStore,
    dense: PackedTokens,
    question: Reading,
    ids: NDArray[np.int32],
    groups: Sequence[NDArray[np.int64]],
    absent: Sequence[tuple[NDArray[np.bool_], NDArray[np.bool_]]] = (),
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """Score some passages against a question by the tokens of the embedding model.

    Args:
        ids: (question tokens,) vocabulary ids of the question's tokens.
        groups: for each passage its rows in `dense`, one or more.
        absent: as in `score`.
    Returns:
        One score for each passage, shape (m,), and for each passage those of its rows; all are -1..1.
    """
    weights = token_weights(store, ids)
    lengths = np.array([len(rows) for rows in groups], dtype=np.int64)
    firsts = np.cumsum(lengths) - lengths
    best = best_cosines(dense, question.tokens, np.concatenate(groups))
    for inside, lacking in absent:
        best[np.ix_(np.repeat(lacking, lengths), inside)] = 0.0
    of_passages = _weighted(np.maximum.reduceat(best, firsts, axis=0), weights)
    return of_passages, np.split(_weighted(best, weights), firsts[1:])


def likeness(store: TokenStore, first: tuple[int, int], second: tuple[int, int]) -> float:
    """Return how far two sentences say the same, -1..1.

    That is the mean best cosine of the tokens of one with those of the other, in the direction in which it is lower:
    what only one of them says counts against both.

    Args:
        first: row of a passage and the number of its sentence, like the second.
    """
    one, other = (_unit_states(store, *place) for place in (first, second))
    if not len(one) or not len(other):  # cut off with the end of a long passage
        return -1.0
    cosines = one @ other.T
    return float(min(cosines.max(axis=0).mean(), cosines.max(axis=1).mean()))


def _unit_states(store: TokenStore, passage: int, sentence: int) -> NDArray[np.float32]:
    tokens = slice(store.starts[passage], store.starts[passage + 1])
    states = store.states[tokens][store.sentence[tokens] == sentence].astype(np.float32)
    unit: NDArray[np.float32] = states / np.linalg.norm(states, axis=1, keepdims=True)
    return unit


def _weighted(cosines: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the weighted sum of each row, shape (n,).

    Not as a matrix product: that of OpenBLAS was seen to raise the flag for an invalid value where there was none.
    """
    sums: NDArray[np.float32] = np.einsum("nq,q->n", cosines, weights)
    return sums
