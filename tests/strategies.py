"""Documents for property tests, and the properties that every document must have."""

from dataclasses import dataclass

from hypothesis import strategies as st

from qa.documents import Document
from qa.passages import MAX_CHARS, passages_of
from qa.sections import sections_of

# (as it is written in HTML and Markdown, as a reader sees it); nothing in them is markup.
WORDS = [
    *(
        (word, word)
        for word in "apple river Kira station seventeen naïve Straße coöperate O'Brien Qo'noS 47 3.5".split()
    ),
    ("Dr.", "Dr."),
    ("日本語", "日本語"),
    ("Ωμέγα", "Ωμέγα"),
    ("e\u0301te\u0301", "e\u0301te\u0301"),
    ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ("👍🏽", "👍🏽"),
    ("10\u00a0km", "10\u00a0km"),
    ("10&nbsp;kg", "10\u00a0kg"),
    ("AT&amp;T", "AT&T"),
    ("caf&eacute;", "café"),
    ("&#x1F680;", "🚀"),
    ("supercalifragilistic" * 4, "supercalifragilistic" * 4),
]
ENDS = [".", "!", "?", "…", ".”", " (Book, p. 3).", '." [2]', ":"]


@dataclass(frozen=True)
class Sentence:
    """A sentence as it is written, and as it is read."""

    source: str
    visible: str


@dataclass(frozen=True)
class Source:
    """The source of a document, with the sentences that a reader must find in it, in order."""

    text: str
    sentences: tuple[str, ...]


@st.composite
def sentences(draw, max_words=25):
    words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=max_words))
    end = draw(st.sampled_from(ENDS))
    return Sentence("The " + " ".join(w for w, _ in words) + end, "The " + " ".join(w for _, w in words) + end)


def _paragraph(draw, max_sentences=12):
    return draw(st.lists(sentences(), min_size=1, max_size=max_sentences))


def _joined(parts, separator=" "):
    return separator.join(part.source for part in parts)


@st.composite
def markdown_sources(draw):
    """A Markdown document of all kinds of blocks, with any kind of line end."""
    blocks, visible = [], []
    if draw(st.booleans()):
        blocks.append('---\ntitle: "A title"\nkind: test\nlanguage: en\n---')
    kinds = ["heading", "setext", "paragraph", "list", "table", "code", "quote", "comment", "html", "rule", "huge"]
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=8)):
        match kind:
            case "heading":
                text = draw(sentences(6))
                blocks.append("#" * draw(st.integers(1, 6)) + " " + text.source)
                visible.append(text)
            case "setext":
                text = draw(sentences(6))
                blocks.append(text.source + "\n" + draw(st.sampled_from(["===", "---"])))
                visible.append(text)
            case "paragraph":
                texts = _paragraph(draw)
                blocks.append(_joined(texts, draw(st.sampled_from([" ", "\n", "  \n"]))))
                visible += texts
            case "huge":
                texts = _paragraph(draw, 3) * 20
                blocks.append(_joined(texts))
                visible += texts
            case "list":
                marker = draw(st.sampled_from(["-", "*", "1.", "12)"]))
                lines = []
                for texts in draw(st.lists(st.lists(sentences(8), min_size=1, max_size=3), min_size=1, max_size=6)):
                    indent = draw(st.sampled_from(["", " " * (len(marker) + 1)])) if lines else ""
                    lines.append(f"{indent}{marker} {_joined(texts)}")
                    visible += texts
                blocks.append("\n".join(lines))
            case "table":
                cells = draw(st.lists(sentences(3), min_size=4, max_size=4))
                first, second = (" | ".join(c.source for c in row) for row in (cells[:2], cells[2:]))
                blocks.append(f"| {first} |\n|---|---|\n| {second} |")
                visible += cells
            case "code":
                lines = draw(st.lists(st.sampled_from(["x = 1", "    return y", "", "print('<b>')"]), max_size=4))
                blocks.append("```python\n" + "\n".join(["begin()", *lines]) + "\n```")
                visible.append(Sentence("", "begin()"))
            case "quote":
                texts = _paragraph(draw, 3)
                blocks.append("> " + _joined(texts))
                visible += texts
            case "html":
                text = draw(sentences(6))
                blocks.append(f"<div class='x'>\n<b>{text.source}</b>\n</div>")
                visible.append(text)
            case "comment":
                blocks.append("<!-- nobody\nsees this -->")
            case "rule":
                blocks.append("***")
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    bom = draw(st.sampled_from(["", "\ufeff"]))
    return Source(bom + "\n\n".join(blocks).replace("\n", end) + end, tuple(s.visible for s in visible))


