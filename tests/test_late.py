from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.encoders import Reading, TokenStates
from qa.late import (
    CONTEXT,
    VOCABULARY,
    quantize,
    read_tokens,
    score,
    score_dense,
    sentence_of_tokens,
    token_weights,
    writing_tokens,
)
from qa.packed import DIMENSION, best_cosines, pack, read_packed, writing_packed
from qa.passages import Passage

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def unit_rows(rng, count):
    rows = rng.normal(size=(count, 96)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def store_of(states, sentences=None, ids=None):
    sentences = sentences or [np.zeros(len(rows), dtype=np.int16) for rows in states]
    ids = ids or [np.arange(len(rows), dtype=np.int32) for rows in states]
    with TemporaryDirectory() as folder:
        with writing_tokens(Path(folder)) as writer:
            for rows, numbers, own in zip(states, sentences, ids, strict=True):
                writer.add(quantize(rows), numbers, own)
        return read_tokens(Path(folder))


def test_a_score_is_the_weighted_mean_of_the_best_cosines():
    """With two question tokens of equal weight that fit fully and half, the score is 0.75; worked out by hand."""
    eye = np.eye(96, dtype=np.float32)
    half = np.zeros((1, 96), dtype=np.float32)
    half[0, :4] = 0.5  # cosine 0.5 with each of the first four axes
    store = store_of([eye[:1], np.concatenate([eye[:1], half]), eye[5:6]])
    question = TokenStates(np.array([7, 8], dtype=np.int32), eye[[0, 1]])

    scores = score(store, question, np.array([0, 1, 2]), [1, 1, 1])

    assert scores.passage == pytest.approx([0.5, 0.75, 0.0], abs=1e-6)
    assert scores.tokens == pytest.approx(np.array([[1, 0], [1, 0.5], [0, 0]]), abs=1e-6)


def test_sentences_are_scored_apart_and_the_context_is_none():
    """Each sentence gets the score of its own tokens, one without tokens gets -1, the context counts for none."""
    eye = np.eye(96, dtype=np.float32)
    store = store_of([eye[[3, 0, 1]]], [np.array([CONTEXT, 0, 1], dtype=np.int16)])
    question = TokenStates(np.array([7], dtype=np.int32), eye[[1]])

    scores = score(store, question, np.array([0]), [3])

    assert scores.sentences[0] == pytest.approx([0.0, 1.0, -1.0], abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 6), min_size=1, max_size=6), st.data())
def test_scores_are_what_a_plain_loop_gives(seed, lengths, data):
    """For any passages in any order, the scores equal those of a loop over passages and tokens, to a hundredth."""
    rng = np.random.default_rng(seed)
    states = [unit_rows(rng, length) for length in lengths]
    sentences = [np.sort(rng.integers(-1, 3, length)).astype(np.int16) for length in lengths]
    ids = [rng.integers(0, 50, length).astype(np.int32) for length in lengths]
    store = store_of(states, sentences, ids)
    question = TokenStates(rng.integers(0, 50, 4).astype(np.int32), unit_rows(rng, 4))
    chosen = data.draw(st.lists(st.sampled_from(range(len(lengths))), min_size=1, unique=True))

    scores = score(store, question, np.array(chosen), [3] * len(chosen))

    weights = token_weights(store, question.ids)
    for place, passage in enumerate(chosen):
        cosines = states[passage] @ question.states.T
        best = cosines.max(axis=0) if len(cosines) else np.full(4, -1.0)
        assert scores.passage[place] == pytest.approx(float(best @ weights), abs=0.01)
        context = cosines[sentences[passage] == CONTEXT].max(axis=0, initial=-1.0)
        for number in range(3):
            own = cosines[sentences[passage] == number]
            below = float(np.maximum(own.max(axis=0), context) @ weights) if len(own) else -1.0
            assert scores.sentences[place][number] == pytest.approx(below, abs=0.01)


def test_an_absent_token_is_like_nothing():
    """What a token of the question is like counts in the passages that hold it, and not at all in the others."""
    states = np.eye(96, dtype=np.float32)[:2]
    store = store_of([states, states], ids=[np.array([1, 2], dtype=np.int32)] * 2)
    question = TokenStates(np.array([1, 2], dtype=np.int32), states)
    second = (np.array([False, True]), np.array([True, False]))

    scores = score(store, question, np.array([0, 1]), [1, 1], [second])

    assert scores.tokens == pytest.approx(np.array([[1, 0], [1, 1]]), abs=0.01)
    assert scores.passage == pytest.approx([0.5, 1], abs=0.01)
    assert scores.sentences[0][0] == pytest.approx(0.5, abs=0.01)


