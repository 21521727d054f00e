import pytest

from qa.formats import plaintext
from tests.growth import check_growth

LONG = ("A sentence of some length that goes on. " * 9).strip()


def blocks(source):
    parsed = plaintext.parse(source)
    assert parsed.text == source
    return [(block.kind, block.level, source[block.content : block.end]) for block in parsed.blocks]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("= Early life =", 1),
        ("==Early life==", 2),
        ("  === Early life ===  ", 3),
        ("Early life[]", 2),
        ("Early life [edit]", 2),
        ("Early life[Edit source]", 2),
        ("Early life\n==========", 1),
        ("Early life\n----------", 2),
        ("Early life\n~~~~~~~~~", 2),
        ("Early life\n" + "=" * 72, 1),
    ],
)
def test_marked_headings_are_recognised(line, level):
    """Wiki headings, headings with an edit link and underlined ones are headings, without their marks."""
    assert blocks(f"Text above.\n\n{line}\n\nText below.") == [
        ("paragraph", 0, "Text above."),
        ("heading", level, "Early life"),
        ("paragraph", 0, "Text below."),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *("a == b", "== a", "==", "see [1]", "x[]y", "[]", "----", "= a" + " " * 300 + "=", "long " * 60 + "[edit]"),
        "*****\n*   *\n*****",
        f"Name Default\n{'-' * 60}\nhinting true",
        f"and so it ended\n{'-' * 60}",
    ],
)
def test_what_only_looks_like_a_heading_is_text(line):
    """Lines with marks on one side, rules alone, boxes, heads of tables and endless lines are no headings."""
    assert all(kind != "heading" for kind, _, _ in blocks(f"Text above it here.\n\n{line}\n\nand text below."))


def test_short_title_lines_are_headings_when_no_heading_is_marked():
    """A short line with a capital and no full stop, above text, is a heading; the first one is the title."""
    source = f"My garden\n{LONG}\nThe pond\nFrogs live there.\n- one\nPlants\n- two"

    assert [(kind, level) for kind, level, _ in blocks(source)] == [
        ("heading", 1),
        ("paragraph", 0),
        ("heading", 2),
        ("paragraph", 0),
        ("item", 0),
        ("heading", 2),
        ("item", 0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        *("lower case", "A sentence.", "A list:", "A clause,", '"He left."', "Word " * 15, "- Item", "Last line"),
        *("Copyright 2020 Ann Smith", "© Ann Smith", "See https://example.org", "Errors:\tMatch", "1      not found"),
        *("“Are you there?”", "Length: 300 m", "2. Item", "It was founded in 964.[1]"),
    ],
)
def test_lines_that_are_no_titles_stay_text(line):
    """Sentences, speech, small letters, items, long lines, notices, facts and last lines are no titles."""
    below = "" if line == "Last line" else "\nText that stands below it, and ends."

    assert ("heading", 2, line.strip()) not in blocks(f"{LONG}\n{line}{below}")


WRAPPED = "The bridge was opened when the first ship of the harbour\nhad sent a signal, and closed at night"


@pytest.mark.parametrize(
    ("source", "title"),
    [
        (f"Opening day\n\n{WRAPPED}.", "Opening day"),
        (f"1 Days\n\n1.1\tOpening\n\n{WRAPPED}", "1.1\tOpening"),
        ("NAME\n       bridge - a way over the water", "NAME"),
        (f"{' ' * 24}Opening day\n\n{WRAPPED}", "Opening day"),
        (f"{'=' * 60}\n\n\tOpening day\n\n{WRAPPED}", "Opening day"),
        ("开放时间\n\n周一至周五开放。", "开放时间"),
    ],
    ids=["wrapped", "number", "manual", "centred", "rule", "chinese"],
)
def test_titles_of_hard_wrapped_text_are_headings(source, title):
    """A title is told by the whole paragraph below it, or by how it is set: in capitals, centred, below a rule."""
    assert [text for kind, _, text in blocks(source) if kind == "heading"] == [title]


