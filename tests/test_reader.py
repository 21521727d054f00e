from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from qa.passages import Passage
from qa.reader import READ_CHARS, Reader, excerpt, reader
from qa.search import Hit, Signals, fusion_weights

TEXT = (
    "The lighthouse of Skagen was lit for the first time in 1858. Its first keeper was Anna Ancher, who had run the "
    "inn. She carried the oil up all 210 steps every evening, until her brother built a hoist."
)


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
    assert reader().logit(answered, TEXT) > reader().logit(near_miss, TEXT) + 1


@pytest.mark.model
def test_something_else_altogether_is_not_answered():
    """A passage on another matter does not answer."""
    assert reader().logit("What is the capital of Mongolia?", TEXT) < -2


@pytest.mark.model
def test_what_is_too_long_is_cut():
    """What is too long to be read together is cut at its end, of the longer one first."""
    assert reader().logit("Who was the first keeper?", TEXT + " The sea was calm." * 300) > -2
    assert np.isfinite(reader().logit("?" * 1000, TEXT))


@pytest.mark.model
def test_the_headings_are_read_too():
    """What only title and headings tell counts."""
    question = "When was the lighthouse on Bornholm lit for the first time?"

    assert reader().logit(question, "Lighthouses of the island of Bornholm. " + TEXT) > reader().logit(question, TEXT)


def hit_of(lengths: list[int], scores: list[float]) -> Hit:
    """Return a hit with sentences of these lengths, each of one letter, and how well each fits."""
    text = " ".join(chr(ord("a") + number) * length for number, length in enumerate(lengths))
    starts = [sum(lengths[:number]) + number for number in range(len(lengths))]
    spans = tuple((start + 7, start + 7 + length) for start, length in zip(starts, lengths, strict=True))
    passage = Passage("i", "d", (), 7, 7 + len(text), text, spans, "Title. ")
    return Hit(passage, 0, 1.0, Signals(0, 0, 0, 0), fusion_weights(), tuple(scores))


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
    hit = hit_of(lengths, scores)

    text = excerpt(hit)

    assert "".join(dict.fromkeys(text.removeprefix("Title. ").replace(" ", ""))) == letters
    assert text.removeprefix("Title. ") in hit.passage.text
    assert len(text) <= READ_CHARS + len("Title. ") or len(letters) == 1


@pytest.mark.model
def test_several_threads_read_the_same():
    """One reader serves all threads: what it says does not depend on who else asks."""
    questions = ["Who was the first keeper?", "How much did the oil cost?"] * 8
    alone = [reader().logit(question, TEXT) for question in questions]

    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda question: reader().logit(question, TEXT), questions))

    assert together == alone
    assert Reader().logit(questions[0], TEXT) == alone[0]
    assert np.isfinite(alone).all()
