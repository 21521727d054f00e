import pytest

from qa.formats import html
from tests.growth import check_growth


def blocks(source):
    parsed = html.parse(source)
    return [(block.kind, parsed.text[block.start : block.end]) for block in parsed.blocks]


def test_the_main_text_stays_and_the_frame_goes():
    """Scripts, styles, navigation, footers, controls and hidden elements are no text of the page."""
    source = (
        "<head><title>T</title></head><nav>n</nav><script>s</script><style>y</style><header>Top</header>"
        "<form>Inside a form <button>b</button></form><p hidden>h</p><p>Main</p><footer>f</footer><!-- c -->"
        "<div role='navigation'>r</div><div class=x role='doc-cover banner'>r</div>"
    )

    assert blocks(source) == [("paragraph", "Top"), ("paragraph", "Inside a form"), ("paragraph", "Main")]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<p>a</p><main>b</main><p>c</p>", "b"),
        ("<header>a</header><div role=main>b</div>", "b"),
        ("<main hidden>a</main><main>b</main>c", "b"),
        ("<main>a</main><main>b</main>", "a\n\nb"),
        ("<p>a</p><main><nav>b</nav></main>", "a"),
        ("<p>a</p><div hidden><main>b</main></div>", "a"),
    ],
)
def test_the_one_main_part_is_the_page(source, text):
    """Where a page names one main part that shows text, the rest is left out."""
    assert html.parse(f"<html lang=de><title>T</title>{source}").text == text
    assert html.parse(f"<html lang=de><title>T</title>{source}").metadata == {"language": "de", "title": "T"}


def test_a_list_of_links_within_the_page_is_left_out():
    """A table of contents would answer in place of its sections; links that a sentence leads in are text."""
    contents = "<ul><li><a href='#a'>Who can vote?</a><ol><li><p><a href=#b>b</a></ol></ul>"

    assert blocks(f"<h2>Contents</h2>{contents}<p>x") == [("heading", "Contents"), ("paragraph", "x")]
    assert blocks(f"<p>Table of contents:</p>{contents}") == [("paragraph", "Table of contents:")]
    assert len(blocks(f"You can use one of these:{contents}")) == 3
    assert len(blocks(contents.replace("#b", "b.html"))) == 2
    assert len(blocks(contents.replace("#b>b</a>", "#b>b</a> and more"))) == 2


def test_white_space_collapses_but_a_no_break_space_stays():
    """Runs of white space are one space, `<br>` is a line break, a no-break space is a character of the text."""
    assert blocks("<p>a \n\t b<b> c </b> d<br> e&nbsp; f</p>") == [("paragraph", "a b c d\ne\u00a0 f")]


def test_what_is_struck_out_is_no_text():
    """Deleted text would say what the page takes back: it goes, what was put in stays."""
    styled = "<i style='text-decoration: line-through'>y</i>"
    source = f"It cost $<del>6</del><ins>7</ins>, <s>not</s> <strike>x</strike> {styled} z"

    assert blocks(f"<p>{source}<pre>a <del>b</del> c</pre>") == [("paragraph", "It cost $7, z"), ("code", "a  c")]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("10<sup>6</sup> people", "10⁶ people"),
        ("10<sup>−19</sup> m<sup>2</sup>", "10⁻¹⁹ m²"),
        ("opened in 1990<sup><a href='#n1'>1</a></sup>.", "opened in 1990¹."),
        ("2<sup>n</sup> and x<sup>a</sup>, e<sup>x+1</sup>", "2ⁿ and x^a, e^(x+1)"),
        ("the 21<sup>st</sup> century<sup>[2]</sup> <sup>a</sup> note", "the 21st century[2] a note"),
        ("H<sub>2</sub>O<sup></sup>", "H2O"),
        ("<table><td>10<sup>6</sup></table>", "10⁶"),
        ("<pre>10<sup>6</sup></pre>", "10^6"),
        ("It is <i>12</i> metres<sup><div>2</div></sup> long", "It is 12 metres\n\n2\n\nlong"),
    ],
)
def test_a_superscript_cannot_be_misread(source, text):
    """A superscript does not run into what it stands above: powers and notes are told from digits, ordinals stay."""
    assert html.parse(source).text == text