@pytest.mark.parametrize(
    "source",
    [
        f"Write:\n\n       Bridge open\n\n{WRAPPED}",
        f"Ann Smith\n\nHarbour Street\nOld Town\n\n{WRAPPED}",
        "Bridge open\n       and closed again",
        "       NAME\n              bridge - a way over the water",
        f"Bridge\n\n{WRAPPED}\nTITLE\n       text",
    ],
    ids=["example", "address", "small", "term", "below"],
)
def test_short_lines_of_hard_wrapped_text_that_are_no_titles(source):
    """Examples, which stand deeper than the text, and lines above no running text of their own are no titles."""
    headings = [text for kind, _, text in blocks(source) if kind == "heading"]

    assert not {"Bridge open", "Ann Smith", "NAME", "TITLE"}.intersection(headings)


@pytest.mark.parametrize(
    ("source", "headings"),
    [
        (f"The Safety Guide\n\nChapter 1: Fire\n\n{WRAPPED}", [(1, "The Safety Guide"), (2, "Chapter 1: Fire")]),
        (f"The Safety Guide\n\n== Fire ==\n\n{WRAPPED}", [(1, "The Safety Guide"), (2, "Fire")]),
        ("The bridge\n\nLength: 300 m\nColour: red", [(1, "The bridge")]),
        ("The bridge\n\n/usr/share/bridge/", []),
    ],
    ids=["title", "marked", "facts", "path"],
)
def test_the_first_line_is_the_title_if_it_stands_alone(source, headings):
    """A line that looks like a title begins the document, also above other headings, one line, or facts."""
    assert [(level, text) for kind, level, text in blocks(source) if kind == "heading"] == headings


@pytest.mark.parametrize(
    ("source", "headings"),
    [
        (f"1. Name\n\n{WRAPPED}.\n\n- one\n\n2. Fees\n\n{WRAPPED}.", [(2, "1. Name"), (2, "2. Fees")]),
        (f"3. Results\n\n3.1 Sample\n\n{WRAPPED}", [(2, "3. Results"), (3, "3.1 Sample")]),
        (f"1. Name?\n2. Fees?\n\n1. Name?\n\n{WRAPPED}.", [(2, "1. Name?")]),
        (f"{WRAPPED}.\n\nCHAPTER II\n\nThe Log-Book\n\n{WRAPPED}", [(2, "CHAPTER II"), (3, "The Log-Book")]),
        (f"Tale\n\nCHAPTER I.\n\n{WRAPPED}.", [(1, "Tale"), (2, "CHAPTER I.")]),
        (f"{WRAPPED}.\n\nARTICLE II.\nThe President\n\n{WRAPPED}", [(2, "ARTICLE II."), (3, "The President")]),
        (f"Tale\n\nChapter 1\nThe Log\n\n{WRAPPED}", [(1, "Tale"), (2, "Chapter 1"), (3, "The Log")]),
        (f"{WRAPPED} as told in\nChapter 1.\nThe Log\n\n{WRAPPED}.", []),
        (f"Part of it.\n\n{WRAPPED}.", []),
        (f"{WRAPPED}.\n\nANN SMITH: Does that include the towers?\n\n{WRAPPED}.", []),
        (f"1. Name\n\n2. Fees\n\n{WRAPPED}.", []),
        (f"1. Name\n{WRAPPED}.", []),
        ("1. Name\n\n   - one", []),
    ],
    ids="titles dots contents chapter stop below title sentence words speech list item nested".split(),
)
def test_numbered_lines_and_chapters_are_headings(source, headings):
    """A number alone makes a title, not an item, of a line above text; one above a title stands above that title."""
    assert [(level, source) for kind, level, source in blocks(source) if kind == "heading"] == headings


def test_marked_headings_leave_other_short_lines_alone():
    """Where some headings are marked, a short line without a mark is text."""
    assert [kind for kind, _, _ in blocks(f"== Marked ==\nShort line\n{LONG}")] == ["heading", "paragraph", "paragraph"]


