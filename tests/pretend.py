"""Models without weights whose numbers a reader can work out, and files on demand: for tests that need no more."""

import zlib
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from qa.encoders import TOKEN_DIMENSION, Reading, Tokens, TokenStates
from qa.late import VOCABULARY
from qa.packed import DIMENSION
from qa.vectors import ModelInfo
from qa.words import words_of


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, byte for byte, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


class PretendConfined(nullcontext):
    """Calls in this process: where hundreds of small corpora are read, starting another for each takes the time."""

    def __init__(self, max_seconds: float, max_bytes: int) -> None:
        super().__init__(self)

    def call(self, function, *arguments):
        return function(*arguments)


class PretendEmbedder:
    """Embeds a text as the number of its words of 1, 2 … 8 or more letters, so that a reader can work it out."""

    dimension = 8

    def __init__(self, name: str) -> None:
        self.info = ModelInfo(name, f"{zlib.crc32(name.encode()):064x}", self.dimension)

    def encode(self, text: str) -> np.ndarray:
        counts = np.full(self.dimension, 0.01, dtype=np.float32)
        for word in text.split():
            counts[min(len(word), self.dimension) - 1] += 1
        return counts / np.linalg.norm(counts)

    def load(self) -> None:
        """Have everything already."""

    def read(self, text: str) -> Reading:
        return Reading(self.encode(text), PretendTokenEncoder().states(text, DIMENSION))

    def read_all(self, texts):
        return map(self.read, texts)


class PretendTokenEncoder:
    """Takes each word for one token, whose state has a one at its length."""

    vocabulary: Mapping[str, int] = {}

    def tokens_of(self, text: str) -> Tokens:
        words = words_of(text)
        ids = [zlib.crc32(word.folded.encode()) % VOCABULARY for word in words]
        return Tokens(np.array(ids, dtype=np.int32), np.array([word.start for word in words], dtype=np.int32))

    def encode_passage(self, text: str) -> TokenStates:
        return TokenStates(self.tokens_of(text).ids, self.states(text, TOKEN_DIMENSION))

    def states(self, text: str, dimension: int) -> np.ndarray:
        words = words_of(text)
        states = np.zeros((len(words), dimension), dtype=np.float32)
        states[np.arange(len(words)), [min(word.end - word.start, dimension - 1) for word in words]] = 1.0
        return states

    encode_query = encode_passage
