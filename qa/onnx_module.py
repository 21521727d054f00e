"""The default model as a module of sentence-transformers: apart, because defining it takes torch."""

from typing import Any

import numpy as np
import torch
from sentence_transformers.base.modules import InputModule

from qa.encoders import dense_encoder, encode_all


class OnnxModule(InputModule):
    """bge-small-en-v1.5 on onnxruntime, each text by itself (see qa.encoders)."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def preprocess(self, inputs: Any, prompt: str | None = None, **_: Any) -> dict[str, Any]:
        """Hand the texts (a list of strings) on; the encoder tokenizes them itself."""
        return {"texts": [f"{prompt or ''}{text}" for text in inputs]}

    def forward(self, features: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Return unit embeddings (n, 384), float32, and the readings they come from, with the place of each.

        Not the states of the tokens as a tensor: it would be filled up to the longest text. What is no tensor comes
        with each text whole, and in another order than the texts.
        """
        readings = list(encode_all(dense_encoder().read, features["texts"]))
        features["sentence_embedding"] = torch.from_numpy(np.stack([reading.vector for reading in readings]))
        features["readings"] = readings
        features["place"] = torch.arange(len(readings))
        return features

    def get_embedding_dimension(self) -> int:
        """Return the length of a vector."""
        return dense_encoder().dimension

    def save(self, output_path: str, *_: Any, **__: Any) -> None:
        """Refuse: the weights stay in their package."""
        raise NotImplementedError(f"not saved to {output_path}: the weights stay in the package that carries them")
