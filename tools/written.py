"""Questions that a language model wrote from reading passages of public sets, and which of these are held out."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

QUESTIONS = Path(__file__).parent / "reader_questions.jsonl"
HELD_OUT = 5  # one title in so many


@dataclass(frozen=True, slots=True)
class Written:
    """A question on one document."""

    question: str
    document: str  # its id in the set
    kind: str
    answer: tuple[int, int] | None  # where the document answers, in code points of its text; None if it does not


def written_for(name: str) -> list[Written]:
    """Return all questions on the documents of the set of this name."""
    records = [record for record in read_lines(QUESTIONS) if record["set"] == name]
    return [
        Written(record["question"], record["document"], record["kind"], record["answer"] and tuple(record["answer"]))
        for record in records
    ]


def is_held_out(title: str) -> bool:
    """Tell whether the reader was not trained on documents of this title."""
    return zlib.crc32(title.encode()) % HELD_OUT == 0


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
