"""The index on disk: immutable generations, and one pointer that names the current one.

    index/
      CURRENT                       {"current": {"id", "built_at"}, "previous": {…} | null}, replaced atomically
      generations/<id>/
        manifest.json               written last: format, model, settings, counts, SHA-256 of every file
        documents.jsonl             the documents with text and blocks, in path order
        documents.ids.*             the line of each id
        documents.passages.npy      (documents + 1,) int32: first passage of each document, then their number
        passages.jsonl              the passages, in document order; their row number is their line number
        passages.sentences.npy      (passages + 1,) int32: first row in vectors.faiss of the sentences of each passage
        questions.jsonl             attached questions
        vectors.faiss               unit embeddings: all sentences of the passages, then all attached questions, then
                                    again, behind its opening, what goes on with a paragraph from above its passage
        parents.npy                 (rows,) int32: the passage of each row of vectors.faiss
        tokens.*.npy                token states for late interaction
        sentence_tokens.*.npy       the same of each row of vectors.faiss, as the embedding model reads it
        vocabulary.*                every word, with the number of passages that hold it
        compounds.*                 the words that the passages write in parts, with the number of these passages
        names.*                     those words that the passages mostly write with a capital letter
        keywords.*                  the keyword index over the same passages

Beside each file of lines lies its *.starts.npy, which says where each line begins. All but the questions, which authors
write by hand, is memory-mapped: what nobody asks for takes no memory. The id is a hash of all that goes in, so the same
corpus and settings give the same id and the same bytes.
"""

import hashlib
import json
import os
import shlex
import shutil
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from qa.documents import Document
from qa.encoders import token_encoder_id
from qa.errors import IndexMissing, IndexUnusable
from qa.formats import Block
from qa.keywords import KeywordIndex, read_keywords, write_keywords
from qa.late import TokenStore, read_tokens
from qa.nearest import make_vectors, read_vectors, write_vectors
from qa.packed import PackedTokens, read_packed
from qa.passages import Passage
from qa.spelling import Vocabulary, compounds_of, is_english
from qa.storage import Lines, WordTable, mapped_array, to_json, write_lines, write_table
from qa.vectors import ModelInfo
from qa.weights import sha256_of
from qa.words import words_of

FORMAT = 8  # goes up with everything that changes what a generation holds or how
_POINTER = "CURRENT"
_GENERATIONS = "generations"
_MANIFEST = "manifest.json"
_KEPT_PASSAGES = 2048  # about as many as 30 questions look at
KEPT_DOCUMENTS = 64  # in memory, those that were read last


