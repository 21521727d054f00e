"""Tell whether a passage answers a question, by reading both together: a cross-encoder of our own training.

Source: Nogueira and Cho, "Passage Re-ranking with BERT", 2019. How it was trained: tools/fit_reader.py.
"""

import math
from collections.abc import Sequence
from functools import cache
from threading import Lock

import numpy as np

from qa.encoders import OnnxModel
from qa.passages import Passage
from qa.weights import MINILM_READER, TRAINED_LAYERS, verified

MAX_TOKENS = 512  # of question and text together; what is too much is cut, of the longer one first
READ_CHARS = 350  # of a passage: reading takes time by the token, and more than this tells hardly more


class Reader:
    """ms-marco-MiniLM-L-12-v2 (int8) with upper layers trained to tell answers from what only comes near."""

    def __init__(self) -> None:
        ((name, _),) = TRAINED_LAYERS.files
        with np.load(verified(TRAINED_LAYERS) / name) as arrays:
            trained = dict(arrays)
        self._model = OnnxModel(MINILM_READER, MAX_TOKENS, in_place=trained)

    def probability(self, question: str, text: str) -> float:
        """Return the probability that the text answers, above 0 and below 1, among questions of which a third do."""
        pair = self._model.tokenize(question, text)
        return 1.0 / (1.0 + math.exp(-float(self._model.run("logits", pair.ids, pair.type_ids)[0])))


def excerpt(passage: Passage, fits: Sequence[float]) -> str:
    """Return what is read of a passage: title, headings, and its best sentence with those around it that have room.

    What goes on with a paragraph that begins above the passage comes behind the opening of that paragraph.

    Of the sentences before and behind, the one that fits the question better comes first. The best sentence is read
    however long it is.

    Args:
        fits: how well each sentence fits the question.
    """
    spans = passage.sentences
    first = last = int(np.argmax(fits))
    while True:
        beside = [number for number in (first - 1, last + 1) if 0 <= number < len(spans)]
        room = [n for n in beside if max(spans[n][1], spans[last][1]) - min(spans[n][0], spans[first][0]) <= READ_CHARS]
        if not room:
            ahead = passage.preamble if first < passage.continuing else passage.context
            return ahead + passage.words((spans[first][0], spans[last][1]))
        better = max(room, key=lambda number: fits[number])
        first, last = min(first, better), max(last, better)


_load = cache(Reader)
_loading = Lock()  # whoever needs it while it is loaded waits, rather than load it again


def reader() -> Reader:
    """Return the one reader of this process; its session may be used by several threads at once.

    Raises:
        ModelError: the weights are missing or damaged.
    """
    with _loading:
        return _load()
