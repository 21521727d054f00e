"""Turn the source of one file into text and blocks: one module for each format.

A format's `parse` takes the decoded source and returns a `Parsed`. Its `text` is what is served, searched and cited:
offsets everywhere are code points of that string. Its blocks say what the stretches of the text are, in order and
without overlap, so that later stages need not know which format a document came in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Literal

BlockKind = Literal["heading", "paragraph", "item", "header", "row", "code"]  # "header": a row that names columns
_ROWS = ("header", "row")
_TITLE_WORDS = 3  # "Table of contents:"
# Of an item, where a list has no markup; word processors put no-break spaces behind it.
MARK = r"(?:[•◦‣▪·]|o(?=[ \xa0]{2})|\d{1,3}[.)](?=\xa0{2})|\((?:[a-z]|[ivx]{1,5}|\d{1,2})\))"
_MARKED = re.compile(rf"({MARK})\s+(?=\S)")
_ROMAN = re.compile(r"\([ivx]+\)")


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch `text[start:end]` of one kind; `text[content:end]` leaves out a list item's marker."""

    kind: BlockKind
    start: int
    end: int
    content: int
    level: int = 0  # heading: 1-6; list item or description of a term: its depth; else 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a format's parser found in one file."""

    text: str
    blocks: tuple[Block, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    questions: tuple[tuple[int, str], ...] = ()  # (offset in text, question that the section there answers)
    notices: tuple[str, ...] = ()  # what the reader should know, e.g. front matter that could not be read


def leads_in(text: str) -> bool:
    """Tell whether a paragraph is a sentence that goes on in the list below it, not the title of that list."""
    return text.endswith(":") and len(text.split()) > _TITLE_WORDS


class TextBuilder:
    """Collect blocks one after the other and keep count of their offsets.

    For formats whose text is extracted: blocks are joined by a blank line, list items and table rows by a line break.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._marks: dict[str, str] = {}  # the last one of each way to count in the open list that has no markup
        self.length = 0

    def add(self, kind: BlockKind, text: str, *, level: int = 0, marker: str = "") -> None:
        """Append one block; text without a visible character is left out.

        A paragraph with the mark of an item ("(a)", or a bullet as word processors write it) is one.
        """
        text = text.strip("\n") if kind == "code" else text.strip()
        if not text.strip():
            return
        if kind == "paragraph" and (marked := _MARKED.match(text)):
            kind, marker, text = "item", f"{marked[1]} ", text[marked.end() :]
            level += self._depth(marked[1])
        else:
            self._marks.clear()
        if self._blocks:
            above = self._blocks[-1].kind
            tight = above in _ROWS if kind in _ROWS else above == kind == "item"
            separator = "\n" if tight else "\n\n"
            self._parts.append(separator)
            self.length += len(separator)
        start = self.length
        self._parts.append(marker + text)
        self.length += len(marker) + len(text)
        self._blocks.append(Block(kind, start, self.length, start + len(marker), level))

    def _depth(self, mark: str) -> int:
        """Return how deep an item with such a mark stands: a new way to count begins a list within the item above."""
        letter = self._marks.get("letter", "( )")[1]
        if _ROMAN.fullmatch(mark) and mark != f"({chr(ord(letter) + 1)})":  # "(i)", unless it stands below "(h)"
            way = "roman"
        else:
            way = "number" if any(map(str.isdigit, mark)) else "letter" if mark[0] == "(" else mark
        self._marks = dict(takewhile(lambda one: one[0] != way, self._marks.items())) | {way: mark}
        return len(self._marks) - 1

    def leads_in(self) -> bool:
        """Tell whether the text so far ends with a paragraph that leads in a list."""
        return bool(self._blocks) and self._blocks[-1].kind == "paragraph" and leads_in(self._parts[-1])

    def add_row(self, cells: Sequence[str], *, header: bool = False) -> None:
        """Append one table row; one without a visible character is left out."""
        if any(cell.strip() for cell in cells):
            self.add("header" if header else "row", " | ".join(cells))

    def build(
        self,
        metadata: dict[str, str] | None = None,
        questions: tuple[tuple[int, str], ...] = (),
        notices: tuple[str, ...] = (),
    ) -> Parsed:
        """Return everything added so far; a header without a row below it names nothing and is a row."""
        for i in reversed(range(len(self._blocks))):
            block = self._blocks[i]
            if block.kind == "header" and (i + 1 == len(self._blocks) or self._blocks[i + 1].kind not in _ROWS):
                self._blocks[i] = replace(block, kind="row")
        return Parsed("".join(self._parts), tuple(self._blocks), metadata or {}, questions, notices)
