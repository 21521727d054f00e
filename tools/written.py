"""Questions on the documents of a set, and which of these are held out when the reader is trained.

A set is a folder in the BEIR layout, with questions of its own and those of tools/reader_questions.jsonl, which a
language model wrote from reading its passages; or tools/reader_documents, all of which a language model made up.
"""

import json
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa.beir import read_beir
from qa.documents import Document, parse_document

TOOLS = Path(__file__).parent
QUESTIONS = TOOLS / "reader_questions.jsonl"
INVENTED = TOOLS / "reader_documents"
HELD_OUT = 5  # one title in so many


@dataclass(frozen=True, slots=True)
class Question:
    """A question on documents of a set."""

    text: str
    documents: frozenset[str]  # ids of those that answer it, or nearly do
    kind: str
    answer: str | None  # words of theirs that answer; None if none do


def read_documents(folder: Path) -> tuple[Document, ...]:
    """Return the documents of a set."""
    if folder != INVENTED:
        return read_beir(folder).documents
    paths = sorted(folder.glob("*.md"))
    parsed = (parse_document(path.name, path.read_text(encoding="utf-8"))[0] for path in paths)
    return tuple(replace(document, id=document.path) for document in parsed)


def written_for(folder: Path) -> list[Question]:
    """Return the questions that a language model wrote on the documents of a set."""
    texts = {document.id: document.text for document in read_documents(folder)}
    records = [record for record in read_lines(QUESTIONS) if record["set"] == folder.name]
    return [
        Question(
            record["question"],
            frozenset({record["document"]}),
            record["kind"],
            texts[record["document"]][slice(*record["answer"])] if record["answer"] else None,
        )
        for record in records
    ]


def own_of(folder: Path) -> list[Question]:
    """Return the questions that a set in the BEIR layout has itself; there are none on invented documents."""
    if folder == INVENTED:
        return []
    answered = [Question(q.text, frozenset(q.relevant), "own", q.answers[0]) for q in read_beir(folder).queries]
    path = folder / "unanswerable.jsonl"
    near_misses = [
        Question(record["text"], frozenset({record["metadata"]["near_doc"]}), "own near miss", None)
        for record in (read_lines(path) if path.exists() else [])
    ]
    return answered + near_misses


def is_held_out(title: str) -> bool:
    """Tell whether the reader was not trained on documents of this title."""
    return zlib.crc32(title.encode()) % HELD_OUT == 0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
