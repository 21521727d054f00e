"""Turn stretches of a document into safe HTML, with marks on exactly the characters that are cited.

Everything is made from `Document.blocks` over `Document.text`. The markup of the source is never seen here and every
character is escaped, so there is nothing to sanitise. The text of the HTML is the text of the blocks, character for
character: list markers and the bars between table cells stay in it, the style sheet dresses them.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Literal

from markupsafe import Markup, escape

from qa.documents import Document
from qa.formats import Block
from qa.sentences import Span

PART_CHARS = 15_000  # a longer document is shown in parts, so that a page stays below 60 kB
_TOC_ENTRIES = 150  # of a longer table of contents only the upper levels are shown
_MAX_DEPTH = 4  # list items deeper than this are indented no further


@dataclass(frozen=True, slots=True)
class Marks:
    """What is to be marked, in code points of the document's text."""

    span: Span = (0, 0)  # what is cited
    kind: Literal["answer", "cited"] = "cited"
    words: Sequence[Span] = ()  # words of the question, in order, without overlap
    anchor: str = ""  # id of the first mark


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a document, for its table of contents and its anchors."""

    block: Block
    id: str
    level: int  # of its element: 2 and on, never more than one deeper than the heading above it
    text: str


@dataclass(frozen=True)
class _Page:
    """What all blocks of one rendering share."""

    document: Document
    start: int
    end: int
    marks: Marks
    headings: dict[int, Heading] = field(default_factory=dict)  # by where they start; others are left out

    @cached_property
    def blocks(self) -> Sequence[Block]:
        """The blocks that are shown."""
        within = _blocks_within(self.document.blocks, self.start, self.end)
        return [block for block in within if block.kind != "heading" or block.start in self.headings]

    @cached_property
    def first_marked(self) -> int:
        """Where the first mark begins, -1 if there is none."""
        start, end = self.marks.span
        return next(
            (max(block.start, start, self.start) for block in self.blocks if start < block.end and block.start < end),
            -1,
        )


def headings_of(document: Document) -> list[Heading]:
    """Return the headings in order, each with an id of its own; one that repeats the title is left out."""
    found: list[Heading] = []
    taken: dict[str, int] = {}
    open_levels: list[int] = []
    for block in document.blocks:
        if block.kind != "heading":
            continue
        text = " ".join(document.text[block.start : block.end].split())
        if text == document.title:
            continue
        open_levels = [level for level in open_levels if level < block.level] + [block.level]
        slug = "s-" + (re.sub(r"[\W_]+", "-", text.casefold()).strip("-")[:60] or "section")
        taken[slug] = taken.get(slug, 0) + 1
        anchor = slug if taken[slug] == 1 else f"{slug}--{taken[slug]}"
        found.append(Heading(block, anchor, min(6, len(open_levels) + 1), text))
    return found


def contents_of(headings: Sequence[Heading]) -> list[Heading]:
    """Return the entries of a table of contents: all headings, or the upper levels of a long document."""
    for deepest in range(6, 1, -1):
        entries = [heading for heading in headings if heading.level <= deepest]
        if len(entries) <= _TOC_ENTRIES:
            return entries
    return entries[:_TOC_ENTRIES]


def parts_of(document: Document) -> list[Span]:
    """Cut a document into parts of at most PART_CHARS: at a heading, else at a block, else at white space."""
    headings = [block.start for block in document.blocks if block.kind == "heading"]
    blocks = [block.start for block in document.blocks]
    parts, begin, length = [], 0, len(document.text)
    while length - begin > PART_CHARS:
        limit = begin + PART_CHARS
        cut = _last_within(headings, begin + PART_CHARS // 3, limit) or _last_within(blocks, begin + 1, limit)
        if cut is None:
            white_space = max(document.text.rfind(" ", begin, limit), document.text.rfind("\n", begin, limit))
            cut = white_space + 1 if white_space > begin else limit
        parts.append((begin, cut))
        begin = cut
    return [*parts, (begin, length)]


def part_at(parts: Sequence[Span], offset: int) -> int:
    """Return the number, from 1, of the part that holds a character."""
    return max(1, bisect_right([start for start, _ in parts], offset))


def render_passage(document: Document, start: int, end: int, marks: Marks) -> Markup:
    """Return `document.text[start:end]` as HTML, without headings."""
    return _render(_Page(document, start, end, marks))


def render_document(document: Document, part: Span, marks: Marks, headings: Sequence[Heading]) -> Markup:
    """Return one part of a document as HTML with its headings; a mark that reaches beyond the part widens it."""
    start, end = part
    if start <= marks.span[0] < end:
        end = max(end, marks.span[1])
    return _render(_Page(document, start, end, marks, {heading.block.start: heading for heading in headings}))


def _render(page: _Page) -> Markup:
    groups = groupby(page.blocks, lambda block: "row" if block.kind == "header" else block.kind)
    return Markup("\n").join(html for kind, blocks in groups for html in _group(page, kind, list(blocks)))


def _blocks_within(blocks: Sequence[Block], start: int, end: int) -> Sequence[Block]:
    first = bisect_right(blocks, start, key=lambda block: block.end)
    last = bisect_left(blocks, end, key=lambda block: block.start)
    return blocks[first:last]


def _group(page: _Page, kind: str, blocks: list[Block]) -> Iterator[Markup]:
    if kind == "item" and (len(blocks) > 1 or page.start < blocks[0].content):  # a sentence out of one is no list
        yield Markup('<ul class="items" role="list">{}</ul>').format(Markup("").join(_item(page, b) for b in blocks))
    elif kind == "row":
        yield _table(page, blocks)
    elif kind == "heading":
        for block in blocks:
            yield _heading(page, page.headings[block.start])
    else:
        tag = Markup("pre") if kind == "code" else Markup("p")
        for block in blocks:
            yield Markup('<{0} dir="auto">{1}</{0}>').format(tag, _inline(page, block.start, block.end))


def _heading(page: _Page, heading: Heading) -> Markup:
    return Markup(
        '<h{0} id="{1}" dir="auto">{2} <a class="anchor" href="#{1}"><span class="vh">Link to this section</span></a>'
        "</h{0}>"
    ).format(heading.level, heading.id, _inline(page, heading.block.start, heading.block.end))


def _item(page: _Page, block: Block) -> Markup:
    marker, body = _inline(page, block.start, block.content), _inline(page, block.content, block.end)
    is_number = any(ch.isalnum() for ch in page.document.text[block.start : block.content])
    if marker:
        marker = Markup('<span class="{}">{}</span>').format("number" if is_number else "bullet", marker)
    return Markup('<li class="depth-{}" dir="auto">{}{}</li>').format(min(block.level, _MAX_DEPTH), marker, body)


def _table(page: _Page, blocks: list[Block]) -> Markup:
    return Markup('<div class="table" role="group" aria-label="Table" tabindex="0"><table>{}</table></div>').format(
        Markup("").join(_row(page, block) for block in blocks)
    )


def _row(page: _Page, block: Block) -> Markup:
    cells, start = [], block.start
    for bar in [*re.finditer(r" \| ", page.document.text[block.start : block.end]), None]:
        end = block.end if bar is None else block.start + bar.start()
        after = block.end if bar is None else block.start + bar.end()
        separator = Markup('<span class="bar">{}</span>').format(_inline(page, end, after)) if bar else Markup("")
        tag = Markup('th scope="col"') if block.kind == "header" else Markup("td")
        cells.append(
            Markup('<{} dir="auto">{}{}</{}>').format(tag, _inline(page, start, end), separator, tag.split()[0])
        )
        start = after
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _inline(page: _Page, start: int, end: int) -> Markup:
    """Return a stretch with the cited characters in `<mark>` and the words of the question in `<b>`."""
    start, end = max(start, page.start), min(end, page.end)
    text, marks = page.document.text, page.marks
    marked_from, marked_to = max(start, marks.span[0]), min(end, marks.span[1])
    if marked_from >= marked_to:
        return _words(text, start, end, marks.words)
    return Markup('{}<mark class="{}"{}>{}</mark>{}').format(
        _words(text, start, marked_from, marks.words),
        marks.kind,
        Markup(' id="{}"').format(marks.anchor) if marks.anchor and marked_from == page.first_marked else "",
        _words(text, marked_from, marked_to, marks.words),
        _words(text, marked_to, end, marks.words),
    )


def _words(text: str, start: int, end: int, words: Sequence[Span]) -> Markup:
    parts, last = [], start
    for word_start, word_end in words:
        begin, stop = max(word_start, last), min(word_end, end)
        if begin < stop:
            parts += [escape(text[last:begin]), Markup("<b>{}</b>").format(text[begin:stop])]
            last = stop
    return Markup("").join([*parts, escape(text[last:end])]) if start < end else Markup("")


def _last_within(places: Sequence[int], low: int, high: int) -> int | None:
    number = bisect_right(places, high) - 1
    return places[number] if number >= 0 and places[number] >= low else None
