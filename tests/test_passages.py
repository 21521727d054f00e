import re
from itertools import pairwise

import pytest

from qa.documents import parse_document
from qa.passages import MAX_CHARS, passages_of
from qa.sections import sections_of


def passages(source, path="a.md"):
    document, _ = parse_document(path, source)
    return [passage for section in sections_of(document) for passage in passages_of(document, section)]


def sentence(number, words=20):
    return f"Sentence {number} " + "goes on and on " * (words // 4) + "to its end."


def test_a_short_section_is_one_passage():
    """A section that fits is one passage, with its sentences, its headings, and a context that is not in its text."""
    (passage,) = passages("# Title\n\n## Part\n\nOne is here. Two is there.")

    assert passage.text == "One is here. Two is there."
    assert passage.headings == ("Part",)
    assert passage.context == "Title › Part. "
    assert passage.sentences == ((passage.start, passage.start + 12), (passage.start + 13, passage.end))
    assert [passage.words(span) for span in passage.sentences] == ["One is here.", "Two is there."]


def test_a_file_name_is_no_context():
    """A title that is only the file's name is not embedded."""
    assert passages("Just text.", "notes.md")[0].context == ""


def test_an_endless_heading_is_cut_in_the_context():
    """A heading of 2,000 characters is cited whole, but only its beginning is embedded with the text."""
    (passage,) = passages(f"## {'long ' * 400}\n\nText.", "notes.md")

    assert len(passage.headings[0]) == 1_999
    assert len(passage.context) == 202


def test_the_same_input_gives_the_same_ids():
    """Ids depend on path, place and text alone."""
    source = " ".join(map(sentence, range(40)))

    assert [p.id for p in passages(source)] == [p.id for p in passages(source)]
    assert not {p.id for p in passages(source)} & {p.id for p in passages(source, "b.md")}


def test_long_sections_give_passages_of_a_useful_size_that_overlap():
    """Passages of long prose have 600 to 1,200 characters and begin with a sentence that ends the one before."""
    found = passages(" ".join(map(sentence, range(60))))

    assert len(found) > 5
    assert all(600 <= len(passage.text) <= MAX_CHARS for passage in found)
    for before, after in pairwise(found):
        assert after.sentences[0] in before.sentences
        assert after.start < before.end < after.end


def test_passages_consist_of_whole_sentences():
    """A passage begins where a sentence begins and ends where one ends."""
    for passage in passages("\n\n".join(" ".join(sentence(10 * p + s) for s in range(4)) for p in range(9))):
        assert passage.text.startswith("Sentence")
        assert passage.text.endswith("end.")
        assert (passage.sentences[0][0], passage.sentences[-1][1]) == (passage.start, passage.end)


def test_every_passage_brings_something_new():
    """No passage consists of the overlap alone, also before a sentence that hardly fits."""
    source = f"{sentence(1, 150)} Short one here. {sentence(2, 260)} Another short one. {sentence(3, 260)} End."

    ends = [passage.end for passage in passages(source)]

    assert ends == sorted(set(ends))


def test_no_passage_crosses_a_heading():
    """Text above and below a heading never stands in one passage, however short both are."""
    found = passages("# A\n\nAlpha is here.\n\n# B\n\nBeta is here.\n\n## C\n\nGamma is here.")

    assert [passage.text for passage in found] == ["Alpha is here.", "Beta is here.", "Gamma is here."]


def test_a_list_stays_with_its_lead_in():
    """The sentence with a colon above a list is never parted from its first item, wherever the cut falls."""
    for length in range(10, 300, 10):
        listed = "Bring these things:\n\n- a rope\n- a lamp"
        source = "\n\n".join((sentence(1, length), listed, sentence(2, 150), sentence(3, 120)))
        holding = [p.text for p in passages(source) if "- a rope" in p.text]
        assert holding
        assert all("Bring these things:\n\n- a rope" in text for text in holding)


@pytest.mark.parametrize("end", [":", "?", ""])
def test_a_lead_in_question_or_label_stays_with_its_text(end):
    """What leads up to a paragraph or code is never parted from it, wherever the cut falls."""
    above = f"Things to bring when one goes over the mountains and on to the islands{end}"
    for length in range(10, 300, 10):
        for below in ("A rope and a lamp.", "```\na rope\n```"):
            source = "\n\n".join((sentence(1, length), above, below, sentence(2, length)))
            assert not [p.text for p in passages(source) if p.text.endswith(above)]


@pytest.mark.parametrize("end", [":", "?", ""])
def test_labels_alone_do_not_keep_a_passage_from_being_cut(end):
    """A form or an index, each line of which could lead up to the next, has passages of the usual size."""
    form = "\n\n".join(f"Entry number {n}{end}" for n in range(400))

    assert all(500 <= len(passage.text) <= MAX_CHARS for passage in passages(form)[:-1])


def test_the_rest_of_a_long_list_carries_its_lead_in_as_context():
    """A passage from the middle of a list is embedded with the lead-in; what is cited does not hold it."""
    items = "\n".join(f"- {sentence(number)}" for number in range(30))

    first, *others = passages(f"# T\n\nBring these things:\n\n{items}")

    assert first.text.startswith("Bring these things:")
    assert first.context == "T. "
    assert others
    assert all(p.context == "T. Bring these things: " and "Bring" not in p.text for p in others)


@pytest.mark.parametrize("marker", ["", "- "])
def test_the_rest_of_a_long_paragraph_knows_how_it_begins(marker):
    """A passage that begins within a paragraph or item has its first sentence as opening; what is cited does not."""
    about = "Anna Ancher wrote of the tower."
    above = "\n\n".join(sentence(number) for number in range(30))
    source = f"# T\n\n{above}\n\n{marker}{about} {' '.join(map(sentence, range(30, 60)))}"

    found = passages(source)

    holding = next(number for number, passage in enumerate(found) if about in passage.text)
    within = found[holding + 1 :]
    assert within
    assert {passage.opening for passage in found[: holding + 1]} == {""}
    assert {passage.opening for passage in within} == {f"{about} "}
    assert {passage.preamble for passage in within} == {f"T. {about} "}
    assert not any("Anna" in passage.text + passage.context for passage in within)


def test_an_endless_opening_is_cut():
    """Of a first sentence of 500 characters no more goes in front of the rest of the paragraph than of a heading."""
    *_, last = passages(f"{'x' * 9} {'long ' * 98}end. {' '.join(map(sentence, range(30)))}")

    assert len(last.opening) == 201


def test_a_quotation_stays_with_who_said_it():
    """A list item below a quotation, which names the speaker, does not begin a passage."""
    quotes = "".join(f'"{sentence(number, 10 + number * 5)}"\n\n- Speaker {number}\n\n' for number in range(40))

    assert not [p.text for p in passages(quotes, "a.txt") if p.text.startswith("- Speaker")]


def test_a_source_in_brackets_does_not_begin_a_passage():
    """A reference in brackets at the end of a paragraph stays with what it stands for."""
    source = "\n".join(f'- He said, "{sentence(number, 40)}" (A book of sayings, p. {number})' for number in range(20))

    assert not [p.text for p in passages(source) if p.text.startswith("(")]


def test_list_items_are_cited_with_their_marker():
    """A passage that begins with a list item begins with its marker; the sentence does not."""
    (passage,) = passages("1. One is here.\n2. Two is there.")

    assert passage.text == "1. One is here.\n2. Two is there."
    assert [passage.text[a:b] for a, b in passage.sentences] == ["One is here.", "Two is there."]


def test_a_sentence_longer_than_a_passage_is_cut_at_a_word():
    """A sentence of 5,000 characters makes passages of at most 1,200 that lose and tear no word."""
    words = [f"word{number}" for number in range(700)]

    found = passages(" ".join(words) + ".")

    assert all(len(passage.text) <= MAX_CHARS for passage in found)
    assert [w for passage in found for w in re.findall(r"\w+", passage.text)] == words


def test_far_indented_code_and_wide_gaps_stay_within_the_limit():
    """White space before code, after a marker and between sentences makes no passage too long."""
    for source in (
        "```\n" + " " * 3000 + "x = 1\n" + "\n" * 2000 + "y\n```",
        "-" + " " * 5000 + "text " * 300,
        "One is here." + " " * 3000 + "Two is there.",
    ):
        for path in ("a.md", "a.txt", "a.html"):
            assert all(len(passage.text) <= MAX_CHARS for passage in passages(source, path))


def test_lines_of_code_are_its_sentences():
    """Code is cut between lines."""
    (passage,) = passages("```\nfirst(line)\n\n  second. Line here.\n```")

    start = passage.start
    assert [passage.text[a - start : b - start] for a, b in passage.sentences] == [
        "first(line)",
        "second.",
        "Line here.",
    ]
