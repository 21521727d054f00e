"""The tokens of every sentence and attached question as the embedding model reads them, in four bits a number.

The vector of a sentence is what the embedding model makes of its first token; what it makes of the others comes with
it and costs nothing but room. For late interaction (see qa.late) they are kept row by row, as the vectors are.

Of a row only the direction counts. Divided by their root mean square the numbers of a row are spread much like normal
ones, and each is replaced by the nearest of sixteen levels at equal distances: the cosine with the row is .99. All
rows are then about as long, the root of the dimension, so that no length has to be kept.
Source of the distance: Max, "Quantizing for Minimum Distortion", 1960, table II.
"""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.encoders import DenseEncoder
from qa.storage import ArrayWriter, mapped_array

DIMENSION = DenseEncoder.dimension  # of the default embedding model, the only one whose tokens are kept
_STEP = 0.335  # between two levels, in root mean squares of the row
_LEVELS = 16
_BLOCK = 192  # tokens that are compared at once: so small a product is taken without copying its factors first


@dataclass(frozen=True, slots=True)
class PackedTokens:
    """The tokens of all rows of the vectors, in their order."""

    codes: NDArray[np.uint8]  # (n, DIMENSION / 2)
    starts: NDArray[np.int64]  # (rows + 1,) first token of each row, then n

    def codes_of(self, row: int) -> NDArray[np.uint8]:
        """Return the codes of one row's tokens, shape (tokens, DIMENSION / 2)."""
        return self.codes[self.starts[row] : self.starts[row + 1]]


def pack(states: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the codes of rows (n, d), shape (n, d / 2); a row of zeros gets one as well."""
    spread = np.sqrt(np.mean(states**2, axis=1, keepdims=True))
    levels = np.floor(states / np.maximum(_STEP * spread, 1e-12)) + _LEVELS // 2
    numbers = np.clip(levels, 0, _LEVELS - 1).astype(np.uint8)
    codes: NDArray[np.uint8] = numbers[:, ::2] + numbers[:, 1::2] * np.uint8(_LEVELS)
    return codes


class PackedWriter:
    """Takes the tokens of rows, one row after the other, and has only where each begins in memory."""

    def __init__(self, codes: ArrayWriter) -> None:
        self._codes = codes
        self.starts = array("q", [0])  # as in PackedTokens

    def add(self, codes: NDArray[np.uint8]) -> None:
        """Add the tokens of the next row."""
        self._codes.append(codes)
        self.starts.append(self.starts[-1] + len(codes))

    def codes_of(self, row: int) -> NDArray[np.uint8]:
        """Return the codes of a row that was added."""
        return self._codes.read(self.starts[row], self.starts[row + 1])


@contextmanager
def writing_packed(folder: Path) -> Iterator[PackedWriter]:
    """Yield what takes the tokens of rows; in the end they lie in the folder, for `read_packed`."""
    with ArrayWriter(_file(folder, "codes"), np.uint8, (DIMENSION // 2,)) as codes:
        writer = PackedWriter(codes)
        yield writer
    np.save(_file(folder, "starts"), np.array(writer.starts, dtype=np.int64))


def read_packed(folder: Path, *, scattered: bool = True) -> PackedTokens:
    """Map the tokens in a folder; `scattered` is that of `qa.storage.mapped_array`, for the codes."""
    codes = mapped_array(_file(folder, "codes"), scattered=scattered)
    return PackedTokens(codes, mapped_array(_file(folder, "starts")))


def _file(folder: Path, name: str) -> Path:
    return folder / f"sentence_tokens.{name}.npy"


def best_cosines(store: PackedTokens, question: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the best cosine of each token of a question within each row, shape (rows, question tokens).

    As far as packing allows: 6 % too small on average, since the largest numbers of a row are cut off.

    Args:
        question: (question tokens, DIMENSION), unit rows.
        rows: (n,) of the store; one without a token gets the lowest value, -1.
    """
    best = np.full((len(rows), len(question)), -1.0, dtype=np.float32)
    lengths = store.starts[rows + 1] - store.starts[rows]
    if lengths.any():
        firsts = np.cumsum(lengths) - lengths
        codes = store.codes[np.repeat(store.starts[rows] - firsts, lengths) + np.arange(lengths.sum())]
        best[lengths > 0] = np.maximum.reduceat(_cosines(codes, question), firsts[lengths > 0], axis=0)
    return best


def _cosines(codes: NDArray[np.uint8], question: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosines of tokens (n, d / 2) with those of a question, shape (n, question tokens)."""
    even, odd = (np.ascontiguousarray(question[:, first::2].T) for first in (0, 1))
    products = [
        (block & (_LEVELS - 1)).astype(np.float32) @ even + (block >> 4).astype(np.float32) @ odd
        for block in (codes[first : first + _BLOCK] for first in range(0, len(codes), _BLOCK))
    ]
    # A level stands for the middle of its interval, in steps from the middle of them all.
    centred = np.concatenate(products) - (_LEVELS - 1) / 2 * question.sum(axis=1)
    cosines: NDArray[np.float32] = centred * np.float32(_STEP / sqrt(DIMENSION))
    return cosines
