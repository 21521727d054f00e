"""Read a folder of files into documents: the first stage.

Files come from anywhere, and some take a parser minutes or gigabytes. Each is therefore read in a process apart, which
is ended when one file takes too much; the file is named and the others go on.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qa.confined import CannotStart, Confined, Ended, OutOfMemory, OutOfTime
from qa.documents import PARSERS, Document, read_document
from qa.errors import CorpusError
from qa.passages import passages_of
from qa.sections import sections_of

QUESTION_SET = "questions.jsonl"  # the evaluation set that may lie at the top of a corpus: not a document
# What every index holds. Not from `qa.index`, which would take Faiss along into the process that reads files.
_INDEX = {"CURRENT", "generations"}
_MEMORY_BYTES = 512 * 2**20  # for the process that reads files, its modules included
_MEMORY_PER_BYTE = 150  # on top, for each byte that a file may have: ten times what most files take


@dataclass(frozen=True, slots=True)
class Notice:
    """Something about one file that the person who rebuilds should know."""

    path: str
    reason: str
    skipped: bool  # False: the file is indexed all the same


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of a folder, its files before those of its folders, and what was remarkable on the way."""

    documents: tuple[Document, ...]
    notices: tuple[Notice, ...]


def read_corpus(
    folder: Path, max_document_bytes: int, max_document_seconds: float, *, index: Path | None = None
) -> Corpus:
    """Read every readable document below `folder`.

    Args:
        folder: the corpus; hidden files and folders (a leading dot) are passed over.
        max_document_bytes: larger files are skipped with a notice.
        max_document_seconds: files that take more of the processor's time are skipped with a notice.
        index: the folder that the documents are indexed in; passed over, as is whatever looks like an index.
    Raises:
        CorpusError: `folder` is no folder or that of the index, or nothing in it could be read.
    """
    try:
        found = folder.is_dir()
    except OSError as error:
        raise CorpusError(f"{folder} cannot be read ({error.strerror}); name another folder with --corpus") from error
    if not found:  # also a link to itself, which `resolve` would stumble over
        raise CorpusError(f"{folder} is not a folder; name the folder of documents with --corpus")
    root = folder.resolve()
    own_index = index.resolve() if index else None
    if root == own_index:
        raise CorpusError(f"{folder} is to hold the index; name another folder for that with --index")
    documents: dict[str, Document] = {}
    notices: list[Notice] = []
    unreadable: list[OSError] = []
    max_memory = _MEMORY_BYTES + _MEMORY_PER_BYTE * max_document_bytes
    with Confined(max_document_seconds, max_memory) as confined:
        for path in _walk(root, own_index, unreadable.append):
            name = path.relative_to(root).as_posix()
            try:
                document, remarks = confined.call(_read, path, root, max_document_bytes)
                if document.id in documents:
                    raise ValueError(f"has by chance the id of {documents[document.id].path}; rename it")
            except CannotStart as error:
                raise CorpusError(f"no process to read documents in can be started: {error}") from error
            except Exception as error:  # noqa: BLE001 - a parser may raise anything; the other files go on
                notices.append(Notice(_printable(name), _reason(error, max_document_seconds, max_memory), skipped=True))
                continue
            documents[document.id] = document
            notices += [Notice(name, _printable(remark), skipped=False) for remark in remarks]
    for failure in unreadable:
        name = Path(str(failure.filename)).relative_to(root).as_posix()
        notices.append(Notice(_printable(name), f"folder cannot be read: {failure.strerror}", skipped=True))
    if not documents:
        listed = "".join(f"\n  {n.path}: {n.reason}" for n in notices[:20])
        known = ", ".join(PARSERS)
        raise CorpusError(f"no readable document in {folder} (read are {known}){listed}")
    return Corpus(tuple(documents.values()), tuple(notices))


def _read(path: Path, root: Path, max_bytes: int) -> tuple[Document, tuple[str, ...]]:
    """Read one file, in the process apart; cutting is rehearsed there, so that it ends in time afterwards too."""
    document, remarks = read_document(path, root, max_bytes)
    for section in sections_of(document):
        passages_of(document, section)
    return document, remarks


def _reason(error: Exception, max_seconds: float, max_memory: int) -> str:
    match error:
        case OutOfTime():
            return f"could not be read in {max_seconds:g} seconds (QA_MAX_DOCUMENT_SECONDS)"
        case OutOfMemory():
            return f"could not be read with {max_memory / 1e6:,.0f} MB of memory (QA_MAX_DOCUMENT_BYTES sets how much)"
        case Ended():
            return f"broke off the process that read it ({error})"
        case OSError():
            return error.strerror or str(error)
        case ValueError():
            return str(error)
        case _:
            return f"cannot be parsed ({type(error).__name__}: {error}); please report this"


def _printable(name: str) -> str:
    """Return a file name or remark on one line, with what is no character written as a code."""
    return "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in name)


def _walk(root: Path, index: Path | None, unreadable: Callable[[OSError], object]) -> Iterator[Path]:
    """Yield every file below `root` in a fixed order; linked folders are not entered but yielded, indexes passed over.

    Not by `os.walk`, which recurses before Python 3.12 and so fails on folders a thousand deep.
    """
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            unreadable(error)
            continue
        if folder == index or _INDEX.issubset(entry.name for entry in entries):
            continue
        subfolders = []
        for entry in entries:
            path = Path(entry)
            if entry.name.startswith(".") or path == root / QUESTION_SET:
                continue
            if entry.is_dir(follow_symlinks=False):
                subfolders.append(path)
            else:
                yield path
        waiting += reversed(subfolders)
