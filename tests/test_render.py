"""Documents as HTML: the marks stand on exactly the cited characters, and no markup of the source gets through."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from qa.corpus import read_corpus
from qa.documents import Document, parse_document
from qa.passages import passages_of
from qa.sections import sections_of
from web.render import PART_CHARS, Marks, contents_of, headings_of, part_at, parts_of, render_document, render_passage

ALLOWED = set("p pre ul li span mark b h2 h3 h4 h5 h6 a div table tbody tr td th".split())
CORPUS = Path(__file__).parents[1] / "corpus"


def marked(html: str) -> str:
    return "".join(node.text() for node in LexborHTMLParser(html).css("mark"))


def inside_blocks(document: Document, start: int, end: int) -> str:
    """Return the characters of a stretch that are shown: blank lines and heading marks between blocks are not."""
    return "".join(document.text[max(start, b.start) : min(end, b.end)] for b in document.blocks)


def tags(html: str) -> set[str]:
    return {node.tag for node in LexborHTMLParser(html).body.traverse(include_text=False)} - {"body"}


def markdown(source: str) -> Document:
    return parse_document("a.md", source)[0]


def shipped() -> list[Document]:
    return list(read_corpus(CORPUS, 10 * 2**20, 20).documents)


def as_plain_text() -> list[Document]:
    """Return the shipped documents as text files that have lost their markup."""
    return [parse_document(f"{document.path}.txt", document.text)[0] for document in shipped()]


@pytest.mark.parametrize("documents", [shipped, as_plain_text], ids=["shipped", "plain text"])
def test_every_passage_is_marked_to_the_character(documents):
    """On the page of its document, the marks of each passage hold exactly its text."""
    checked = 0
    for document in documents():
        headings, parts = headings_of(document), parts_of(document)
        for section in sections_of(document):
            for passage in passages_of(document, section):
                part = parts[part_at(parts, passage.start) - 1]
                html = render_document(document, part, Marks((passage.start, passage.end), anchor="at"), headings)
                assert marked(html) == inside_blocks(document, passage.start, passage.end)
                assert "".join(marked(html).split()) == "".join(passage.text.split())
                assert html.count('id="at"') == 1
                checked += 1
    assert checked > 100


@given(st.text(max_size=400), st.integers(0, 400), st.integers(1, 200))
def test_any_stretch_of_any_text_is_marked_to_the_character(source, start, length):
    """Whatever the Markdown is, escaping loses and adds nothing."""
    try:
        document = markdown("# T\n\n" + source)
    except ValueError:
        return
    text, end = document.text, start + length
    html = render_passage(document, 0, len(text), Marks((start, end), "answer"))

    shown = [b for b in document.blocks if b.kind != "heading"]
    expected = "".join(text[max(start, b.start) : min(end, b.end)] for b in shown)
    assert _newlines(marked(html)) == _newlines(expected)
    assert tags(html) <= ALLOWED


def _newlines(text: str) -> str:
    return text.replace("\r", "\n").replace("\0", "\ufffd").lstrip("\n")  # as an HTML parser reads them


def test_words_and_answer_are_marked_apart():
    """The answer stands in `mark`, the words of the question in `b`, also where both overlap."""
    document = markdown("The lighthouse is tall. The lighthouse is grey.\n")

    html = render_passage(document, 0, 47, Marks((24, 47), "answer", [(4, 14), (28, 38)]))

    assert html == (
        '<p dir="auto">The <b>lighthouse</b> is tall. <mark class="answer">The <b>lighthouse</b> is grey.</mark></p>'
    )


def test_hostile_markup_is_text():
    """Scripts in paragraphs, headings and code arrive as words."""
    document = markdown(
        "# <script>x</script>\n\n## A <img src=x onerror=y>\n\n`<script>`\n\n```\n</pre><script>\n```\n"
    )
    html = render_document(document, (0, len(document.text)), Marks(), headings_of(document))

    assert tags(html) <= ALLOWED
    assert "&lt;script&gt;" in html
    assert "<script" not in html


def test_headings_never_skip_a_level():
    """A document may jump from its title to the fourth level; its page does not."""
    document = markdown("# T\n\n#### Deep\n\na\n\n## Second\n\nb\n\n##### Deeper\n\nc\n")

    assert [(h.level, h.text) for h in headings_of(document)] == [(2, "Deep"), (2, "Second"), (3, "Deeper")]


def test_equal_headings_have_different_anchors():
    """Also when one is named like the numbered anchor of another."""
    ids = [h.id for h in headings_of(markdown("## A\n\na\n\n## A\n\nb\n\n## A 2\n\nc\n\n## ?!\n\nd\n"))]

    assert ids == ["s-a", "s-a--2", "s-a-2", "s-section"]


def test_a_long_document_is_cut_into_parts_that_cover_it():
    """Nothing is lost or shown twice, and the cuts are at headings where there are any."""
    document = markdown("\n\n".join(f"## Section {n}\n\n" + "Some words. " * 200 for n in range(40)))
    parts = parts_of(document)

    assert parts[0][0] == 0
    assert parts[-1][1] == len(document.text)
    assert all(left[1] == right[0] for left, right in pairwise(parts))
    assert all(end - start <= PART_CHARS for start, end in parts)
    assert all(document.text.startswith("Section", start) for start, _ in parts)
    assert [part_at(parts, start) for start, _ in parts] == list(range(1, len(parts) + 1))


def test_a_document_without_a_place_to_cut_is_cut_all_the_same():
    """A single word of 100,000 characters makes seven parts."""
    parts = parts_of(markdown("x" * 100_000))

    assert len(parts) == 7
    assert "".join("x" * (end - start) for start, end in parts) == "x" * 100_000


def test_a_mark_across_two_parts_is_shown_whole():
    """The part is widened to the end of the mark."""
    document = markdown("word " * 10_000)
    parts = parts_of(document)
    edge = parts[0][1]

    html = render_document(document, parts[0], Marks((edge - 20, edge + 20)), [])

    assert marked(html) == document.text[edge - 20 : edge + 20]


def test_lists_and_tables_keep_their_characters():
    """Markers and the bars between cells stay in the text; the style sheet dresses them."""
    document = markdown("- one\n- two\n\n3. three\n\n| a | b |\n|---|---|\n| c | d |\n")
    html = render_passage(document, 0, len(document.text), Marks((0, len(document.text))))

    assert marked(html) == "- one- two3. threea | bc | d"
    assert re.findall(r"<(table|th|td)\b", html) == ["table", "th", "th", "td", "td"]


def test_a_sentence_out_of_a_list_item_is_a_paragraph():
    """Without its marker and its neighbours nothing of the list is left; with either it is one."""
    document = markdown("- One oar. Two oars.\n- A sail.\n")
    starts = {words: document.text.index(words) for words in ("- One", "One", "Two", "- A")}

    alone = [render_passage(document, starts[words], starts["- A"], Marks()) for words in ("One", "Two")]
    assert alone == ['<p dir="auto">One oar. Two oars.</p>', '<p dir="auto">Two oars.</p>']
    assert render_passage(document, starts["- One"], starts["- A"], Marks()).startswith("<ul")
    assert render_passage(document, starts["Two"], len(document.text), Marks()).startswith("<ul")


def test_a_long_table_of_contents_keeps_its_upper_levels():
    """Of 200 headings of two levels, only the upper level is listed."""
    source = "# T\n\n" + "".join(f"## A{n}\n\na\n\n" + f"### B{n}\n\nb\n\n" * 9 for n in range(20))
    headings = headings_of(markdown(source))

    assert len(headings) == 200
    assert len(contents_of(headings)) == 20
