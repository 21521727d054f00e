"""Import this in a process to have all that a rebuild needs: modules that take seconds, and the models."""

import sentence_transformers  # noqa: F401

import qa.rebuild
from qa.encoders import dense_encoder, token_encoder

__all__ = ["qa"]
dense_encoder()
token_encoder()
