"""Links that last: the same words are found again after an edit, and no others are ever marked."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from benchmarks.lasting_links import measure
from qa.corpus import read_corpus
from qa.documents import Document, parse_document
from qa.errors import BadQuote
from qa.quotes import (
    Place,
    State,
    find,
    from_parameters,
    quote,
    read_place,
    read_range,
    to_annotation_target,
    to_parameters,
)

TEXT = (
    "The lighthouse was lit in 1858. Anna kept it for ten years. Nothing else happened there. "
    "The harbour was dredged in 1901. Nothing else happened there. Then the storm of 1923 broke the pier in two places."
)


def document(text: str) -> Document:
    made, _ = parse_document("a.txt", text)
    return replace(made, text=text, sha256=sha256(text.encode()).hexdigest())


def follow(original: str, quoted: str, edited: str, *, occurrence: int = 1) -> tuple[Place, str | None]:
    """Make a link to words of one text and follow it in another."""
    start = -1
    for _ in range(occurrence):
        start = original.index(quoted, start + 1)
    link = to_parameters(quote(document(original), start, start + len(quoted)))
    place = find(from_parameters(link), document(edited))
    return place, edited[slice(*place.span)] if place.span else None


def test_a_link_into_the_same_document_finds_its_place():
    """An unedited document is recognised by its hash."""
    place, text = follow(TEXT, "Anna kept it for ten years.", TEXT)

    assert (place.state, text) == (State.UNCHANGED, "Anna kept it for ten years.")


def test_words_that_moved_are_found():
    """Text put in before the quotation shifts it."""
    place, text = follow(TEXT, "Anna kept it for ten years.", "A new opening. " * 9 + TEXT)

    assert (place.state, text) == (State.FOUND, "Anna kept it for ten years.")


def test_a_text_wrapped_anew_is_the_same_text():
    """White space of any kind counts as one blank."""
    place, text = follow(TEXT, "Anna kept it for ten years.", TEXT.replace(" ", "\n  "))

    assert place.state is State.FOUND
    assert text.split() == ["Anna", "kept", "it", "for", "ten", "years."]


def test_changed_words_are_gone():
    """One changed character makes it another text."""
    place, _ = follow(TEXT, "Anna kept it for ten years.", TEXT.replace("ten years", "two years"))

    assert place == Place(State.GONE, None)


def test_repeated_words_are_told_apart_by_their_context():
    """The second of two equal sentences stays the second."""
    edited = "Something new. " + TEXT
    place, _ = follow(TEXT, "Nothing else happened there.", edited, occurrence=2)

    assert place.span[0] == edited.rindex("Nothing else")


def test_the_other_copy_is_never_marked():
    """When the quoted one of two equal sentences is taken out, the one that is left is not the quoted one."""
    quoted = "Nothing else happened there."
    edited = TEXT[: TEXT.rindex(quoted)] + TEXT[TEXT.rindex(quoted) + len(quoted) + 1 :]

    place, _ = follow(TEXT, quoted, edited, occurrence=2)

    assert place == Place(State.UNCLEAR, None)


def test_words_are_not_found_inside_longer_words():
    """ "No" does not stand in "Nobody"."""
    place, _ = follow("Is it so? No. It is not.", "No", "Is it so? Nobody. It is not.")

    assert place.span is None


def test_a_long_quotation_is_checked_to_its_last_character():
    """A link carries only the beginning of a long quotation, and a hash of all of it."""
    original = TEXT + " It was never built up again." * 20 + " The end."
    quoted = original[32:-9]

    unchanged, _ = follow(original, quoted, "New. " + original)
    changed, _ = follow(original, quoted, "New. " + original.replace("again. The end", "again! The end"))

    assert len(to_parameters(quote(document(original), 32, len(original) - 9))["quote"]) <= 80
    assert (unchanged.state, changed.state) == (State.FOUND, State.GONE)


def test_a_long_quotation_with_wide_gaps_keeps_its_end():
    """However much white space stands within a long quotation, the same words are marked."""
    words = [f"word{number}" for number in range(100)]
    for gap in ("  ", "\n\n   \n", " " * 200):
        quoted = gap.join(words)
        place, text = follow(f"Before. {quoted} after.", quoted, f"More before. {quoted} after.")

        assert (place.state, text) == (State.FOUND, quoted)


def test_words_that_begin_like_hundreds_of_others_are_marked_only_where_they_were():
    """In a log whose lines open alike the place is known as long as it is not edited; afterwards it is unclear."""
    lines = [
        f"{'The connection to the station in the harbour office was lost again, ' * 5}number {n}." for n in range(400)
    ]
    log = "\n".join(lines)

    assert follow(log, lines[7], log)[0].state is State.UNCHANGED
    assert follow(log, lines[7], f"More. {log}") == (Place(State.UNCLEAR, None), None)


@pytest.mark.parametrize("length", ["2", "299", "301", "999999999"])
def test_a_quotation_longer_than_its_words_needs_a_whole_beginning(length):
    """Else every letter of a document might be where it begins."""
    with pytest.raises(BadQuote, match="no beginning of a quotation"):
        from_parameters({"at": "0-5", "quote": "e", "length": length, "hash": "00"})


def test_a_link_that_lies_about_the_document_marks_nothing_wrong():
    """The hash of the document alone proves nothing: the words must stand there too."""
    link = to_parameters(quote(document(TEXT), 0, 31)) | {"at": "40-71"}

    place = find(from_parameters(link), document(TEXT))

    assert TEXT[slice(*place.span)] == "The lighthouse was lit in 1858."


def test_the_annotation_carries_both_selectors():
    """A Web Annotation target has the quotation with its context, and its position."""
    target = to_annotation_target(document(TEXT), 32, 59)

    quoted, position = target["selector"]
    assert quoted["exact"] == "Anna kept it for ten years."
    assert (position["start"], position["end"]) == (32, 59)
    assert TEXT[:32].endswith(quoted["prefix"])
    assert TEXT[59:].startswith(quoted["suffix"])


@pytest.mark.parametrize("text", ["", "5", "5-", "-5", "9-3", "3-3", "a-b", "1-2-3", "٣-٥", "1" * 13 + "-" + "2" * 13])
def test_what_is_no_range_is_refused(text):
    """The message shows how a range is written."""
    with pytest.raises(BadQuote, match="START-END"):
        read_range(text)


def test_a_place_is_a_document_and_a_range():
    """Everything before the last colon is the id."""
    assert read_place("guide-1a2b:3-14") == ("guide-1a2b", 3, 14)
    with pytest.raises(BadQuote, match="DOCUMENT:START-END"):
        read_place("3-14")


def test_links_survive_random_edits_of_the_shipped_corpus():
    """At least 99 % of what is still there is found, nothing else is marked (the benchmark does 1,000 of these)."""
    documents = read_corpus(Path(__file__).parents[1] / "corpus", 10 * 2**20, 20).documents

    counts = measure(documents, trials=150, seed=7)

    assert counts["wrong"] == 0
    assert counts["found"] >= 0.99 * (counts["found"] + counts["missed"])