@pytest.mark.parametrize(
    "unseen",
    [
        "<span style='color: red; DISPLAY : none'>x</span>",
        "<span style='visibility:hidden'>x</span>",
        "<a class=headerlink href='#day' title='Link to this heading'>¶</a>",
        "<a href='#day'> # </a>",
        "<span class='mw-editsection'>[<a href='/edit'>edit</a>]</span>",
        "<i aria-hidden=true>menu</i>",
    ],
)
def test_what_is_hidden_or_a_tool_of_the_page_is_no_text(unseen):
    """Hidden elements, signs that link to their own heading, and MediaWiki's edit links are left out."""
    assert blocks(f"<h2>Opening <a href='#top'>day 1</a>{unseen}</h2>") == [("heading", "Opening day 1")]


def test_a_block_ends_a_heading_that_was_never_closed():
    """What comes after the first block of a heading is text, not part of the heading."""
    source = "<h1>Bridge<p>It was opened.</p><p>Then closed.</p><h2><div>Part</div></h2>End"

    assert blocks(source) == [
        ("heading", "Bridge"),
        ("paragraph", "It was opened."),
        ("paragraph", "Then closed."),
        ("heading", "Part"),
        ("paragraph", "End"),
    ]


@pytest.mark.parametrize(
    ("source", "opening", "closing"),
    [
        ("<p>a<!-- note<p>b \n", "<!-- note<p>b", "-->"),
        ("<p>a<script>b<p>c", "<script> b<p>c", "</script>"),
        ("<style>a<p>b", "<style> a<p>b", "</style>"),
    ],
)
def test_text_that_a_comment_or_script_swallows_is_named(source, opening, closing):
    """All text after a comment or script that is never closed is missing: a notice says where it begins."""
    assert html.parse(source).notices == (
        f"the text from “{opening}” on is missing: it is never closed with “{closing}”",
    )
    assert html.parse(source + closing).notices == ()


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


def test_what_is_folded_is_text():
    """A part that unfolds is marked as hidden from machines that read aloud while it is closed."""
    assert html.parse("<h3>Who?</h3><div aria-hidden=true>Ann</div>").text == "Who?\n\nAnn"
    assert blocks("<h3> <button>Who?</button></h3><div role=region hidden>Ann</div>") == [
        ("heading", "Who?"),
        ("paragraph", "Ann"),
    ]
    assert blocks("<h3>Who? <button>Copy link</button></h3><div role=tabpanel hidden>Ann</div>") == [
        ("heading", "Who?"),
        ("paragraph", "Ann"),
    ]


def test_notes_and_who_said_it_are_text():
    """An aside in the text is a note unless it has a heading or mostly links; a quotation's footer names its source."""
    note = "<aside><p>Mind the <a href=gap>gap</a>.<aside>b</aside></aside>"
    sidebar = "<aside><a href=a>More of it</a> now</aside><aside><h3>News</h3>Read all of this.</aside>"

    assert html.parse(f"<p>a<main>c{sidebar}{note}</main>").text == "c\n\nMind the gap.\n\nb"
    assert html.parse(f"<article>c{sidebar}{note}</article>").text == "c\n\nMind the gap.\n\nb"
    assert html.parse(f"c{note}").text == "c"
    assert (
        html.parse("<blockquote>It is.<footer>— Ann</footer></blockquote><footer>x</footer>").text == "It is.\n\n— Ann"
    )


def test_a_description_is_deeper_than_its_term():
    """The level tells what a term is explained by, also where a description holds terms of its own."""
    parsed = html.parse("<dl><dt>a<dd>b<dl><dt>c<dd>d</dl><dt>e<dd>f</dl>g")

    assert [block.level for block in parsed.blocks] == [0, 1, 1, 2, 0, 1, 0]


def test_terms_with_one_description_are_the_lines_of_one_block():
    """Several names of one thing belong together; links, and terms without a description, stand alone."""
    assert html.parse("<dl><dt>-j<dt>--jobs<dd>a</dl>").text == "-j\n--jobs\n\na"
    assert html.parse("<dl><dt>-j</dt>\n<dt>--jobs</dt> <dd>a<dt>b<dd>c</dl>").text == "-j\n--jobs\n\na\n\nb\n\nc"
    assert html.parse("<dl><dt><a>1</a><dt><a>2</a><dd>a</dl>").text == "1\n\n2\n\na"
    assert html.parse("<dl><dt>a<dt>b</dl>").text == "a\n\nb"


