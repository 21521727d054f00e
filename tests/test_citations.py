"""Citations to copy: each format is read back by a program that knows it."""

import json
from datetime import date

import pytest
from citeproc.source.json import CiteProcJSON
from markdown_it import MarkdownIt
from pybtex.database import parse_string

from qa.documents import parse_document
from web.citations import FORMATS, Cited, to_annotation, to_bibtex, to_csl_json, to_markdown, to_plain

SOURCE = """---
title: "50 % of {braces} & the #1 C:\\\\path_name ~ $5^2 “Ünïcode”"
source: "A_guide & more"
language: de
---

## One_section & another

The *first* keeper earned 100 % of {300} crowns & kept #3 goats_ in [1858].
"""


@pytest.fixture
def cited():
    document, _ = parse_document("notes/a_b.md", SOURCE)
    start = document.text.index("The first")
    end = len(document.text)
    return Cited(document, start, end, ("One_section & another",), "http://localhost:8000/", date(2026, 11, 21))


def test_plain_text_names_everything(cited):
    """Quotation, title, section, file, characters, day and link stand in one line."""
    text = to_plain(cited)

    for part in (cited.words, "One_section & another", "notes/a_b.md", "accessed 2026-11-21", cited.link):
        assert part in text
    assert text.count("\n") == 1


def test_markdown_means_what_was_quoted(cited):
    """Markup characters of the document are no markup in the citation."""
    html = MarkdownIt("commonmark").render(to_markdown(cited))

    assert html.startswith("<blockquote>")
    assert "{300} crowns &amp; kept #3 goats_ in [1858]." in html
    assert html.count("<a href=") == 1
    assert "<em>" not in html


LAID_OUT = """To start the lamp:

```
lamp:
  oil: `3`
```

- a *wick*
  - of wool
- oil

| Oil | Price |
|---|---|
| whale | 5 |
"""


def test_code_lists_and_tables_keep_their_lines():
    """In every form that carries the quotation; the Markdown is the same code and the same list again."""
    document, _ = parse_document("lamp.md", LAID_OUT)
    cited = Cited(document, 0, len(document.text), (), "http://localhost:8000/", date(2026, 11, 21))
    code = "lamp:\n  oil: `3`\n"
    words = f"To start the lamp:\n{code}- a wick\n  - of wool\n- oil\nOil | Price\nwhale | 5"

    assert to_plain(cited).startswith(f"“{words}”\nlamp, lamp.md, ")
    assert json.loads(to_csl_json(cited))[0]["abstract"] == words
    assert f"annote = {{{words}}}" in to_bibtex(cited)
    html = MarkdownIt("commonmark").render(to_markdown(cited))
    assert f"<pre><code>{code}</code></pre>" in html
    assert "<li>a wick\n<ul>\n<li>of wool</li>\n</ul>\n</li>\n<li>oil</li>" in html
    assert "<p>Oil | Price</p>\n<p>whale | 5</p>" in html


def test_markdown_lists_are_made_of_any_marker():
    """Plain text has more of them than Markdown, and escaped they would be words."""
    document, _ = parse_document("a.txt", "* one\n+ two\n• three\n\nThen:\n\n1) four\n    * five\n2) six\n")
    cited = Cited(document, 0, len(document.text), (), "http://localhost:8000/", date(2026, 11, 21))

    html = "".join(MarkdownIt("commonmark").render(to_markdown(cited)).split())
    assert "<ul><li>one</li><li>two</li><li>three</li></ul>" in html
    assert "<ol><li>four<ul><li>five</li></ul></li><li>six</li></ol>" in html


def test_bibtex_is_read_by_pybtex(cited):
    """A BibTeX parser finds every field, and braces are balanced."""
    (key, entry), *others = parse_string(to_bibtex(cited), "bibtex").entries.items()

    assert not others
    assert key == f"{cited.document.id}-{cited.start}-{cited.end}"
    assert entry.type == "misc"
    assert set(entry.fields) == {"title", "howpublished", "year", "note", "annote", "organization"}
    assert f"/documents/{cited.document.id}?at=" in entry.fields["howpublished"]
    assert f"&doc={cited.document.sha256[:8]}\\#at" in entry.fields["howpublished"]
    assert r"100 \% of \{300\} crowns \& kept \#3 goats\_" in entry.fields["annote"]


def test_csl_json_is_read_by_citeproc(cited):
    """A CSL processor takes the item as it is."""
    items = json.loads(to_csl_json(cited))

    item = CiteProcJSON(items)[items[0]["id"].lower()]

    assert item.type == "webpage"
    assert (item.accessed.year, item.accessed.month, item.accessed.day) == (2026, 11, 21)
    assert "Ünïcode" in str(item.title)
    assert items[0]["URL"] == cited.link


def test_the_annotation_is_json_with_selectors(cited):
    """Its source is the whole address of the document."""
    annotation = json.loads(to_annotation(cited))

    assert annotation["target"]["source"] == f"http://localhost:8000/documents/{cited.document.id}"
    assert annotation["target"]["selector"][0]["exact"] == cited.document.text[cited.start : cited.end]


def test_every_format_ends_with_a_line_end(cited):
    """So that files made of them are text files."""
    assert all(form.render(cited).endswith("\n") for form in FORMATS.values())