@pytest.mark.parametrize(
    "marker", ["- ", "* ", "+ ", "• ", "◦ ", "· ", "o  ", "1. ", "23) ", "-    ", "(a) ", "(iv) ", "(2) ", "[1] "]
)
def test_list_items_are_recognised_by_their_marker(marker):
    """Bullets and short numbers begin list items; the depth comes from the indentation."""
    source = f"Things:\n{marker}one;\n    {marker}two"

    assert blocks(source) == [("paragraph", 0, "Things:"), ("item", 0, "one;"), ("item", 1, "two")]


def test_a_number_in_brackets_within_a_sentence_begins_no_item():
    """Where a margin breaks a line above a reference, the sentence goes on."""
    assert (
        len(blocks("The bridge was opened when the first ship had sent a signal, as is told in\n[1] and others.")) == 1
    )


def test_hard_wrapped_lines_make_one_paragraph():
    """Where an editor broke the lines, a paragraph goes to the next blank line, list item or heading."""
    source = (
        "Once upon a time there was a miller\nwho had three sons, his mill,\nand a cat.\n\n"
        "- the first son\n  got the mill\n- the second\n\nThe end\n-------\nof it."
    )

    assert [text for _, _, text in blocks(source)] == [
        "Once upon a time there was a miller\nwho had three sons, his mill,\nand a cat.",
        "the first son\n  got the mill",
        "the second",
        "The end",
        "of it.",
    ]


@pytest.mark.parametrize(
    "paragraphs",
    [
        [
            "Dear Ann,\n",
            (
                "thank you for the letter about the bridge. I write to tell you that it will be\n"
                "closed on Monday, since the engineers of the city and of the Harbour\n"
                "Board want to look at the cables of all towers. On Tuesday it\n"
                "opens again.\n\n"
            ),
            "On 3 May, Bob Brown wrote:\n\n",
            (
                "> I hear that the bridge is going to be closed next week. Does anybody know\n"
                "> how long that will take, and whether the ferry that the Harbour Board keeps\n"
                "> for such days will run?\n\n"
            ),
            "Yours sincerely,\n",
            "Ann Smith\n",
            "Head of Bridges\n",
        ],
        [
            "2.1.  Opening\n\n",
            (
                "   The bridge MUST be opened when a ship sends OPEN and the deck is clear.\n"
                "   A ship that does not see the green light within 300 seconds SHOULD send\n"
                "   OPEN again; see Section 4 for the other signals.\n\n"
            ),
            "   -  RED means that the bridge stays closed, as it does at night and on\n      Sundays.\n",
            "   -  GREEN means that it opens.\n",
        ],
        [
            (
                "It was the best of times, it was the worst of times, it was the age of\n"
                "wisdom, it was the age of foolishness, it was the epoch of belief.\n\n"
            ),
            '"The bridge," said Mr. Brown, "was never\nmeant to stand, as anybody in\nthe town could have told."\n\n',
            (
                "THE BRIDGE IS PROVIDED AS IT IS, WITHOUT WARRANTY OF ANY KIND, EXPRESS OR\n"
                "IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF STANDING, OF\n"
                "FITNESS FOR A PARTICULAR LOAD AND OF COLOUR. IN NO EVENT SHALL THE CITY\n"
                "BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION\n"
                "OF CONTRACT OR OTHERWISE.\n"
            ),
        ],
    ],
    ids=["mail", "rfc", "book"],
)
def test_prose_that_a_margin_broke_stays_in_one_piece(paragraphs):
    """Mails, RFCs and books keep their paragraphs, also at a ragged margin and before a capital."""
    source = "".join(paragraphs)

    found = plaintext.parse(source).blocks

    assert [source[block.start : block.end] for block in found] == [paragraph.strip() for paragraph in paragraphs]


@pytest.mark.parametrize(
    "lines",
    [
        "Architect: Ann Smith\nLength: 300 m\nHeight of the towers above the water: 50 m\nOpened: 3 May 1990",
        "name: Ann Smith of the Harbour Board\nlength: 300 m\ncolour: rust red",
        "Alice: When was the bridge opened, and who came?\nBob: in 1990\nAlice: ah\nBob: the mayor came, I think",
        "Length:   300 m\nOpened:   1990\nColour:   rust red",
        "Name\tRole\tShip\nSisko\tCaptain\tDefiant",
        "\n".join(f"2020-01-0{day} 10:00:00 INFO server started on port 8001" for day in range(1, 9)),
        "MINUTES OF THE COMMITTEE\n1. OPENING\nThe chair opened the meeting at nine.\n2. BUDGET\nIt was approved.",
        "O bridge of steel and stone\n  That spans the harbour wide,\nThou standest there alone\n  Against the tide.",
    ],
    ids="facts keys chat aligned tsv log minutes verse".split(),
)
def test_lines_that_no_margin_broke_stand_alone(lines):
    """Where the next word would have fitted, or each line begins as an entry, a line is a block of its own."""
    assert len(blocks(lines)) == lines.count("\n") + 1