def test_a_table_that_only_lays_out_the_page_has_no_rows():
    """Newsletters say so: what stands in the cells is text with its own headings; a table within may be one."""
    source = "<table role=presentation><tr><td><h2>A</h2><p>b<p>c<td><table><tr><td>d<td>e</table></table>"

    assert blocks(source) == [("heading", "A"), ("paragraph", "b"), ("paragraph", "c"), ("row", "d | e")]


def test_a_table_row_is_one_block():
    """Cells are parted by bars, also when they hold paragraphs, lists and a line of code; nothing is lost."""
    source = (
        "<table><caption>C</caption><tr><td>a<td><p>b</p><p>c</p><tr><td><ul><li>d</ul><td><pre>e\tf\n</pre></table>"
    )

    assert blocks(source) == [("paragraph", "C"), ("row", "a | b c"), ("row", "d | e f")]


@pytest.mark.parametrize(
    ("rows", "kinds"),
    [
        ("<thead><tr><td>a<td>b</thead><tr><td>c<td>d", ["header", "row"]),
        ("<tr><td> <th>b<tr><th>c<td>d", ["header", "row"]),
        ("<tr><th>a<tr><th>b<tr><td>c<tr><th>d", ["header", "header", "row", "row"]),
        ("<tr><th>a<td>b<tr><th>c<td>d", ["row", "row"]),
        ("<tr><td>a<td>b<tr><td>c<td>d", ["row", "row"]),
    ],
)
def test_the_rows_that_name_columns_are_told_from_the_others(rows, kinds):
    """Rows in the head of a table or of header cells alone are headers, as long as there is a row below them."""
    parsed = html.parse(f"<table>{rows}</table>")

    assert [block.kind for block in parsed.blocks] == kinds
    assert "\n\n" not in parsed.text


def test_code_in_a_table_keeps_its_lines():
    """Preformatted lines in a cell are code; the numbers beside them are left out."""
    source = (
        "<table><tr><td class=linenos><pre>1\n2</pre><td>a<pre>b\n  c</pre>d</table><pre><i class=linenos>1 </i>e</pre>"
    )

    assert blocks(source) == [("row", "a"), ("code", "b\n  c"), ("paragraph", "d"), ("code", "e")]


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
    ("source", "count"),
    [
        (lambda n: "<div>" * n + "x", 50_000),
        (lambda n: "<div>" * n + "x" + "</div>" * n, 50_000),
        (lambda n: "<ul><li>" * n + "x", 20_000),
        (lambda n: "<b>" * n + "x", 50_000),
        (lambda n: "<pre>" + "<b>" * n + "x", 50_000),
        (lambda n: "<table><tr><td>" * n + "x", 10_000),
        (lambda n: "<font color=a>" * 10 * n + "<p>x" * n, 200),
        (lambda n: "<!--" * n, 100_000),
        (lambda n: "<a " * n, 100_000),
        (lambda n: "<div " * n, 100_000),
        (lambda n: "&amp;" * n, 200_000),
        (lambda n: "a<sup>" * n, 20_000),
        (lambda n: "a<sup>1</sup>" * n, 50_000),
        (lambda n: "<main>" * n + "x", 50_000),
        (lambda n: "<ul><li><a href='#a'>a</a></ul>" * n, 20_000),
        (lambda n: "<table><tr><td>" + "<pre>" * n + "<b>x</b>" * 10 * n, 2_000),
        (lambda n: "<p style='" + "text-decoration" * n + "'>x", 50_000),
        (lambda n: "<article>" + "<aside>" * n + "x<p>" * n, 20_000),
        (lambda n: "<h2>" + "<button>x</button> " * n, 20_000),
    ],
    ids=lambda value: repr(value(1)[:10]) if callable(value) else None,
)
def test_deep_or_endless_markup_takes_no_more_than_its_share_of_time(source, count):
    """Elements nested or repeated tens of thousands of times neither fail nor hang."""
    check_growth(html.parse, source, count)
