"""Verdicts on answers: kept in one file, counted, and turned into lines of a question set."""

import json
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from qa.cli import main
from qa.errors import FeedbackRefused, TooMany
from qa.feedback import MAX_A_MINUTE, Feedback, read, store, to_question_line

YES = Feedback("Who kept the lamp?", True, "", True, "The first keeper was Anna Ancher.", "lighthouse.md", "abc")
RIGHTLY_REFUSED = Feedback("Who won the cup?", True, "", False, "", "", "abc")
NO = Feedback("How tall is it?", False, "That is the other tower.", True, "It is tall.", "lighthouse.md", "abc")


def test_what_was_stored_is_read(tmp_path):
    """In the order in which it was given."""
    path = tmp_path / "feedback.sqlite"
    for given in (YES, NO):
        store(path, given)

    assert list(read(path)) == [YES, NO]


def test_a_flood_is_refused(tmp_path):
    """Everybody together may give so many verdicts a minute."""
    path = tmp_path / "feedback.sqlite"
    for _ in range(MAX_A_MINUTE):
        store(path, YES)

    with pytest.raises(TooMany, match=str(MAX_A_MINUTE)):
        store(path, YES)


def test_a_clock_that_was_ahead_holds_nobody_back(tmp_path):
    """Verdicts that seem to come from the future are not those of this minute."""
    path = tmp_path / "feedback.sqlite"
    for _ in range(MAX_A_MINUTE):
        store(path, YES)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE feedback SET given_at = '2999-01-01T00:00:00+00:00'")

    store(path, NO)

    assert list(read(path))[-1] == NO


def test_nobody_else_can_read_what_people_asked(tmp_path):
    """The file belongs to the service alone, whatever the usual permissions are."""
    path = tmp_path / "feedback.sqlite"
    before = os.umask(0o022)
    try:
        store(path, YES)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    """The message says which."""
    with pytest.raises(FeedbackRefused, match="nowhere"):
        store(tmp_path / "nowhere" / "feedback.sqlite", YES)


def test_a_file_of_something_else_is_refused_and_let_go(tmp_path):
    """A file that is no database is named, not written and not held open."""
    path = tmp_path / "notes.txt"
    path.write_text("no database " * 100, encoding="utf-8")

    with pytest.raises(FeedbackRefused, match=r"notes\.txt: file is not a database") as caught:
        store(path, YES)

    assert str(path) not in {str(fd.resolve()) for fd in Path("/proc/self/fd").iterdir()}, caught
    assert path.read_text(encoding="utf-8") == "no database " * 100


def test_reading_writes_nothing(tmp_path):
    """A database of something else is refused and stays as it is."""
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE other (name TEXT)")
    before = path.read_bytes()

    with pytest.raises(FeedbackRefused, match=r"other\.sqlite cannot be read: no such table"):
        list(read(path))

    assert path.read_bytes() == before


def test_a_helpful_answer_becomes_evidence():
    """The line has the fields of the question set."""
    line = json.loads(to_question_line(YES))

    assert line["answerable"] is True
    assert line["answers"] == [YES.answer]
    assert line["evidence"] == [{"doc": "lighthouse.md", "quote": YES.answer}]


def test_a_rightful_refusal_is_an_unanswerable_question():
    """It has no evidence."""
    line = json.loads(to_question_line(RIGHTLY_REFUSED))

    assert (line["answerable"], line["answers"], line["evidence"]) == (False, [], [])


def test_the_export_leaves_what_needs_a_person_aside(tmp_path):
    """`--unhelpful` adds the verdicts "no", with the comment as a note and nothing claimed. No id stands twice."""
    path = tmp_path / "feedback.sqlite"
    for given in (YES, YES, replace(YES, comment="Just so."), NO):
        store(path, given)

    def lines(*options):
        result = CliRunner().invoke(main, ["feedback", "export", *options], env={"QA_FEEDBACK": str(path)})
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    assert [line["question"] for line in lines()] == [YES.question, YES.question]
    assert len({line["id"] for line in lines("--unhelpful")}) == 3
    assert lines("--unhelpful")[2]["answerable"] is None
    assert lines("--unhelpful")[2]["note"] == NO.comment


def test_the_export_of_nothing_says_which_file_is_missing(tmp_path):
    """Exit code 2, like every wrong use."""
    path = tmp_path / "none.sqlite"
    result = CliRunner().invoke(main, ["feedback", "export"], env={"QA_FEEDBACK": str(path)})

    assert result.exit_code == 2
    assert str(path) in result.stderr


def test_the_export_says_when_feedback_is_off():
    """Which is no name of a file."""
    result = CliRunner().invoke(main, ["feedback", "export"], env={"QA_FEEDBACK": "off"})

    assert (result.exit_code, result.stderr.partition(",")[0]) == (2, "qa: QA_FEEDBACK is off")
