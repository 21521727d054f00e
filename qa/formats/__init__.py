"""Turn the source of one file into text and blocks: one module for each format.

A format's `parse` takes the decoded source and returns a `Parsed`. Its `text` is what is served, searched and cited:
offsets everywhere are code points of that string. Its blocks say what the stretches of the text are, in order and
without overlap, so that later stages need not know which format a document came in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

BlockKind = Literal["heading", "paragraph", "item", "row", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch `text[start:end]` of one kind; `text[content:end]` leaves out a list item's marker."""

    kind: BlockKind
    start: int
    end: int
    content: int
    level: int = 0  # heading: 1-6; list item: depth from 0; else 0


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a format's parser found in one file."""

    text: str
    blocks: tuple[Block, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    questions: tuple[tuple[int, str], ...] = ()  # (offset in text, question that the section there answers)
    notices: tuple[str, ...] = ()  # what the reader should know, e.g. front matter that could not be read


class TextBuilder:
    """Collect blocks one after the other and keep count of their offsets.

    For formats whose text is extracted: blocks are joined by a blank line, list items and table rows by a line break.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self.length = 0

    def add(self, kind: BlockKind, text: str, *, level: int = 0, marker: str = "") -> None:
        """Append one block; text without a visible character is left out."""
        text = text.strip("\n") if kind == "code" else text.strip()
        if not text.strip():
            return
        if self._blocks:
            tight = kind in ("item", "row") and self._blocks[-1].kind == kind
            separator = "\n" if tight else "\n\n"
            self._parts.append(separator)
            self.length += len(separator)
        start = self.length
        self._parts.append(marker + text)
        self.length += len(marker) + len(text)
        self._blocks.append(Block(kind, start, self.length, start + len(marker), level))

    def add_row(self, cells: Sequence[str]) -> None:
        """Append one table row; one without a visible character is left out."""
        if any(cell.strip() for cell in cells):
            self.add("row", " | ".join(cells))

    def build(
        self,
        metadata: dict[str, str] | None = None,
        questions: tuple[tuple[int, str], ...] = (),
        notices: tuple[str, ...] = (),
    ) -> Parsed:
        """Return everything added so far."""
        return Parsed("".join(self._parts), tuple(self._blocks), metadata or {}, questions, notices)
