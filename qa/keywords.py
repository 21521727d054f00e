"""The keyword index: the BM25 score of each stem in each passage that holds it, worked out when the index is made.

bm25s works them out. To read them is to add some of them up, which is done here: loading the library and scipy with it
would cost a server 20 MB and a quarter of a second.
Source: Lù, "BM25S: Orders of magnitude faster lexical search via eager sparse scoring", 2024.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.storage import WordTable, mapped_array, write_table


@dataclass(frozen=True, slots=True)
class KeywordIndex:
    """The passages that hold each stem, with the score that the stem gives them."""

    numbers: WordTable  # of the stems
    starts: NDArray[np.int32]  # (stems + 1,) where the entries of each stem begin, then their number
    holders: NDArray[np.int32]  # (entries,) row of a passage, rising within a stem
    weights: NDArray[np.float32]  # (entries,) what the stem adds to the score of that passage
    passages: int

    def __contains__(self, stem: object) -> bool:
        return stem in self.numbers

    def count(self, stem: str) -> int:
        """Return how many passages hold a stem."""
        first, after = self._entries(stem)
        return after - first

    def scores(self, stems: Iterable[str]) -> NDArray[np.float32]:
        """Return the BM25 score of every passage, shape (passages,): the sum over the stems, 0 without any of them."""
        scores = np.zeros(self.passages, dtype=np.float32)
        for stem in stems:
            first, after = self._entries(stem)
            scores[self.holders[first:after]] += self.weights[first:after]
        return scores

    def _entries(self, stem: str) -> tuple[int, int]:
        number = self.numbers.get(stem)
        return (0, 0) if number is None else (int(self.starts[number]), int(self.starts[number + 1]))


def write_keywords(folder: Path, texts: Sequence[Sequence[int]], numbers: Mapping[str, int]) -> None:
    """Write the keyword index of some passages, for `read_keywords`.

    Args:
        texts: for each passage, the numbers of its stems, repeated as they are; one passage or more.
        numbers: of every stem that occurs, from 0 on.
    """
    import bm25s  # here: who only reads does without
    from bm25s.tokenization import Tokenized

    logging.getLogger("bm25s").setLevel(logging.WARNING)  # it asks for DEBUG, whatever the program wants

    if not numbers:  # bm25s cannot index passages without a single word: one that no question can hold stands in
        numbers, texts = {"\0": 0}, [[0]] * len(texts)
    made = bm25s.BM25()
    made.index(Tokenized(ids=texts, vocab=dict(numbers)), create_empty_token=False, show_progress=False)
    write_table(folder / "keywords.numbers.txt", numbers)
    np.save(folder / "keywords.starts.npy", made.scores["indptr"])
    np.save(folder / "keywords.holders.npy", made.scores["indices"])
    np.save(folder / "keywords.weights.npy", made.scores["data"])


def read_keywords(folder: Path, passages: int) -> KeywordIndex:
    """Map the keyword index in a folder, which is of so many passages."""
    return KeywordIndex(
        numbers=WordTable(folder / "keywords.numbers.txt"),
        starts=mapped_array(folder / "keywords.starts.npy"),
        holders=mapped_array(folder / "keywords.holders.npy"),
        weights=mapped_array(folder / "keywords.weights.npy"),
        passages=passages,
    )
