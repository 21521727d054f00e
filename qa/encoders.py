"""Run the shipped models on onnxruntime: text in, vectors out.

One text a call: dynamic int8 takes its ranges from all texts of a batch, so that in a batch a text's vector would
depend on its neighbours, and on two cores single texts are faster. Sessions use one thread each, and so does every
matrix product; two texts, or one text in two encoders, side by side measured faster than one after the other with two
threads (docs/performance.md).
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from io import BytesIO
from types import MappingProxyType
from typing import TypeVar

import numpy as np

# Read on import. Without it the library would tell its maker about this machine, and keep an identity in HOME for that.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tokenizers import Encoding, Tokenizer

from qa.weights import BGE_SMALL, COLBERT_SMALL, Weights, fingerprint, verified

MAX_TOKENS = 511  # one place of the 512 is for the marker of the token encoder
TOKEN_DIMENSION = 96
WORKERS = 2  # the cores of the machine this is made for
_AHEAD = 32  # items that are taken before they are asked for; all of them would be too many to hold
_QUERY_MARKER, _PASSAGE_MARKER = 1, 2  # [unused0] and [unused1], as the model was trained

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_First = TypeVar("_First")
_Second = TypeVar("_Second")


_helpers = ThreadPoolExecutor(WORKERS, "encoder")


def encode_all(encode: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
    """Yield `encode(item)` for each item, such as a text, in order, while all workers go on with the next few."""
    pool = ThreadPoolExecutor(WORKERS)
    try:
        pending: deque[Future[_Result]] = deque()
        for item in items:
            pending.append(pool.submit(encode, item))
            if len(pending) > _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)  # whoever interrupts need not wait for what was taken beforehand


def side_by_side(first: Callable[[], _First], second: Callable[[], _Second]) -> tuple[_First, _Second]:
    """Return what both return; the first runs in a thread of its own meanwhile."""
    pending = _helpers.submit(first)
    made = second()
    return pending.result(), made


class OnnxModel:
    """A tokenizer and an ONNX session, as the packages carry them."""

    def __init__(
        self,
        weights: Weights,
        max_tokens: int,
        *,
        in_place: Mapping[str, NDArray[np.generic]] = MappingProxyType({}),
    ) -> None:
        """Load the model.

        Args:
            max_tokens: of a text or of a pair together; what is too long is cut, of a pair the longer text first.
            in_place: arrays that are used instead of those of the file, by their names in it.
        """
        threadpool_limits(1, user_api="blas")  # of the whole process: its products are too small to be shared out
        folder = verified(weights)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._in_place = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in in_place.items()}
        for name, value in self._in_place.items():
            options.add_initializer(name, value)  # which does not copy it
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()  # the file asks for 512 tokens, however short the text is
        self._tokenizer.enable_truncation(max_tokens)

    def tokenize(self, text: str, second: str | None = None) -> Encoding:
        """Return the tokens of a text, or of a pair of texts."""
        return self._tokenizer.encode(text, second)

    def vocabulary(self) -> dict[str, int]:
        """Return the pieces that words are made of."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        return vocabulary

    def states(self, ids: list[int]) -> NDArray[np.float32]:
        """Return the last hidden states, shape (len(ids), 384), float32."""
        return self.run("last_hidden_state", ids, [0] * len(ids))

    def run(self, output: str, ids: list[int], types: list[int]) -> NDArray[np.float32]:
        """Return an output of the model for one text or pair; its shape is that of the output, without the batch.

        Args:
            types: of each token: 0 in the first text of a pair, 1 in the second.
        """
        row = np.array([ids], dtype=np.int64)
        feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.array([types])}
        made: NDArray[np.float32] = self._session.run([output], feeds)[0][0]
        return made


@dataclass(frozen=True, slots=True)
class Reading:
    """What one pass of an embedding model makes of a text."""

    vector: NDArray[np.float32]  # (d,) of the whole text, unit length
    tokens: NDArray[np.float32]  # (n, 384) of each token but the special ones, unit rows; of the default model


