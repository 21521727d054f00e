"""Read retrieval sets in the BEIR layout: corpus.jsonl, queries.jsonl, qrels/test.tsv, and unanswerable.jsonl if there.

Source: Thakur et al., "BEIR: A Heterogenous Benchmark for Zero-shot Evaluation of Information Retrieval Models", 2021.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from qa.documents import Document, parse_document
from qa.errors import CorpusError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class BeirQuery:
    """One query of a set."""

    id: str
    text: str
    relevant: dict[str, int]  # id of a document: its grade, above 0
    answers: tuple[str, ...]  # reference answers, if the set has any


@dataclass(frozen=True, slots=True)
class BeirSet:
    """A whole set; every line of its corpus is a document."""

    documents: tuple[Document, ...]
    queries: tuple[BeirQuery, ...]  # those with at least one relevant document
    unanswerable: tuple[BeirQuery, ...]


def read_beir(folder: Path) -> BeirSet:
    """Read a set.

    Raises:
        CorpusError: a file is missing or cannot be read; the message names it, and the line.
    """
    relevant = _grades(folder / "qrels" / "test.tsv")
    documents = tuple(document for document in _records(folder / "corpus.jsonl", _document) if document)
    if not documents:
        raise CorpusError(f"{folder / 'corpus.jsonl'} holds no document with text")
    asked = _records(folder / "queries.jsonl", lambda record: _query(record, relevant))
    queries = tuple(query for query in asked if query.relevant)
    if not queries:
        raise CorpusError(f"{folder / 'qrels' / 'test.tsv'} names no relevant document for any query of queries.jsonl")
    path = folder / "unanswerable.jsonl"
    unanswerable = tuple(_records(path, lambda record: _query(record, {}))) if path.exists() else ()
    return BeirSet(documents, queries, unanswerable)


def read_record(line: str) -> dict[str, Any]:
    """Return the object that a line of JSON holds.

    Raises:
        ValueError: there is none; the message says why.
    """
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg}, column {error.colno})") from error
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    return record


def _grades(path: Path) -> dict[str, dict[str, int]]:
    """Return the grades above 0 of the documents of each query; the first line may be a header."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in _lines(path):
        try:
            query_id, document_id, score = line.split("\t")
            grade = int(float(score))
        except (ValueError, OverflowError) as error:
            if number == 1:
                continue
            reason = "it must be the ids of a query and a document and a grade, with tabs between them"
            raise _unreadable(path, number, reason) from error
        if grade > 0:
            grades.setdefault(query_id, {})[document_id] = grade
    return grades


def _document(record: dict[str, Any]) -> Document | None:
    """Return the document of one line, None if there is no text in it: it can never be found."""
    # Some sets have documents that are a title and nothing else.
    title = _text(record, "title")
    text = _text(record, "text") or title
    if not text.strip():
        return None
    name = _id(record)
    document, _ = parse_document("document.txt", text)
    # An id may be anything, also what no path can be; and nothing of it is to be embedded, as title or path would be.
    return replace(document, id=name, path="", title=title)


def _query(record: dict[str, Any], grades: dict[str, dict[str, int]]) -> BeirQuery:
    if "text" not in record:
        raise ValueError("`text` is missing")
    metadata = record.get("metadata")
    answers = tuple((metadata.get("answers") or ()) if isinstance(metadata, dict) else ())
    return BeirQuery(_id(record), _text(record, "text"), grades.get(_id(record), {}), answers)


def _id(record: dict[str, Any]) -> str:
    """Return the id of a record as the qrels write it: some sets have numbers."""
    name = record.get("_id")
    if not isinstance(name, str | int) or isinstance(name, bool):
        raise ValueError("`_id` must be text or a whole number")
    return str(name) if isinstance(name, int) else _text(record, "_id")


def _text(record: dict[str, Any], name: str) -> str:
    """Return a text of a record, "" if there is none."""
    text = record.get(name) or ""
    if not isinstance(text, str):
        raise ValueError(f"`{name}` must be text")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"`{name}` holds half of a surrogate pair, which is no character")
    return text


def _records(path: Path, make: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """Yield what `make` makes of each line of JSON."""
    known = set()
    for number, line in _lines(path):
        try:
            record = read_record(line)
            if _id(record) in known:
                raise ValueError(f"its `_id` {_id(record)} is that of an earlier line")
            known.add(_id(record))
            yield make(record)
        except RecursionError as error:
            raise _unreadable(path, number, "it is nested too deeply") from error
        except (ValueError, TypeError) as error:
            raise _unreadable(path, number, error) from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines that are not blank, with their numbers from 1."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); it is part of the BEIR layout") from error
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8: {error}") from error


def _unreadable(path: Path, number: int, reason: object) -> CorpusError:
    return CorpusError(f"{path}, line {number} does not fit the BEIR layout: {reason}")