@pytest.mark.parametrize(
    "table",
    [
        "              Mon    Sat\nOban   dep.   07:15  08:00\nIslay  arr.   07:40  08:25",
        "Class A   nothing works\nClass B   something works\nNone      everything works",
        "Name\tRole\tShip\nSisko\tCaptain\tDefiant\nKira\tMajor\tStation",
        "+------+--------+\n| Code | Name   |\n+------+--------+\n| 1    | CLOSED |\n| 2    | BUSY   |",
    ],
)
def test_lines_that_keep_a_column_stay_lines_of_one_block(table):
    """A table would mean nothing as a paragraph; it keeps its lines, and what stands alone above it is its heading."""
    assert blocks(f"{WRAPPED}.\n\nSummer\n\n{table}\n\n{WRAPPED}.")[1:3] == [
        ("heading", 2, "Summer"),
        ("code", 0, table),
    ]


@pytest.mark.parametrize(
    "lines",
    [
        "#   When the first ship of the harbour had sent\n#   a signal the bridge was opened, and\n#   closed.",
        "The ship signals.  At night the bridge was\nopen and closed.  It was closed by Ann, and it\nwas.",
        "1.  Ann, who was the first of all to open\n    the bridge of   that town, and\n    to close   it.",
    ],
    ids=["comment", "sentences", "item"],
)
def test_gaps_that_make_no_column_leave_a_paragraph(lines):
    """Marks in front of lines, two spaces behind a full stop and what hangs below an item are no columns."""
    assert [kind for kind, _, _ in blocks(lines)] in (["paragraph"], ["item"])


def test_lines_of_contents_are_blocks_of_their_own():
    """Behind the dots and the number of the page another line begins, however deep it stands."""
    contents = "1.  Name . . . . . . 2\n  1.1.  Use . . . . . 3\n  1.2.  Abuse .......... 14\n2.  Fees . . . . . . 5"

    assert len(blocks(contents)) == 4


def test_long_lines_are_paragraphs_of_their_own():
    """Where lines are as long as paragraphs, each line is one."""
    assert len(blocks(f"{LONG}\n{LONG}")) == 2


@pytest.mark.parametrize(
    ("source", "count"),
    [
        (lambda n: "= a" + " " * n + "b", 100_000),
        (lambda n: "Title here\n" * n, 50_000),
        (lambda n: "a\n" * n, 100_000),
        (lambda n: "- a\n" * n, 100_000),
        (lambda n: "\n" * n, 200_000),
        (lambda n: " " * n + "a", 500_000),
        (lambda n: "a" * n, 1_000_000),
        (lambda n: "Abc\n---\n" * n, 50_000),
        (lambda n: "A" + " " * n + "[", 100_000),
        (lambda n: "Abc\n\n" * n, 50_000),
        (lambda n: ("Abc" + "\n" * 1_000) * n, 500),
        (lambda n: "Abc\n\n" + "Abc def\n" * n, 100_000),
        (lambda n: "PART I\n\n" * n, 50_000),
        (lambda n: "1. Abc\n\n" * n, 50_000),
        (lambda n: "Part I\nAbc\n\n" * n, 25_000),
        (lambda n: "a  b  c  d  e\n" * n, 50_000),
    ],
    ids=lambda value: repr(value(1)[:10]) if callable(value) else None,
)
def test_endless_lines_and_endless_many_lines_take_no_more_than_their_share_of_time(source, count):
    """No line and no number of lines makes the recognisers hang."""
    check_growth(plaintext.parse, source, count)
