"""Cut a document at its headings: the second stage."""

from collections import deque
from dataclasses import dataclass

from qa.documents import Document
from qa.formats import Block


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
    front matter, and questions under a heading without text of its own go to the next section that has text.
    """
    found: list[tuple[int, tuple[str, ...], list[Block]]] = [(0, (), [])]
    open_headings: list[tuple[int, str]] = []
    for block in document.blocks:
        if block.kind == "heading":
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
