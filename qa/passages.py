"""Cut sections into passages, what is searched and cited: the third stage."""

import hashlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from qa.documents import Document
from qa.formats import Block
from qa.leads import is_named_quotation, leads_up
from qa.sections import Section
from qa.sentences import Span, sentence_spans

TARGET_CHARS = 1000  # a passage grows up to this; measured best between 600 and 1,000 (docs/evaluation.md)
MAX_CHARS = 1200  # never more, whatever the text is like
OVERLAP_CHARS = 300  # a longer last sentence is not repeated in the next passage
MARKER_CHARS = 20  # kept free for the marker of a list item
CONTEXT_CHARS = 200  # of a title, heading or opening, in front of what is embedded: a longer one would drown the text
SHORT_LABEL_CHARS = 60  # a shorter first sentence of a list item ("Odo.") stays with the second


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of one document, searched and cited whole: `text == document.text[start:end]`."""

    id: str  # from document, place and text: same input, same id
    document_id: str
    headings: tuple[str, ...]  # outermost first, () above the first heading
    start: int  # in code points of the document's text
    end: int  # exclusive
    text: str
    sentences: tuple[Span, ...]  # at least one; in code points of the document's text, in order, within start..end
    context: str  # title, headings and, within a list, its lead-in: put in front when embedding, never cited
    continuing: int  # how many of its first sentences go on with a paragraph or list item that begins above it
    opening: str  # the first sentence of that paragraph or item, "" where there is none: searched, never cited

    @property
    def preamble(self) -> str:
        """What is to be known for the sentences that go on with a paragraph."""
        return self.context + self.opening

    def words(self, span: Span) -> str:
        """Return the text at a span of the document that lies within the passage, such as one of `sentences`."""
        return self.text[span[0] - self.start : span[1] - self.start]


@dataclass(frozen=True, slots=True)
class _Unit:
    """A sentence, list item or table row with what may stand between it and the one before."""

    start: int  # of the piece, with the marker of a list item
    sentence: Span
    block: int
    glued: bool  # must not be parted from the unit before it
    lead_in: str
    opening: str  # the first sentence of its paragraph or item if that is another unit, else ""


def passages_of(document: Document, section: Section) -> list[Passage]:
    """Return the passages of one section, in order: whole sentences, at most MAX_CHARS, overlapping by a sentence."""
    units = _units(document, section)
    passages = []
    first = 0
    after = 0
    while after < len(units):
        after = _end_of_passage(units, first, after)
        passages.append(_passage(document, section, units[first:after]))
        if after < len(units):
            first = _start_of_next(units, first, after)
    return passages


def _units(document: Document, section: Section) -> list[_Unit]:
    units: list[_Unit] = []
    lead_in, in_list = "", False
    for number, block in enumerate(section.blocks):
        is_list = block.kind in ("item", "header", "row")
        if is_list and not in_list:
            lead_in = _lead_in(document, section.blocks[number - 1]) if number else ""
        spans = _block_sentences(document, block)
        for i, span in enumerate(spans):
            glued = (
                (i == 0 and number > 0 and _belongs_to(document, section.blocks[number - 1], block))
                or (is_list and i > 0 and units[-1].sentence[1] - units[-1].start < SHORT_LABEL_CHARS)
                or (i > 0 and document.text[span[0]] in "([")  # a source or an aside
            )
            start = block.start if i == 0 and span[0] - block.start <= MARKER_CHARS else span[0]
            opening = document.text[slice(*spans[0])] if i and block.kind in ("paragraph", "item") else ""
            units.append(_Unit(start, span, number, glued, lead_in if is_list else "", opening))
        in_list = is_list
    return units


def _block_sentences(document: Document, block: Block) -> list[Span]:
    if block.kind != "code":
        return sentence_spans(document.text, block.content, block.end, document.language, MAX_CHARS - MARKER_CHARS)
    spans, start = [], block.start
    for line in document.text[block.start : block.end].splitlines(keepends=True):
        spans += sentence_spans(document.text, start, start + len(line), document.language, MAX_CHARS - MARKER_CHARS)
        start += len(line)
    return spans


def _belongs_to(document: Document, above: Block, block: Block) -> bool:
    """Tell whether a block must not be parted from the one above it."""
    return leads_up(document, above, block) or is_named_quotation(document, above, block)


def _lead_in(document: Document, block: Block) -> str:
    """Return the last sentence of the paragraph above a list if it introduces the list, else ""."""
    if block.kind != "paragraph":
        return ""
    spans = _block_sentences(document, block)
    text = document.text[spans[-1][0] : spans[-1][1]] if spans else ""
    return text if text.endswith(":") and len(text) <= OVERLAP_CHARS else ""


def _end_of_passage(units: list[_Unit], first: int, covered: int) -> int:
    """Return the unit after the last one of the passage that begins at `first` and takes in at least unit `covered`.

    What is left of the section is shared out evenly, so that no short rest remains; of the places within reach, the end
    of a paragraph or list item is preferred.
    """
    begin = units[first].start
    rest = units[-1].sentence[1] - begin
    if rest <= MAX_CHARS:
        return len(units)
    ideal = rest / -(-rest // TARGET_CHARS)
    best, best_cost = covered + 1, float("inf")
    for after in range(covered + 1, len(units) + 1):
        length = units[after - 1].sentence[1] - begin
        if length > TARGET_CHARS and after > covered + 1 and (length > MAX_CHARS or best_cost < float("inf")):
            break
        if after < len(units) and units[after].glued:
            best = after if best_cost == float("inf") else best  # where nothing can be parted, as much as has room
            continue
        inside_block = after < len(units) and units[after].block == units[after - 1].block
        cost = abs(length - ideal) + (150 if inside_block else 0)
        if cost < best_cost:
            best, best_cost = after, cost
    return best


def _start_of_next(units: list[_Unit], first: int, after: int) -> int:
    """Return where the next passage begins: one sentence back, two when they are short, none when it is long."""
    start = after
    for back in (1, 2):
        candidate = after - back
        if candidate <= first or units[after - 1].sentence[1] - units[candidate].start > OVERLAP_CHARS // back:
            break
        if units[after].sentence[1] - units[candidate].start > MAX_CHARS:
            break
        if not units[candidate].glued:
            start = candidate
    return start


def _passage(document: Document, section: Section, units: list[_Unit]) -> Passage:
    start, end = units[0].start, units[-1].sentence[1]
    text = document.text[start:end]
    opening = units[0].opening[:CONTEXT_CHARS]
    key = "\0".join((document.path, str(start), str(end), text)).encode()
    return Passage(
        id=hashlib.sha256(key).hexdigest()[:16],
        document_id=document.id,
        headings=section.headings,
        start=start,
        end=end,
        text=text,
        sentences=tuple(unit.sentence for unit in units),
        context=_context(document, section, units[0].lead_in if units[0].lead_in not in text else ""),
        continuing=sum(unit.block == units[0].block for unit in units) if opening else 0,
        opening=f"{opening} " if opening else "",
    )


def _context(document: Document, section: Section, lead_in: str) -> str:
    # A title that is only the file's name says nothing about the text.
    title = "" if document.title == PurePosixPath(document.path).stem else document.title
    path = " › ".join(part[:CONTEXT_CHARS] for part in (title, *section.headings) if part)
    return (f"{path}. " if path else "") + (f"{lead_in} " if lead_in else "")
