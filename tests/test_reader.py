from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import log

import numpy as np
import pytest

from qa.passages import Passage
from qa.reader import READ_CHARS, Reader, _load, excerpt, reader

TEXT = (
    "The lighthouse of Skagen was lit for the first time in 1858. Its first keeper was Anna Ancher, who had run the "
    "inn. She carried the oil up all 210 steps every evening, until her brother built a hoist."
)


def odds(question: str, text: str) -> float:
    """Return the log odds that the reader gives."""
    probability = reader().probability(question, text)
    return log(probability / (1 - probability))


@pytest.mark.model
@pytest.mark.parametrize(
    ("answered", "near_miss"),
    [
        ("Who was the first keeper?", "Who was the second keeper?"),
        ("in which year did the tower first shine?", "in which year was the tower torn down?"),
        ("what was anna doing before she looked after the lamp", "what was anna paid for looking after the lamp"),
        ("How many stairs had to be climbed?", "How much did the oil cost?"),
        ("Who made it unnecessary to climb with the fuel?", "Who painted the lighthouse in the end?"),
    ],
)
def test_an_answer_is_told_from_what_comes_near(answered, near_miss):
    """Of two questions on the same thing the one that the text answers gets far better odds, also in other words."""
    assert odds(answered, TEXT) > odds(near_miss, TEXT) + 1


@pytest.mark.model
def test_something_else_altogether_is_not_answered():
    """A passage on another matter does not answer."""
    assert odds("What is the capital of Mongolia?", TEXT) < -2


@pytest.mark.model
def test_what_is_too_long_is_cut():
    """What is too long to be read together is cut at its end, of the longer one first."""
    assert odds("Who was the first keeper?", TEXT + " The sea was calm." * 300) > -2
    assert np.isfinite(odds("?" * 1000, TEXT))


@pytest.mark.model
def test_the_headings_are_read_too():
    """What only title and headings tell counts."""
    question = "When was the lighthouse on Bornholm lit for the first time?"

    assert odds(question, "Lighthouses of the island of Bornholm. " + TEXT) > odds(question, TEXT)


def passage_of(lengths: list[int]) -> Passage:
    """Return a passage with sentences of these lengths, each of one letter."""
    text = " ".join(chr(ord("a") + number) * length for number, length in enumerate(lengths))
    starts = [sum(lengths[:number]) + number for number in range(len(lengths))]
    spans = tuple((start + 7, start + 7 + length) for start, length in zip(starts, lengths, strict=True))
    return Passage("i", "d", (), 7, 7 + len(text), text, spans, "Title. ", 0, "")


@pytest.mark.parametrize(
    ("lengths", "scores", "letters"),
    [
        ([100, 100, 100], [0.1, 0.9, 0.2], "abc"),  # all have room
        ([200, 100, 200], [0.1, 0.9, 0.2], "bc"),  # the better neighbour
        ([200, 100, 300], [0.1, 0.9, 0.2], "ab"),  # the other one, since the better has no room
        ([100, 100, 100, 100], [0.9, 0.1, 0.1, 0.8], "abc"),  # without a gap, however good the last is
        ([100, 900, 100], [0.1, 0.9, 0.2], "b"),  # however long it is
        ([50], [0.5], "a"),
    ],
)
def test_the_best_sentence_is_read_with_those_around_it(lengths, scores, letters):
    """The excerpt is one stretch around the best sentence, with title and headings in front, no longer than allowed."""
    passage = passage_of(lengths)

    text = excerpt(passage, scores)

    assert "".join(dict.fromkeys(text.removeprefix("Title. ").replace(" ", ""))) == letters
    assert text.removeprefix("Title. ") in passage.text
    assert len(text) <= READ_CHARS + len("Title. ") or len(letters) == 1


@pytest.mark.parametrize(
    ("best", "read"), [(0, "Title. It began so. a b"), (1, "Title. It began so. a b"), (3, "Title. d")]
)
def test_what_goes_on_with_a_paragraph_is_read_behind_its_opening(best, read):
    """The opening of the paragraph that a passage begins within stands in front of that paragraph's sentences alone."""
    passage = replace(passage_of([150, 150, 300, 300]), continuing=2, opening="It began so. ")

    text = excerpt(passage, [float(number == best) for number in range(4)])

    assert " ".join("".join(dict.fromkeys(word)) if len(word) > 99 else word for word in text.split()) == read


@pytest.mark.model
def test_it_is_loaded_once():
    """Several threads that need it at the same time get the same one."""
    _load.cache_clear()

    with ThreadPoolExecutor(4) as pool:
        assert len({id(made) for made in pool.map(lambda _: reader(), range(8))}) == 1


@pytest.mark.model
def test_several_threads_read_the_same():
    """One reader serves all threads: what it says does not depend on who else asks."""
    questions = ["Who was the first keeper?", "How much did the oil cost?"] * 8
    alone = [reader().probability(question, TEXT) for question in questions]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda question: reader().probability(question, TEXT), questions))

    assert together == alone
    assert Reader().probability(questions[0], TEXT) == alone[0]
    assert np.isfinite(alone).all()
