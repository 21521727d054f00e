import time

import pytest

from qa.formats import html


def blocks(source):
    parsed = html.parse(source)
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


def test_the_main_text_stays_and_the_frame_goes():
    """Scripts, styles, navigation, footers, controls and hidden elements are no text of the page."""
    source = (
        "<head><title>T</title></head><nav>n</nav><script>s</script><style>y</style><header>Top</header>"
        "<form>Inside a form <button>b</button></form><p hidden>h</p><main>Main</main><footer>f</footer><!-- c -->"
    )

    assert blocks(source) == [("paragraph", "Top"), ("paragraph", "Inside a form"), ("paragraph", "Main")]


def test_white_space_collapses_but_a_no_break_space_stays():
    """Runs of white space are one space, `<br>` is a line break, a no-break space is a character of the text."""
    assert blocks("<p>a \n\t b<b> c </b> d<br> e&nbsp; f</p>") == [("paragraph", "a b c d\ne\u00a0 f")]


def test_headings_lists_and_code_are_told_apart():
    """Headings carry their level, list items their marker and depth, preformatted text its lines."""
    source = "<h2>H<br>2</h2><ol start=3><li>a<li>b<ul><li>c</ul></ol><p>x<pre>\n  y\n<br>z</pre>"

    assert blocks(source) == [
        ("heading", "H 2"),
        ("item", "3. a"),
        ("item", "4. b"),
        ("item", "- c"),
        ("paragraph", "x"),
        ("code", "  y\n\nz"),
    ]
    assert [block.level for block in html.parse(source).blocks] == [2, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("start", ["x", "-1", "", "9" * 5000, "٣"])
def test_a_list_with_an_odd_start_begins_at_one(start):
    """A start that is no short plain number counts as 1."""
    assert blocks(f"<ol start='{start}'><li>a</ol>") == [("item", "1. a")]


def test_a_table_row_is_one_block():
    """Cells are parted by bars, also when they hold paragraphs, lists and preformatted text; nothing is lost."""
    source = "<table><caption>C</caption><tr><th>a<th><p>b</p><p>c</p><tr><td><ul><li>d</ul><td><pre>e\nf</pre></table>"

    assert blocks(source) == [("paragraph", "C"), ("row", "a | b c"), ("row", "d | e f")]


def test_a_table_within_a_cell_loses_no_cell():
    """Where tables lay out a page, the cells around the inner table are kept, in order."""
    source = "<table><tr><td>a</td><td>b<table><tr><td>c</td><td>d</td></tr></table>e</td><td>f</td></tr></table>g"

    assert [text for _, text in blocks(source)] == ["a | b", "c | d", "e", "f", "g"]


def test_the_head_gives_title_language_and_address():
    """The page's title, language and canonical address become metadata."""
    source = "<html lang=de><head><title> A\n b </title><link rel=canonical href='https://x.org/a'></head><p>x"

    assert html.parse(source).metadata == {"title": "A b", "language": "de", "url": "https://x.org/a"}


@pytest.mark.parametrize("source", ["", "<", "</", "<!--", "\x00", "<html>", "<p", "&", "<table>", "<title>a"])
def test_fragments_make_no_trouble(source):
    """A page that is hardly one is read without an error."""
    assert "<" not in html.parse(source).text or source in ("<", "</")


def test_text_below_the_deepest_container_stays():
    """Containers deeper than 1,000 lose their tags, not their text, and what follows is read as before."""
    source = "<div>" * 5_000 + "deep" + "</div>" * 5_000 + "<ul><li>after</ul>"

    assert blocks(source) == [("paragraph", "deep"), ("item", "- after")]


@pytest.mark.parametrize(
    "source",
    [
        "<div>" * 50_000 + "x",
        "<div>" * 50_000 + "x" + "</div>" * 50_000,
        "<ul><li>" * 20_000 + "x",
        "<b>" * 50_000 + "x",
        "<pre>" + "<b>" * 50_000 + "x",
        "<table><tr><td>" * 10_000 + "x",
        "<font color=a>" * 2_000 + "<p>x" * 200,
        "<!--" * 100_000,
        "<a " * 100_000,
        "<div " * 100_000,
        "&amp;" * 200_000,
    ],
    ids=lambda source: source[:10],
)
def test_deep_or_endless_markup_takes_less_than_two_seconds(source):
    """Elements nested or repeated tens of thousands of times neither fail nor hang."""
    began = time.process_time()

    html.parse(source)

    assert time.process_time() - began < 2
