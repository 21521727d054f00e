import pytest

from qa.formats import Block, TextBuilder


def test_blocks_are_joined_by_blank_lines_and_lists_and_rows_by_line_breaks():
    """Items and rows that follow each other stand on lines of their own; all else is parted by a blank line.

    A header without a row below it is a row.
    """
    builder = TextBuilder()
    builder.add("heading", "Top", level=1)
    builder.add("item", "one", marker="- ")
    builder.add("item", "two", marker="- ", level=1)
    builder.add_row(["a", "b"], header=True)
    builder.add_row(["c", "d"])
    builder.add_row(["e", "f"], header=True)
    builder.add("paragraph", "  end\n")

    parsed = builder.build({"title": "T"})

    assert parsed.text == "Top\n\n- one\n- two\n\na | b\nc | d\ne | f\n\nend"
    assert parsed.blocks == (
        Block("heading", 0, 3, 0, 1),
        Block("item", 5, 10, 7, 0),
        Block("item", 11, 16, 13, 1),
        Block("header", 18, 23, 18),
        Block("row", 24, 29, 24),
        Block("row", 30, 35, 30),
        Block("paragraph", 37, 40, 37),
    )
    assert parsed.metadata == {"title": "T"}


def test_blocks_without_a_visible_character_are_left_out():
    """White space, also no-break spaces, and rows of empty cells make no block."""
    builder = TextBuilder()
    builder.add("paragraph", " \n\u00a0\t")
    builder.add("code", "\n  \n")
    builder.add_row(["", " "])

    assert builder.build().text == ""
    assert builder.length == 0


@pytest.mark.parametrize(
    ("marks", "levels"),
    [
        ("(a) (b) (i) (ii) (c) (1) (2) (d)", [0, 0, 1, 1, 0, 1, 1, 0]),
        ("(g) (h) (i) (j) (i) (1) (ii)", [0, 0, 0, 0, 1, 2, 1]),
        ("· o\xa0\xa0 o\xa0\xa0 ·", [0, 1, 1, 0]),
        ("1.\xa0\xa0 2)\xa0\xa0 (a)", [0, 0, 1]),
        ("o 1. (ab) (iiiiii) a) (c)opy", []),
    ],
)
def test_a_paragraph_with_a_mark_is_an_item_as_deep_as_it_is_counted(marks, levels):
    """Clauses of contracts and the lists of word processors have no markup; a new way to count begins a list within."""
    builder = TextBuilder()
    builder.add("paragraph", "All:")
    for mark in marks.split(" "):
        builder.add("paragraph", f"{mark} text")

    parsed = builder.build()

    assert [block.level for block in parsed.blocks if block.kind == "item"] == levels
    assert {parsed.text[block.content : block.end] for block in parsed.blocks if block.kind == "item"} <= {"text"}


def test_text_between_marked_paragraphs_ends_their_list():
    """Where another list begins, its depth is counted anew; below a term a list stands deeper than that."""
    builder = TextBuilder()
    for text, level in (("(a) one", 0), ("Or:", 0), ("(i) two", 0), ("(i) three", 1)):
        builder.add("paragraph", text, level=level)

    assert [block.level for block in builder.build().blocks] == [0, 0, 0, 1]