class DenseEncoder:
    """bge-small-en-v1.5 (int8): one vector for a whole text, and one for each token.

    Its tokens are those of the token encoder: both have the vocabulary of BERT, and cut a text at the same token.
    Source: Xiao et al., "C-Pack: Packed Resources For General Chinese Embeddings", 2023; CLS pooling.
    """

    dimension = 384

    def __init__(self) -> None:
        self._model = OnnxModel(BGE_SMALL, MAX_TOKENS)

    def read(self, text: str) -> Reading:
        """Return the embedding of `text` and the states of its tokens; text beyond 511 tokens is cut."""
        states = _unit(self._model.states(self._model.tokenize(text).ids))
        return Reading(states[0], states[1:-1])

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return the embedding of `text` alone, shape (384,), float32, unit length."""
        return self.read(text).vector


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text, without the special ones."""

    ids: NDArray[np.int32]  # (n,) vocabulary ids
    starts: NDArray[np.int32]  # (n,) where each token begins in the text, in code points


@dataclass(frozen=True, slots=True)
class TokenStates:
    """The tokens of one text with their states, for late interaction."""

    ids: NDArray[np.int32]  # (n,) vocabulary ids
    states: NDArray[np.float32]  # (n, d), unit rows; d is TOKEN_DIMENSION but while the projection is fitted


class TokenEncoder:
    """answerai-colbert-small-v1 (int8): one vector for each token of a text.

    The packaged model lacks its final projection; in its place stands one onto the first 96 principal components of the
    token states of public text (tools/fit_projection.py), which keeps the ranking at a quarter of the size
    (docs/evaluation.md).
    Source: Khattab and Zaharia, "ColBERT", 2020; Clavié, "answerai-colbert-small-v1", 2024.
    """

    def __init__(self, projection: NDArray[np.float32]) -> None:
        """Load the model.

        Args:
            projection: (384, d), float32; what the token states are multiplied with.
        """
        self._model = OnnxModel(COLBERT_SMALL, MAX_TOKENS)
        self._projection = projection

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """The pieces that words are made of, among them some 24,000 common English words whole."""
        return self._model.vocabulary()

    def tokens_of(self, text: str) -> Tokens:
        """Return the tokens of a text without running the model; text beyond 511 tokens is cut."""
        encoding = self._model.tokenize(text)
        starts = [start for start, _ in encoding.offsets[1:-1]]
        return Tokens(np.array(encoding.ids[1:-1], dtype=np.int32), np.array(starts, dtype=np.int32))

    def encode_query(self, text: str) -> TokenStates:
        """Return the token states of a question."""
        return self._encode(text, _QUERY_MARKER)

    def encode_passage(self, text: str) -> TokenStates:
        """Return the token states of a passage; text beyond 511 tokens is cut."""
        return self._encode(text, _PASSAGE_MARKER)

    def _encode(self, text: str, marker: int) -> TokenStates:
        ids = self._model.tokenize(text).ids
        states = self._model.states([ids[0], marker, *ids[1:]])[2:-1] @ self._projection
        return TokenStates(np.array(ids[1:-1], dtype=np.int32), _unit(states))


def _unit(states: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return rows at unit length; a row of zeros stays as it is."""
    unit: NDArray[np.float32] = states / np.maximum(np.linalg.norm(states, axis=1, keepdims=True), 1e-12)
    return unit


@cache
def token_encoder() -> TokenEncoder:
    """Return the one token encoder of this process; its session may be used by several threads at once."""
    return TokenEncoder(np.load(BytesIO(_projection_file())))


@cache
def token_encoder_id() -> str:
    """Return what makes the token states, models and projection each with a hash, for an index to record."""
    projection = hashlib.sha256(_projection_file()).hexdigest()
    models = "+".join(f"{model.name}:{fingerprint(model)[:16]}" for model in (COLBERT_SMALL, BGE_SMALL))
    return f"{models}:{projection[:16]}"


def _projection_file() -> bytes:
    return files("qa").joinpath("late_projection.npy").read_bytes()


@cache
def dense_encoder() -> DenseEncoder:
    """Return the one dense encoder of this process; its session may be used by several threads at once."""
    return DenseEncoder()
