"""Cut a document at its headings: the second stage."""

import re
from collections import deque
from dataclasses import dataclass

from qa.documents import Document
from qa.formats import Block, leads_in

_ENTRIES = 3  # so many headings named in a row are a table of contents
_ENTRY_CHARS = 200
_NUMBERS = re.compile(r"^[\s\d.)]+|[\s.…·]+\d*$")  # in front of a title, and of its page


@dataclass(frozen=True, slots=True)
class Section:
    """What stands between two headings of one document; no two sections overlap."""

    headings: tuple[str, ...]  # the headings above it, outermost first; () above the first heading
    blocks: tuple[Block, ...]  # its text, without the heading; never empty
    questions: tuple[str, ...]  # questions attached to it

    @property
    def start(self) -> int:
        """Where its text begins, in code points of the document's text."""
        return self.blocks[0].start

    @property
    def end(self) -> int:
        """Where its text ends, exclusive."""
        return self.blocks[-1].end


def sections_of(document: Document) -> list[Section]:
    """Return the sections of `document` that hold text, in order.

    A question belongs to the last section that begins at or before it; questions before all text, such as those of the
    front matter, and questions under a heading without text of its own go to the next section that has text. A table of
    contents is in no section: it would answer in place of what it names.
    """
    found: list[tuple[int, tuple[str, ...], list[Block]]] = [(0, (), [])]
    open_headings: list[tuple[int, str]] = []
    contents = _contents(document)
    for number, block in enumerate(document.blocks):
        if number in contents:
            if found[-1][2]:  # what follows does not stand right below what is above
                found.append((block.start, found[-1][1], []))
        elif block.kind == "heading":
            open_headings = [h for h in open_headings if h[0] < block.level]
            open_headings.append((block.level, " ".join(document.text[block.start : block.end].split())))
            # A heading that repeats the title would say it twice in every citation.
            labels = tuple(label for _, label in open_headings if label != document.title)
            found.append((block.start, labels, []))
        else:
            found[-1][2].append(block)
    sections = []
    waiting = deque(sorted(document.questions, key=lambda question: question[0]))
    for i, (_, headings, blocks) in enumerate(found):
        following = found[i + 1][0] if i + 1 < len(found) else len(document.text) + 1
        if blocks:
            questions = []
            while waiting and waiting[0][0] < following:
                questions.append(waiting.popleft()[1])
            sections.append(Section(headings, tuple(blocks), tuple(questions)))
    return sections


def _contents(document: Document) -> set[int]:
    """Return the numbers of the blocks that are a table of contents: that name headings below, one after the other."""
    blocks = document.blocks
    last = {_name(document, block): number for number, block in enumerate(blocks) if block.kind == "heading"}
    found: set[int] = set()
    entries: list[int] = []
    for number, block in enumerate(blocks):
        name = _name(document, block) if block.kind in ("item", "paragraph") else ""
        if name and last.get(name, -1) > number:
            entries.append(number)
            continue
        if len(entries) >= _ENTRIES and not _is_led_in(document, entries[0]):
            found.update(entries)
        entries = []
    return found


def _name(document: Document, block: Block) -> str:
    """Return the text of a heading, or of what names it, without numbers; "" if it is too long for either."""
    if block.end - block.content > _ENTRY_CHARS:
        return ""
    return _NUMBERS.sub("", " ".join(document.text[block.content : block.end].split())).casefold()


def _is_led_in(document: Document, number: int) -> bool:
    above = document.blocks[number - 1] if number else None
    return above is not None and above.kind == "paragraph" and leads_in(document.text[above.start : above.end])