def test_the_tokens_of_the_embedding_model_are_weighed_alike():
    """A passage gets the weighted mean of the best cosines over all its rows, a row that of its own.

    An absent token is like nothing.
    """
    states = np.random.default_rng(4).normal(size=(3, DIMENSION)).astype(np.float32)
    store = store_of([unit_rows(np.random.default_rng(3), 1)] * 2, ids=[np.array([1, 2], dtype=np.int32)] * 2)
    with TemporaryDirectory() as folder:
        with writing_packed(Path(folder)) as writer:
            for rows in (states[:1], states[1:2], states[2:]):
                writer.add(pack(rows))
        dense = read_packed(Path(folder))
    kept = best_cosines(dense, np.eye(DIMENSION, dtype=np.float32), np.array([0, 1]))
    lengths = np.linalg.norm(kept, axis=1)
    question = Reading(states[0], kept / lengths[:, np.newaxis])
    groups, ids = [np.array([0, 1]), np.array([2])], np.array([1, 2], dtype=np.int32)
    second = (np.array([False, True]), np.array([True, False]))

    (both, neither), rows = score_dense(store, dense, question, ids, groups)
    (one, _), _ = score_dense(store, dense, question, ids, groups, [second])

    assert lengths == pytest.approx(np.ones(2), abs=0.03)  # as far as packing allows
    assert both == pytest.approx(lengths.mean(), abs=1e-5)
    assert neither < 0.5
    assert one == pytest.approx(lengths[0] / 2, abs=1e-5)
    assert [len(scores) for scores in rows] == [2, 1]
    assert rows[0] == pytest.approx([0.5, 0.5], abs=0.2)
    assert rows[1] == pytest.approx([neither])


def test_passages_without_tokens_score_lowest():
    """A store whose passages have no token at all is scored -1 throughout, without a warning."""
    question = TokenStates(np.array([7], dtype=np.int32), np.eye(96, dtype=np.float32)[:1])
    empty = np.zeros((0, 96), dtype=np.float32)

    scores = score(store_of([empty, empty]), question, np.array([0, 1]), [1, 2])

    assert scores.passage.tolist() == [-1.0, -1.0]
    assert [rows.tolist() for rows in scores.sentences] == [[-1.0], [-1.0, -1.0]]


def test_rare_tokens_weigh_more_and_weights_sum_to_one():
    """A token that no passage holds weighs more than one that all hold."""
    rng = np.random.default_rng(1)
    ids = [np.array([1, 2], dtype=np.int32), np.array([1], dtype=np.int32)]
    store = store_of([unit_rows(rng, 2), unit_rows(rng, 1)], ids=ids)

    weights = token_weights(store, np.array([1, 2, 3], dtype=np.int32))

    assert weights[0] < weights[1] < weights[2]
    assert weights.sum() == pytest.approx(1)
    assert (len(store.frequency), store.frequency[1], store.frequency[2]) == (VOCABULARY, 2, 1)


def test_quantizing_keeps_directions():
    """An int8 row points where the float row does, to a cosine above 0.999, and rows of zeros stay zeros."""
    rows = unit_rows(np.random.default_rng(2), 50)

    small = quantize(rows).astype(np.float32)

    assert ((small * rows).sum(axis=1) / np.linalg.norm(small, axis=1)).min() > 0.999
    assert not quantize(np.zeros((1, 96), dtype=np.float32)).any()


@pytest.mark.parametrize("opening", ["", "It began so. "])
def test_tokens_belong_to_the_sentence_they_stand_in(opening):
    """Tokens of context and opening count for no sentence, tokens of a list marker for the sentence after it."""
    passage = Passage("i", "d", (), 10, 30, "- One is. Two is it.", ((12, 19), (20, 30)), "Title. ", 1, opening)

    starts = np.array([7, 9, 13, 17, 21], dtype=np.int32) + len(opening)

    assert sentence_of_tokens(passage, starts).tolist() == [0, 0, 0, 1, 1]
    assert sentence_of_tokens(passage, np.array([0, 5, 6 + len(opening)])).tolist() == [CONTEXT] * 3
