"""Texts to embeddings, through sentence-transformers, and the states of their tokens.

The default model runs on onnxruntime inside a `SentenceTransformer`. A single question goes through the very same
session without torch around it, so that answering needs neither torch nor the seconds that importing it takes; any
other model is loaded by sentence-transformers for both. The states of the tokens are always those of the default model,
which gives them along with its embeddings: not every model has tokens.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from qa.encoders import Reading, dense_encoder, encode_all
from qa.errors import ModelError
from qa.weights import BGE_SMALL, fingerprint, sha256_of

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_MODEL = BGE_SMALL.name
_CHUNK = 64  # texts handed to sentence-transformers at once


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What an index records of the model that made its vectors."""

    name: str
    sha256: str  # of the weights, and of all else that lies in the model's folder
    dimension: int


class Embedder:
    """One embedding model; vectors are float32 of unit length, so that an inner product is a cosine."""

    def __init__(self, name: str) -> None:
        """Name the model; nothing is loaded before it is needed.

        Args:
            name: DEFAULT_MODEL, a folder, or a hub name that was fetched before (nothing is fetched at run time).
        """
        self._name = name
        self._loaded: SentenceTransformer | None = None

    @property
    def info(self) -> ModelInfo:
        """Name, hash and dimension of the model.

        Raises:
            ModelError: the model cannot be loaded, or its weights are not the pinned ones.
        """
        dense_encoder()  # verifies its weights, which give the states of the tokens for every model
        if self._name == DEFAULT_MODEL:
            return ModelInfo(DEFAULT_MODEL, fingerprint(BGE_SMALL), dense_encoder().dimension)
        model = self._transformer()
        dimension = model.get_embedding_dimension()
        if not dimension:
            raise ModelError(f"{self._name} does not say how long its vectors are")
        return ModelInfo(self._name, _weights_hash(model, self._name), dimension)

    def encode(self, text: str) -> NDArray[np.float32]:
        """Return the embedding of one question, shape (d,)."""
        return dense_encoder().encode(text) if self._name == DEFAULT_MODEL else self._vectors([text])[0]

    def read(self, text: str) -> Reading:
        """Return the embedding of one question and the states of its tokens."""
        reading = dense_encoder().read(text)
        return reading if self._name == DEFAULT_MODEL else replace(reading, vector=self.encode(text))

    def load(self) -> None:
        """Load what `read_all` needs, so that it can be done while something else is worked on.

        Raises:
            ModelError: as `info`.
        """
        self._transformer()

    def read_all(self, texts: Iterable[str]) -> Iterator[Reading]:
        """Yield the embedding of each text and the states of its tokens, in order."""
        waiting = iter(texts)
        while chunk := list(islice(waiting, _CHUNK)):
            if self._name == DEFAULT_MODEL:
                # The module takes each text by itself, and gives back both.
                made: Any = self._transformer().encode(
                    chunk, batch_size=len(chunk), output_value=None, show_progress_bar=False
                )
                for one in made:
                    yield one["readings"][int(one["place"])]
            else:
                readings = encode_all(dense_encoder().read, chunk)
                for reading, vector in zip(readings, self._vectors(chunk), strict=True):
                    yield replace(reading, vector=vector)

    def _vectors(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the embeddings of texts, shape (n, d), by a model that is not the default one."""
        # A batch of one gives every text the same vector whatever its neighbours are.
        vectors: NDArray[np.float32] = self._transformer().encode(
            texts, batch_size=1, normalize_embeddings=True, show_progress_bar=False
        )
        if not np.isfinite(vectors).all():
            raise ModelError(f"{self._name} gave a vector that holds no number")
        return vectors.astype(np.float32)

    def _transformer(self) -> "SentenceTransformer":
        if self._loaded is None:
            os.environ.setdefault("HF_HUB_OFFLINE", "1")
            # torch makes this folder when it is imported; by default one in /tmp whose name others know beforehand.
            os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(__file__).parent))
            try:
                self._loaded = _load(self._name)
            except Exception as error:  # whatever is wrong with the files, each library has errors of its own
                others = "; give a folder or a model that lies in the local cache"
                advice = others if self._name != DEFAULT_MODEL else ""
                raise ModelError(
                    f"the embedding model {self._name!r} cannot be loaded: {_first_line(error)}{advice}"
                ) from error
        return self._loaded


def _load(name: str) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer

    if name == DEFAULT_MODEL:
        from qa.onnx_module import OnnxModule

        return SentenceTransformer(modules=[OnnxModule()], device="cpu")
    return SentenceTransformer(name, device="cpu")


def _weights_hash(model: Any, name: str) -> str:
    """Return one hash of a model's parameters, or of its folder, where the tokenizer and the pooling stand too."""
    folder = Path(name)
    if folder.is_dir():
        found = sorted(p for p in folder.rglob("*") if p.is_file())
        hashes = "".join(f"{p.relative_to(folder).as_posix()}:{sha256_of(p)}\n" for p in found)
        return hashlib.sha256(hashes.encode()).hexdigest()
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
