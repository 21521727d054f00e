"""What people say of the answers, kept in one SQLite file on this machine: question and verdict, nobody's name."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryFile

from qa.errors import FeedbackRefused, TooMany

OFF = Path("off")  # the value of the setting that asks for no feedback
MAX_COMMENT_CHARS = 1000
_LOCK_SECONDS = 1  # that a verdict waits for another process; a thread of the server waits with it
MAX_A_MINUTE = 30  # from everybody together, so that no address needs to be kept to hold a flood back
_SCHEMA = """
CREATE TABLE IF NOT EXISTS feedback (
  given_at TEXT NOT NULL, question TEXT NOT NULL, helpful INTEGER NOT NULL, comment TEXT NOT NULL,
  answered INTEGER NOT NULL, answer TEXT NOT NULL, document TEXT NOT NULL, generation TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Feedback:
    """One verdict on one reply."""

    question: str
    helpful: bool
    comment: str
    answered: bool  # False: the reply was that the documents do not answer
    answer: str  # word for word from the document, "" when there was none
    document: str  # path of the document that was quoted, "" when there was none
    generation: str  # of the index


def store(path: Path, feedback: Feedback) -> None:
    """Append one verdict.

    Raises:
        FeedbackRefused: the file cannot be written.
        TooMany: too many came within a minute.
    """
    now = datetime.now(UTC)
    try:
        _create(path)
        with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as database, database:
            database.execute(_SCHEMA)
            minute = [moment.isoformat(timespec="seconds") for moment in (now - timedelta(minutes=1), now)]
            # Not what lies in the future, of a clock that was ahead: it would count for as long as that.
            counting = "SELECT count(*) FROM feedback WHERE given_at > ? AND given_at <= ?"
            (recent,) = database.execute(counting, minute).fetchone()
            if recent >= MAX_A_MINUTE:
                raise TooMany(f"more than {MAX_A_MINUTE} verdicts came within a minute; try again in a moment", 60)
            names = [spec.name for spec in fields(Feedback)]
            # The names are this module's own.
            statement = (
                f"INSERT INTO feedback (given_at, {', '.join(names)}) VALUES ({', '.join('?' * (len(names) + 1))})"  # noqa: S608
            )
            database.execute(statement, (minute[1], *asdict(feedback).values()))
    except (OSError, sqlite3.Error) as error:
        raise FeedbackRefused(f"the verdict could not be kept in {path}: {error}") from error


def _create(path: Path) -> None:
    """Make the file if there is none: readable for nobody else, since it holds what people asked."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def check_writable(path: Path) -> None:
    """Find out before the first verdict whether one could be kept; nothing is written, not even an empty file.

    Raises:
        FeedbackRefused: none could.
    """
    if path == OFF:
        return
    try:
        with TemporaryFile(dir=path.parent):  # SQLite needs a file of its own beside the database
            pass
        if path.exists():
            address = f"{path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=_LOCK_SECONDS)) as database:
                database.execute("BEGIN IMMEDIATE")
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise FeedbackRefused(
            f"verdicts on answers cannot be kept in {path} ({reason}); "
            "name another file with QA_FEEDBACK, or set it to off"
        ) from error


def read(path: Path) -> Iterator[Feedback]:
    """Yield every verdict, oldest first.

    Raises:
        FeedbackRefused: the file is missing or no feedback database.
    """
    if path == OFF:
        raise FeedbackRefused("QA_FEEDBACK is off, so that no verdicts are kept; it can name the file that keeps them")
    if not path.is_file():
        raise FeedbackRefused(f"there is no feedback in {path}; QA_FEEDBACK names the file")
    try:
        with closing(sqlite3.connect(path, timeout=_LOCK_SECONDS)) as database:
            names = ", ".join(spec.name for spec in fields(Feedback))
            for row in database.execute(f"SELECT {names} FROM feedback ORDER BY rowid"):  # noqa: S608
                found = Feedback(*row)
                yield Feedback(**{**asdict(found), "helpful": bool(found.helpful), "answered": bool(found.answered)})
    except sqlite3.Error as error:
        raise FeedbackRefused(f"{path} cannot be read: {error}") from error


def to_question_line(feedback: Feedback) -> str:
    """Return a verdict as a line of a question set.

    A helpful answer is a question with its evidence, a rightful refusal one without. A verdict of "no" says only what
    was wrong: its line has `answerable` null and the comment as a note, for a person to complete. The id is a hash of
    the rest of the line, so that only equal lines share one: people may judge one question differently.
    """
    line: dict[str, object] = {
        "question": feedback.question,
        "type": "feedback",
        "answerable": feedback.answered if feedback.helpful else None,
        "answers": [],
        "evidence": [],
    }
    if feedback.helpful and feedback.answered:
        line |= {"answers": [feedback.answer], "evidence": [{"doc": feedback.document, "quote": feedback.answer}]}
    if feedback.comment:
        line["note"] = feedback.comment
    says = json.dumps(line, ensure_ascii=False)
    return json.dumps({"id": "f" + hashlib.sha256(says.encode()).hexdigest()[:10], **line}, ensure_ascii=False)