@st.composite
def html_sources(draw):
    """A page of all kinds of elements, some of them not closed."""
    blocks, visible = [], []
    kinds = ["heading", "paragraph", "list", "table", "layout", "pre", "script", "comment", "div", "huge"]
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=8)):
        match kind:
            case "heading":
                text, level = draw(sentences(6)), draw(st.integers(1, 6))
                blocks.append(f"<h{level}>{text.source}</h{level}>")
                visible.append(text)
            case "paragraph":
                texts = _paragraph(draw)
                separator = draw(st.sampled_from([" ", "\n", "<br>", " <b>", "\n\n\n", "<!-- no -->\t"]))
                blocks.append("<p>" + _joined(texts, separator) + draw(st.sampled_from(["</p>", ""])))
                visible += texts
            case "huge":
                texts = _paragraph(draw, 3) * 20
                blocks.append(f"<p>{_joined(texts)}</p>")
                visible += texts
            case "list":
                tag, items = draw(st.sampled_from(["ul", "ol", "ol start=7"])), draw(st.lists(sentences(8), min_size=1))
                closing = draw(st.sampled_from(["</li>", ""]))
                nested = draw(st.booleans())
                inside = "".join(f"<li>{item.source}{closing}" for item in items)
                blocks.append(f"<{tag}>" + (f"<li><ul>{inside}</ul></li>" if nested else inside) + f"</{tag[:2]}>")
                visible += items
            case "table" | "layout":
                cells = draw(st.lists(sentences(3), min_size=4, max_size=4))
                a, b, c, d = (cell.source for cell in cells)
                inner = f"<p>{b}</p>" if kind == "table" else f"<table><tr><td>{b}</td></tr></table>"
                blocks.append(f"<table><tr><th>{a}</th><td>{inner}</td></tr><tr><td>{c}<td>{d}</table>")
                visible += cells
            case "pre":
                blocks.append("<pre>\n  <b>begin()</b>\n\n    end()</pre>")
                visible += [Sentence("", "begin()"), Sentence("", "end()")]
            case "div":
                text = draw(sentences(6))
                blocks.append(f"<div><span>{text.source}</span></div>")
                visible.append(text)
            case "script":
                blocks.append("<script>var unseen = '<p>';</script><style>p { }</style><nav>unseen</nav>")
            case "comment":
                blocks.append("<!-- nobody <p>sees --><!DOCTYPE html>")
    head = draw(st.sampled_from(["", "<!doctype html><html lang=de><head><title>A title</title></head><body>"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r", ""]))
    return Source(head + end.join(blocks), tuple(s.visible for s in visible))


@st.composite
def plain_sources(draw):
    """A plain text: headings of all makes, paragraphs, lists, wrapped or not."""
    blocks, visible = [], []
    for kind in draw(st.lists(st.sampled_from(["heading", "paragraph", "list", "huge"]), min_size=1, max_size=10)):
        match kind:
            case "heading":
                text = draw(sentences(5)).visible
                visible.append(text)
                makes = [
                    f"== {text} ==",
                    f"={text}=",
                    f"{text}[]",
                    f"{text} [edit]",
                    f"{text}\n" + "-" * len(text),
                    text,
                ]
                blocks.append(draw(st.sampled_from(makes)))
            case "paragraph" | "huge":
                texts = [s.visible for s in _paragraph(draw)] * (10 if kind == "huge" else 1)
                blocks.append(draw(st.sampled_from([" ", "\n"])).join(texts))
                visible += texts
            case "list":
                items = [s.visible for s in draw(st.lists(sentences(8), min_size=1, max_size=5))]
                marker = draw(st.sampled_from(["- ", "• ", "  * ", "1. ", "2)  "]))
                blocks.append("\n".join(marker + item for item in items))
                visible += items
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    bom = draw(st.sampled_from(["", "\ufeff"]))
    gap = draw(st.sampled_from(["\n\n", "\n", "\n \t\n\n"]))
    return Source(bom + gap.join(blocks).replace("\n", end), tuple(visible))


FRAGMENTS = [
    *"# ## ###### - * + 1. > | |--- --- === ``` ~~~ ** __ ` [ ] ( ) ![ ]( [] [edit] == =".split(),
    *"\\ \" ” … . ? ! : ' & < >".split(),
    *[
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\t",
        " ",
        "    ",
        "\u00a0",
        "\u2028",
        "\x0b",
        "\x0c",
        "\x1c",
        "\x85",
        "\ufeff",
        "\u200b",
    ],
    *[
        "<div>",
        "</div>",
        "<p>",
        "<li>",
        "<ul>",
        "</ul>",
        "<table>",
        "<tr>",
        "<td>",
        "</td>",
        "</tr>",
        "</table>",
        "<pre>",
    ],
    *[
        "</pre>",
        "<br>",
        "<h1>",
        "</h1>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<a href='x'>",
        "</a>",
        "<title>",
        "<b hidden>",
    ],
    *[
        "&amp;",
        "&#0;",
        "&#xD800;",
        "&#13;",
        "&nbsp;",
        "&bogus;",
        "<!-- questions:\n- Why?\n-->",
        "title: x\n",
        "---\n",
        "...\n",
    ],
    *["e\u0301", "\u0301\u0301", "👩\u200d👧", "\u200d", "\ufe0f", "🏽", "日本", "ﬁ", "\U0010ffff", "\ufffd"],
    *["word ", "Sentence one. Sentence two! ", "A title line\n", "x" * 1300, "long words " * 150, "\u0301" * 1300],
]
tangles = st.lists(st.sampled_from(FRAGMENTS) | st.text(max_size=5), max_size=40).map("".join)


def check(document: Document) -> None:
    """Assert everything that must hold of any document, its sections and its passages."""
    text = document.text
    reached = 0
    for block in document.blocks:
        assert reached <= block.start <= block.content < block.end <= len(text)
        reached = block.end
    reached, ids = 0, []
    for section in sections_of(document):
        assert reached <= section.start < section.end
        reached = section.end
        _check_section(document, section, ids)
    assert len(set(ids)) == len(ids)


def _check_section(document, section, ids):
    text = document.text
    passages = passages_of(document, section)
    in_passage, in_sentence = set(), set()
    before = None
    for passage in passages:
        ids.append(passage.id)
        assert text[passage.start : passage.end] == passage.text
        assert 0 < len(passage.text) <= MAX_CHARS
        assert passage.text.strip()
        assert passage.sentences
        assert section.start <= passage.start < passage.end <= section.end
        assert before is None or (before.start < passage.start and before.end < passage.end)
        last = passage.start
        for start, end in passage.sentences:
            assert last <= start < end <= passage.end
            assert text[start:end].strip()
            last = end
            in_sentence.update(range(start, end))
        in_passage.update(range(passage.start, passage.end))
        before = passage
    for block in section.blocks:
        for i in range(block.start, block.end):
            assert text[i].isspace() or i in in_passage, f"{text[i]!r} at {i} stands in no passage"
            assert text[i].isspace() or i < block.content or i in in_sentence, f"{text[i]!r} at {i} is in no sentence"


def without_space(text: str) -> str:
    return "".join(text.split())


def check_nothing_lost(document: Document, wanted: tuple[str, ...]) -> None:
    """Assert that every sentence stands in the text, whole and in order."""
    text, at = without_space(document.text), 0
    for sentence in wanted:
        found = text.find(without_space(sentence), at)
        assert found >= 0, f"{sentence!r} is not in {document.text!r}"
        at = found + len(without_space(sentence))
