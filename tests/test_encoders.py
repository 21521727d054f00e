from itertools import islice
from time import sleep

import numpy as np
import pytest

from qa.encoders import (
    MAX_TOKENS,
    TOKEN_DIMENSION,
    WORKERS,
    dense_encoder,
    encode_all,
    side_by_side,
    token_encoder,
)

pytestmark = pytest.mark.model

LONG = "the lighthouse keeper winds the clockwork " * 200


def test_a_dense_vector_has_unit_length():
    """Any text, also an empty or an endless one, gets a vector of 384 numbers of length 1."""
    for text in ("Who keeps the light?", "", " ", "\u200b", "😀", "日本語", LONG):
        vector = dense_encoder().encode(text)
        assert (vector.shape, vector.dtype) == ((384,), np.float32)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_both_encoders_read_the_same_tokens():
    """The dense encoder has a unit row for each token of the token encoder, also where a long text is cut."""
    for text in ("Who keeps the light, Émile?", "", "\u200b", "😀 日本語", LONG):
        tokens = dense_encoder().read(text).tokens
        assert (tokens.shape, tokens.dtype) == ((len(token_encoder().tokens_of(text).ids), 384), np.float32)
        assert np.linalg.norm(tokens, axis=1) == pytest.approx(np.ones(len(tokens)), abs=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours():
    """A text gets the same bytes alone and among others."""
    texts = ["A short text.", LONG, "Another one."]

    together = encode_all(dense_encoder().encode, texts)

    assert all((dense_encoder().encode(text) == row).all() for text, row in zip(texts, together, strict=True))


def test_only_a_few_texts_are_taken_ahead():
    """The results come in order, and when the first ones are there, most texts have not been asked for."""
    texts = map(str, range(10_000))

    assert list(islice(encode_all(int, texts), 200)) == list(range(200))

    assert int(next(texts)) < 300


def test_who_stops_asking_does_not_wait_for_the_rest():
    """Texts that were taken ahead are not encoded any more when nobody wants them."""
    seen = []

    def encode(text: str) -> None:
        seen.append(text)
        sleep(0.02)

    results = encode_all(encode, map(str, range(1000)))
    next(results)
    begun = len(seen)
    results.close()

    assert len(seen) <= begun + WORKERS


def test_two_encoders_side_by_side_give_what_they_give_alone():
    """Together, both encoders return the same bytes as one after the other; an error of either is raised."""
    text = "Who keeps the light?"

    vector, tokens = side_by_side(lambda: dense_encoder().encode(text), lambda: token_encoder().encode_query(text))

    assert (vector == dense_encoder().encode(text)).all()
    assert (tokens.states == token_encoder().encode_query(text).states).all()
    for pair in ((lambda: 1 / 0, lambda: 1), (lambda: 1, lambda: 1 / 0)):
        with pytest.raises(ZeroDivisionError):
            side_by_side(*pair)


def test_near_meanings_are_near():
    """A paraphrase is nearer than an unrelated sentence, for both encoders."""
    question, near, far = "Who looks after the lighthouse?", "The keeper tends the beacon.", "Soup is eaten cold."
    encode = dense_encoder().encode

    assert encode(question) @ encode(near) > encode(question) @ encode(far)

    asked = token_encoder().encode_query(question).states
    fit = {text: (asked @ token_encoder().encode_passage(text).states.T).max(axis=1).mean() for text in (near, far)}

    assert fit[near] > fit[far]


def test_token_states_are_unit_rows_of_the_tokens():
    """A passage has a unit row for each token, 509 at most; ids and places are those of `tokens_of`."""
    for text in ("Who keeps the light, Émile?", "", "\u200b", LONG):
        encoded, tokens = token_encoder().encode_passage(text), token_encoder().tokens_of(text)
        assert encoded.states.shape == (len(tokens.ids), TOKEN_DIMENSION)
        assert len(tokens.ids) <= MAX_TOKENS - 2
        assert (encoded.ids == tokens.ids).all()
        assert np.linalg.norm(encoded.states, axis=1) == pytest.approx(np.ones(len(tokens.ids)), abs=1e-5)


def test_token_places_count_code_points():
    """Offsets of tokens point into the text that was given, also behind accents and emoji."""
    text = "😀 Émile sees e\u0301te\u0301 ships"

    starts = token_encoder().tokens_of(text).starts

    assert [text[start:].split()[0] for start in starts][-1] == "ships"
    assert text.index("sees") in starts


def test_questions_and_passages_are_marked_differently():
    """The same text has other token states as a question than as a passage."""
    text = "the lighthouse"

    assert not np.allclose(token_encoder().encode_query(text).states, token_encoder().encode_passage(text).states)