@dataclass(frozen=True, slots=True)
class AttachedQuestion:
    """A question that a document's author attached to a section, and the passage of that section that fits it best."""

    text: str
    passage: int  # row


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation says of itself."""

    format: int
    id: str
    corpus_sha256: str
    model: ModelInfo
    late_interaction: str  # names and hashes of what makes the token states
    settings: dict[str, int]  # of the cutting into passages
    documents: int
    passages: int
    sentences: int
    questions: int
    continuing: int  # of the sentences, which are embedded again behind the opening of their paragraph
    files: dict[str, str]  # path within the generation: SHA-256

    @property
    def vectors(self) -> int:
        """How many rows vectors.faiss has."""
        return self.sentences + self.questions + self.continuing


@dataclass(frozen=True, eq=False)
class Index:
    """One open generation. Nothing in it ever changes."""

    manifest: Manifest
    built_at: str  # ISO 8601, UTC
    documents: "Documents"  # by id, in path order; read when asked for, as are the passages
    passages: Sequence[Passage]
    questions: tuple[AttachedQuestion, ...]
    vectors: faiss.Index
    parents: NDArray[np.int32]  # the passage of each row in `vectors`
    sentence_rows: NDArray[np.int32]  # first row in `vectors` of each passage's sentences, then the row after the last
    tokens: TokenStore  # of the passages
    sentence_tokens: PackedTokens  # of the rows of `vectors`, as the embedding model reads them
    vocabulary: Vocabulary
    names: WordTable
    keywords: KeywordIndex
    _first_passages: NDArray[np.int32]

    def passages_of(self, document_id: str) -> range:
        """Return the rows of a document's passages."""
        row = self.documents.row_of(document_id)
        return range(self._first_passages[row], self._first_passages[row + 1])

    def further_rows_of(self, passage: int) -> NDArray[np.int64]:
        """Return the rows in `vectors` that a passage has behind all sentences.

        They are those of the questions attached to it, and of its sentences behind the opening of their paragraph.
        """
        passages, rows = self._further_rows
        return rows[slice(*np.searchsorted(passages, [passage, passage + 1]))]

    @cached_property
    def _further_rows(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        first = int(self.sentence_rows[-1])
        passages = self.parents[first:]
        order = np.argsort(passages, kind="stable")
        return passages[order], first + order


class Documents(Mapping[str, Document]):
    """Documents by id, each read when it is asked for; to go through them is to read them all."""

    def __init__(self, root: Path) -> None:
        self._documents = Lines(root / "documents.jsonl", _document, KEPT_DOCUMENTS)
        self._rows = WordTable(root / "documents.ids.txt")

    def __getitem__(self, document_id: str) -> Document:
        return self._documents[self._rows[document_id]]

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[str]:
        return (document.id for document in self._documents)

    def __contains__(self, document_id: object) -> bool:
        return document_id in self._rows

    def row_of(self, document_id: str) -> int:
        """Return the place of a document in the order of the paths, from 0; raise KeyError if there is none."""
        return self._rows[document_id]

    def stretch(self, first: int, after: int) -> list[Document]:
        """Return the documents from one row to before another, as far as there are so many; only they are read."""
        return self._documents[first:after]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a rebuild hands to `finish_generation`."""

    documents: Sequence[Document]
    passages: Sequence[Passage]
    questions: Sequence[AttachedQuestion]
    vectors: NDArray[np.float32]  # in the order of vectors.faiss; unit rows, as `qa.nearest.as_kept`


# ---------------------------------------------------------------------------------------------------- the pointer


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which generation serves, and which one served before it."""

    current: str
    built_at: str
    previous: str | None
    previous_built_at: str | None


def read_pointer(folder: Path) -> Pointer | None:
    """Return the pointer of an index folder, None if there is none yet.

    Raises:
        IndexUnusable: the pointer is damaged.
    """
    path = folder / _POINTER
    try:
        found = _unsealed(path.read_bytes())
        current, previous = found["current"], found["previous"] or {}
        return Pointer(current["id"], current["built_at"], previous.get("id"), previous.get("built_at"))
    except FileNotFoundError:
        return None
    except OSError as error:  # which no rebuild would mend
        mend = "--index (QA_INDEX) must name a folder that this user can read"
        raise IndexUnusable(f"{path} cannot be read ({error.strerror})", mend) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexUnusable(f"{path} cannot be read ({error})", _mend(folder)) from error


def current_pointer(folder: Path) -> Pointer:
    """Return the pointer of an index folder.

    Raises:
        IndexMissing: there is none yet; the message is the command that makes one.
        IndexUnusable: the pointer is damaged.
    """
    found = read_pointer(folder)
    if found is None:
        raise IndexMissing(f"there is no index in {folder}; run: qa rebuild --index {_quoted(folder)}")
    return found


def write_pointer(folder: Path, pointer: Pointer) -> None:
    """Replace the pointer in one step."""
    previous = {"id": pointer.previous, "built_at": pointer.previous_built_at} if pointer.previous else None
    content = {"current": {"id": pointer.current, "built_at": pointer.built_at}, "previous": previous}
    temporary = _new_pointer(folder)
    _write(temporary, _sealed(content))
    temporary.replace(folder / _POINTER)
    _sync_folder(folder)


def _new_pointer(folder: Path) -> Path:
    return folder / f".{_POINTER}.new"


def generation_folder(folder: Path, generation: str) -> Path:
    """Return where a generation lies."""
    return folder / _GENERATIONS / generation


# ---------------------------------------------------------------------------------------------------- writing


def begin_generation(folder: Path, generation: str) -> Path:
    """Make the folder in which a generation is written aside, empty, and return it: the tokens go there first."""
    aside = _aside(folder, generation)
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    return aside


def finish_generation(folder: Path, manifest: Manifest, parts: Parts) -> Manifest:
    """Write all but the tokens, and move the generation into place whole; return its manifest with the files' hashes.

    A folder of the same id stays if it is sound and the same, else it is replaced; whoever has it open keeps its files.
    """
    final, aside = generation_folder(folder, manifest.id), _aside(folder, manifest.id)
    _write_texts(aside, parts)
    write_vectors(make_vectors(parts.vectors), aside / "vectors.faiss")
    _write_keyword_index(aside, parts)
    files = {path: sha256_of(aside / path) for path in _files(aside)}
    complete = replace(manifest, files=files)
    _write(aside / _MANIFEST, _sealed(asdict(complete)))
    for path in [*files, _MANIFEST]:
        _sync_file(aside / path)
    _sync_folder(aside)
    if _holds(final, complete):  # nothing to gain, and whoever stops this process now finds the index whole
        shutil.rmtree(aside)
        return complete
    if final.exists():
        replaced = final.with_name(f".replaced-{manifest.id}")
        shutil.rmtree(replaced, ignore_errors=True)
        final.replace(replaced)
    aside.replace(final)
    _sync_folder(final.parent)
    return complete


def _aside(folder: Path, generation: str) -> Path:
    return generation_folder(folder, f".building-{generation}")


def _holds(root: Path, manifest: Manifest) -> bool:
    """Tell whether a generation folder holds exactly the files of `manifest`, undamaged."""
    try:
        found = read_manifest(root)
        _check_files(root, found)
    except IndexUnusable:
        return False
    return found == manifest


def remove_generations_except(folder: Path, keep: Iterable[str] | None) -> None:
    """Remove whatever a stopped rebuild left behind, and every generation that is not to be kept; None keeps all."""
    _new_pointer(folder).unlink(missing_ok=True)
    for path in generations_except(folder, keep):
        shutil.rmtree(path, ignore_errors=True)


def generations_except(folder: Path, keep: Iterable[str] | None) -> list[Path]:
    """Return the folders of generations that are half done or not to be kept; None keeps all that are whole."""
    kept = None if keep is None else set(keep)
    found = (folder / _GENERATIONS).glob("*")
    return [path for path in found if path.name.startswith(".") or (kept is not None and path.name not in kept)]


def _write_texts(root: Path, parts: Parts) -> None:
    """Write documents, passages and questions, and the arrays that say what belongs to what."""
    write_lines(root / "documents.jsonl", map(to_json, parts.documents))
    write_table(root / "documents.ids.txt", {document.id: row for row, document in enumerate(parts.documents)})
    write_lines(root / "passages.jsonl", map(to_json, parts.passages))
    write_lines(root / "questions.jsonl", map(to_json, parts.questions))
    passages_in = Counter(passage.document_id for passage in parts.passages)
    np.save(root / "documents.passages.npy", _starts([passages_in[document.id] for document in parts.documents]))
    counts = [len(passage.sentences) for passage in parts.passages]
    np.save(root / "passages.sentences.npy", _starts(counts))
    numbers = np.arange(len(counts), dtype=np.int32)
    of_questions = np.array([question.passage for question in parts.questions], dtype=np.int32)
    continuing = np.repeat(numbers, [passage.continuing for passage in parts.passages])
    np.save(root / "parents.npy", np.concatenate([np.repeat(numbers, counts), of_questions, continuing]))


def _starts(counts: Sequence[int]) -> NDArray[np.int32]:
    """Return where each of some groups begins that follow each other, then where the last one ends."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int32)


def _write_keyword_index(root: Path, parts: Parts) -> None:
    """Write the keyword index, the vocabulary with its compounds, and the names in it."""
    attached: dict[int, list[str]] = {}
    for question in parts.questions:
        attached.setdefault(question.passage, []).append(question.text)
    vocabulary: Counter[str] = Counter()
    compounds: Counter[str] = Counter()
    capitals: Counter[str] = Counter()  # how many times more a word has a capital letter than not, but for openings
    opening: set[str] = set()  # words with a capital letter that a sentence, item or cell begins with
    numbers: dict[str, int] = {}  # of the stems, in the order in which they come: always the same
    texts = []
    for row, passage in enumerate(parts.passages):
        text = passage.context + passage.text
        words = words_of(text)
        vocabulary.update({word.folded for word in words})
        compounds.update(set(compounds_of(text)))
        openings = {start - passage.start + len(passage.context) for start, _ in passage.sentences}
        for word in words:
            if word.start < len(passage.context):
                continue  # headings write much with a capital
            if not _opens(text, word.start, openings):
                capitals[word.folded] += 1 if text[word.start].isupper() else -1
            elif text[word.start].isupper():
                opening.add(word.folded)
        words += [word for text in attached.get(row, ()) for word in words_of(text)]
        texts.append(array("i", [numbers.setdefault(word.stem, len(numbers)) for word in words]))
    write_table(root / "vocabulary.txt", vocabulary)
    write_table(root / "compounds.txt", compounds)
    names = {word for word, more in capitals.items() if more > 0}
    names |= {word for word in opening - capitals.keys() if not is_english(word)}
    write_table(root / "names.txt", {word: vocabulary[word] for word in names})
    write_keywords(root, texts, numbers)


def _opens(text: str, at: int, openings: set[int]) -> bool:
    """Tell whether nothing but signs stands between a place and where a sentence or the cell of a table begins."""
    while at not in openings and at > 0 and not text[at - 1].isalnum() and text[at - 1] != "|":
        at -= 1
    return at in openings or text[at - 1 : at] == "|"


# ---------------------------------------------------------------------------------------------------- opening


def open_index(folder: Path) -> Index:
    """Open the current generation after checking every file of it.

    Raises:
        IndexMissing: there is no index.
        IndexUnusable: it is damaged or of another format; the message names the file and the mending command.
    """
    pointer = current_pointer(folder)
    return open_generation(folder, pointer.current, pointer.built_at)


def open_generation(folder: Path, generation: str, built_at: str, *, scattered: bool = True) -> Index:
    """Open one generation; as `open_index`.

    Args:
        scattered: whether the tokens of a few passages are read, as for a question, and not all in their order.
    """
    root = generation_folder(folder, generation)
    manifest = read_manifest(root)
    if manifest.id != generation:
        raise IndexUnusable(f"{root} says that it is generation {manifest.id}, not {generation}", _mend(folder))
    _check_files(root, manifest)
    return Index(
        manifest=manifest,
        built_at=built_at,
        documents=Documents(root),
        passages=Lines(root / "passages.jsonl", _passage, _KEPT_PASSAGES),
        questions=tuple(Lines(root / "questions.jsonl", _question)),
        vectors=read_vectors(root / "vectors.faiss"),
        parents=mapped_array(root / "parents.npy"),
        sentence_rows=mapped_array(root / "passages.sentences.npy"),
        tokens=read_tokens(root, scattered=scattered),
        sentence_tokens=read_packed(root, scattered=scattered),
        vocabulary=Vocabulary(root),
        names=WordTable(root / "names.txt"),
        keywords=read_keywords(root, manifest.passages),
        _first_passages=mapped_array(root / "documents.passages.npy"),
    )


def read_manifest(root: Path) -> Manifest:
    """Return the manifest of a generation folder.

    Raises:
        IndexUnusable: it is missing, damaged or of another format.
    """
    path = root / _MANIFEST
    mend = _mend(root.parent.parent)
    try:
        data = path.read_bytes()
        made = json.loads(data)["format"]
        if made != FORMAT:
            raise IndexUnusable(f"{path} has format {made!r}, this program reads format {FORMAT}", mend)
        found = _unsealed(data)
        return Manifest(**{**found, "model": ModelInfo(**found["model"])})
    except FileNotFoundError as error:
        raise IndexUnusable(f"{path} is missing", mend) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IndexUnusable(f"{path} cannot be read ({_reason(error)})", mend) from error


def _check_files(root: Path, manifest: Manifest) -> None:
    """Compare every file of a generation with its hash in the manifest.

    Raises:
        IndexUnusable: a file is missing or damaged.
    """
    mend = _mend(root.parent.parent)
    for name, expected in manifest.files.items():
        path = root / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise IndexUnusable(f"{path} cannot be read ({error.strerror})", mend) from error
        if found != expected:
            raise IndexUnusable(f"{path} is damaged: SHA-256 {found}, expected {expected}", mend)


def check_model(folder: Path, index: Index, model: ModelInfo) -> None:
    """Refuse an index whose vectors or token states were made by other weights than the ones in use.

    Args:
        folder: that the index was opened from.
    Raises:
        IndexUnusable: the message names both and the command that rebuilds.
    """
    made = index.manifest.model
    if made != model:
        other = f"set QA_MODEL={_quoted(made.name)} or " if made.name != model.name else ""
        raise IndexUnusable(
            f"the index was made with {made.name} (SHA-256 {made.sha256[:12]}, {made.dimension} dimensions), "
            f"in use is {model.name} (SHA-256 {model.sha256[:12]}, {model.dimension} dimensions)",
            f"{other}run: QA_MODEL={_quoted(model.name)} qa rebuild --index {_quoted(folder)}",
        )
    if index.manifest.late_interaction != token_encoder_id():
        raise IndexUnusable(
            f"the token states of the index were made with {index.manifest.late_interaction}, "
            f"in use is {token_encoder_id()}",
            f"run: qa rebuild --index {_quoted(folder)}",
        )


# ---------------------------------------------------------------------------------------------------- records


def records_hash(records: Iterable[Any]) -> str:
    """Return one hash of frozen records (documents, passages), in order."""
    digest = hashlib.sha256()
    for record in records:
        digest.update(to_json(record) + b"\n")
    return digest.hexdigest()


def _document(line: bytes) -> Document:
    record = json.loads(line)
    blocks = tuple(Block(**block) for block in record["blocks"])
    questions = tuple((offset, text) for offset, text in record["questions"])
    return Document(**{**record, "blocks": blocks, "questions": questions})


def _passage(line: bytes) -> Passage:
    record = json.loads(line)
    sentences = tuple((start, end) for start, end in record["sentences"])
    return Passage(**{**record, "headings": tuple(record["headings"]), "sentences": sentences})


def _question(line: bytes) -> AttachedQuestion:
    return AttachedQuestion(**json.loads(line))


def _sealed(record: dict[str, Any]) -> bytes:
    """Return a record as JSON with its own hash in it, so that a single changed byte is noticed."""
    return to_json({**record, "sha256": hashlib.sha256(to_json(record)).hexdigest()}) + b"\n"


def _unsealed(data: bytes) -> dict[str, Any]:
    """Return the record that `_sealed` made into `data`; raise ValueError if that is not what it is."""
    record: dict[str, Any] = json.loads(data)
    record.pop("sha256", None)
    if _sealed(record) != data:
        raise ValueError("it is damaged or was written by another program")
    return record


def _mend(folder: Path) -> str:
    return f"run: qa rebuild --force --index {_quoted(folder)}"


def _quoted(value: Path | str) -> str:
    """Return a value as it can be pasted into a shell."""
    return shlex.quote(str(value))


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
