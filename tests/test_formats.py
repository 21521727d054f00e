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
